// Products of matrices, in register tiles of kTileRows rows and kTileVectors vectors; and the sums over timesteps and
// sequences that gradients of weights are.

#pragma once

#include "layout.h"

namespace {

// A sum of products Σ_k a(row, k) m(k, column), in `blocks` runs of `count` numbers k, which lets padding be left out.
struct Operand {
    const real *a;
    int64_t a_row, a_k = 1, a_block = 0;  // from one row, k or block to the next
    const real *m;
    int64_t m_k, m_block = 0, count, blocks = 1;
};

struct Destination {
    real *out;
    int64_t row;        // from one row to the next
    const real *start;  // what the sums start from
    int64_t start_row = 0;
    const real *state = nullptr;  // h, for the slope
    int64_t rows, columns;
};

enum Finish {
    PLAIN,
    BY_TANH,
    BY_RELU,
    BY_SIGMOID,
    BY_LEAKY_RELU,
    BY_HARD_TANH,
    TANH_SLOPE,
    RELU_SLOPE,
    SIGMOID_SLOPE,
    LEAKY_RELU_SLOPE,
    HARD_TANH_SLOPE
};

constexpr real kLeak = static_cast<real>(0.01);  // rnnlab/nets/nonlinearities.py

INLINE vec finished(Finish finish, vec sum, const real *state, int64_t place) {
    switch (finish) {
        case PLAIN: return sum;
        case BY_TANH: return vtanh(sum);
        case BY_RELU: return sum < vec{} ? vec{} : sum;  // NaN stays
        case BY_SIGMOID: return vsigmoid(sum);
        case BY_LEAKY_RELU: return sum < vec{} ? kLeak * sum : sum;
        case BY_HARD_TANH: return larger(smaller(sum, all(1)), all(-1));  // NaN stays
        case TANH_SLOPE: return sum * (one - load(state + place) * load(state + place));
        case RELU_SLOPE: return load(state + place) > vec{} ? sum : vec{};
        case SIGMOID_SLOPE: return sum * (load(state + place) * (one - load(state + place)));
        case LEAKY_RELU_SLOPE: return load(state + place) > vec{} ? sum : kLeak * sum;
        case HARD_TANH_SLOPE: {
            const vec h = load(state + place);
            return h < all(1) ? (h > all(-1) ? sum : vec{}) : vec{};
        }
    }
    __builtin_unreachable();
}

// kTileRows rows and `vectors` vectors of the result, summed in registers. `along`: a's rows lie side by side.
INLINE void tile(const Operand *operands, int64_t count, const Destination &to, int64_t row, int64_t column,
                 const int vectors, const bool along, const Finish finish) {
    vec sum[kTileRows][kTileVectors];
    UNROLLED (r, kTileRows)
        UNROLLED (v, vectors) sum[r][v] = load(to.start + (row + r) * to.start_row + column + v * kLanes);
    for (const Operand *o = operands; o < operands + count; o++) {
        for (int64_t block = 0; block < o->blocks; block++) {
            const real *a = o->a + block * o->a_block + row * (along ? 1 : o->a_row);
            const real *m = o->m + block * o->m_block + column;
            const int64_t a_row = along ? 1 : o->a_row, a_k = along ? o->a_k : 1;
            for (int64_t k = 0; k < o->count; k++, a += a_k, m += o->m_k) {
                vec x[kTileVectors];
                UNROLLED (v, vectors) x[v] = load(m + v * kLanes);
                UNROLLED (r, kTileRows)
                    UNROLLED (v, vectors) sum[r][v] += a[r * a_row] * x[v];
            }
        }
    }
    UNROLLED (r, kTileRows)
        UNROLLED (v, vectors) {
            const int64_t place = (row + r) * to.row + column + v * kLanes;
            store(to.out + place, finished(finish, sum[r][v], to.state, place));
        }
}

// The columns from `column` on, as far as tiles of `vectors` vectors reach; returns where they end.
INLINE int64_t tile_columns(const int vectors, const Operand *operands, int64_t count, const Destination &to,
                            int64_t column, const bool along, const Finish finish) {
    for (; column + vectors * kLanes <= to.columns; column += vectors * kLanes)
        for (int64_t row = 0; row < to.rows; row += kTileRows)
            tile(operands, count, to, row, column, vectors, along, finish);
    return column;
}

INLINE void product(const Operand *operands, int64_t count, const Destination &to, const bool along,
                    const Finish finish) {
    int64_t column = tile_columns(kTileVectors, operands, count, to, 0, along, finish);
    if (kTileVectors > 2) column = tile_columns(2, operands, count, to, column, along, finish);
    tile_columns(1, operands, count, to, column, along, finish);
}

void plain_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, PLAIN); }
void tanh_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, BY_TANH); }
void relu_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, BY_RELU); }
void sigmoid_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, BY_SIGMOID); }
void leaky_relu_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, BY_LEAKY_RELU); }
void hard_tanh_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, BY_HARD_TANH); }
void tanh_slope_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, TANH_SLOPE); }
void relu_slope_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, RELU_SLOPE); }
void sigmoid_slope_product(const Operand *o, int64_t n, const Destination &to) {
    product(o, n, to, false, SIGMOID_SLOPE);
}
void leaky_relu_slope_product(const Operand *o, int64_t n, const Destination &to) {
    product(o, n, to, false, LEAKY_RELU_SLOPE);
}
void hard_tanh_slope_product(const Operand *o, int64_t n, const Destination &to) {
    product(o, n, to, false, HARD_TANH_SLOPE);
}
void gradient_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, true, PLAIN); }

// The first `count` inputs or states of the sequences of one timestep against weights as the forward pass reads them.
Operand against(const Series &s, int64_t t, int64_t count, const real *weights, int64_t weights_row) {
    return {.a = s.at(t), .a_row = s.row, .m = weights, .m_k = weights_row, .count = count};
}

// Gradients by what has `gates` gates of `units` real numbers each against weights, transposed, with rows of Hp.
Operand back_through(const Plan &p, const Series &s, int64_t t, int64_t gates, int64_t units, const real *weights) {
    return {.a = s.at(t),
            .a_row = s.row,
            .a_block = p.Hp,
            .m = weights,
            .m_k = p.Hp,
            .m_block = p.Hp * p.Hp,
            .count = units,
            .blocks = gates};
}

// Timesteps from <= t < to.
struct Span {
    int64_t from, to;
};

// out += Σ over a span and the real sequences of the rows of s, each times its number in `scale`, if that is given.
void add_rows(const Plan &p, real *out, const Series &s, Span span, const Series *scale = nullptr) {
    for (int64_t j = 0; j < s.row; j += kLanes) {
        vec sum[4] = {load(out + j)};
        for (int64_t t = span.from; t < span.to; t++) {
            const real *at = s.at(t) + j, *by = scale ? scale->at(t) : nullptr;
            for (int64_t b = 0; b < p.B; b++) sum[b & 3] += (by ? by[b] : one) * load(at + b * s.row);
        }
        store(out + j, (sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
}

// out += Σ over a span and the real sequences of a's row times the first `columns` numbers of b's row.
void add_outer(const Plan &p, real *out, int64_t out_row, const Series &a, const Series &b, int64_t columns,
               Span span) {
    const int64_t timesteps = span.to - span.from;
    if (timesteps <= 0) return;
    const bool whole = p.B == p.Bp;
    const Operand o{.a = a.at(span.from),
                    .a_row = 1,
                    .a_k = a.row,
                    .a_block = a.step,
                    .m = b.at(span.from),
                    .m_k = b.row,
                    .m_block = b.step,
                    .count = whole ? timesteps * p.B : p.B,
                    .blocks = whole ? 1 : timesteps};
    const Destination sums{
        .out = out, .row = out_row, .start = out, .start_row = out_row, .rows = a.row, .columns = columns};
    gradient_product(&o, 1, sums);
}

// (rows, columns) at `from` becomes (columns, rows) at `to`.
void transpose(const real *from, int64_t rows, int64_t columns, real *to) {
    for (int64_t i = 0; i < rows; i += kLanes)
        for (int64_t j = 0; j < columns; j += kLanes)
            transpose_block(from + i * columns + j, columns, to + j * rows + i, rows);
}

}  // namespace
