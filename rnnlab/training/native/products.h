// Products of matrices, in register tiles of R rows and V vectors; and the sums over timesteps and sequences that
// gradients of weights are.

#pragma once

#include "layout.h"

namespace {

// A sum of products Σ_k a(row, k) m(k, column), in `blocks` runs of `count` numbers k, which lets padding be left out.
struct Operand {
    const float *a;
    int64_t a_row, a_k, a_block;  // from one row, k or block to the next
    const float *m;
    int64_t m_k, m_block, count, blocks;
};

struct Destination {
    float *out;
    int64_t row;         // from one row to the next
    const float *start;  // what the sums start from
    int64_t start_row;
    const float *state;  // h, for the slope
    int64_t rows, columns;
};

enum Finish { PLAIN, BY_TANH, BY_RELU, TANH_SLOPE, RELU_SLOPE };

INLINE vec finished(Finish finish, vec sum, const float *state, int64_t place) {
    if (finish == BY_TANH) return vtanh(sum);
    if (finish == BY_RELU) return sum < 0.0f ? vec{} : sum;  // NaN stays
    if (finish == TANH_SLOPE) return sum * (1.0f - load(state + place) * load(state + place));
    if (finish == RELU_SLOPE) return load(state + place) > 0.0f ? sum : vec{};
    return sum;
}

// R rows and `wide` vectors of the result, summed in registers. `along`: a's rows lie side by side.
INLINE void tile(const Operand *operands, int64_t count, const Destination &to, int64_t row, int64_t column,
                 const int wide, const bool along, const Finish finish) {
    vec sum[R][V];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int v = 0; v < wide; v++) sum[r][v] = load(to.start + (row + r) * to.start_row + column + v * W);
    for (const Operand *o = operands; o < operands + count; o++) {
        for (int64_t block = 0; block < o->blocks; block++) {
            const float *a = o->a + block * o->a_block + row * (along ? 1 : o->a_row);
            const float *m = o->m + block * o->m_block + column;
            const int64_t a_row = along ? 1 : o->a_row, a_k = along ? o->a_k : 1;
            for (int64_t k = 0; k < o->count; k++, a += a_k, m += o->m_k) {
                vec x[V];
                UNROLL for (int v = 0; v < wide; v++) x[v] = load(m + v * W);
                UNROLL for (int r = 0; r < R; r++)
                    UNROLL for (int v = 0; v < wide; v++) sum[r][v] += a[r * a_row] * x[v];
            }
        }
    }
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int v = 0; v < wide; v++) {
            const int64_t place = (row + r) * to.row + column + v * W;
            store(to.out + place, finished(finish, sum[r][v], to.state, place));
        }
}

// The columns from `column` on, as far as tiles of `wide` vectors reach; returns where they end.
INLINE int64_t tile_columns(const int wide, const Operand *operands, int64_t count, const Destination &to,
                            int64_t column, const bool along, const Finish finish) {
    for (; column + wide * W <= to.columns; column += wide * W)
        for (int64_t row = 0; row < to.rows; row += R) tile(operands, count, to, row, column, wide, along, finish);
    return column;
}

INLINE void product(const Operand *operands, int64_t count, const Destination &to, const bool along,
                    const Finish finish) {
    int64_t column = tile_columns(V, operands, count, to, 0, along, finish);
    if (V > 2) column = tile_columns(2, operands, count, to, column, along, finish);
    tile_columns(1, operands, count, to, column, along, finish);
}

void plain_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, PLAIN); }
void tanh_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, BY_TANH); }
void relu_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, BY_RELU); }
void tanh_slope_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, TANH_SLOPE); }
void relu_slope_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, false, RELU_SLOPE); }
void gradient_product(const Operand *o, int64_t n, const Destination &to) { product(o, n, to, true, PLAIN); }

// One timestep of inputs or states against weights as the forward pass reads them.
Operand against(const float *a, int64_t a_row, const float *weights, int64_t weights_row, int64_t count) {
    return {a, a_row, 1, 0, weights, weights_row, 0, count, 1};
}

// out += Σ over timesteps and real sequences of scale · m(row), or of m(row) where scale is null.
void add_weighted_rows(const Plan &p, float *out, const float *m, int64_t m_row, const float *scale, int64_t columns,
                       int64_t from, int64_t to) {
    for (int64_t j = 0; j < columns; j += W) {
        vec sum[4] = {load(out + j)};
        for (int64_t t = from; t < to; t++) {
            const float *at = m + t * p.Bp * m_row + j, *by = scale + (scale ? t * p.Bp : 0);
            for (int64_t b = 0; b < p.B; b++) sum[b & 3] += (scale ? by[b] : 1.0f) * load(at + b * m_row);
        }
        store(out + j, (sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
}

// out += Σ over the timesteps from <= t < to and real sequences of a's row times dz's row: dL/dW with x or h for a.
void add_outer(const Plan &p, float *out, int64_t rows, const float *a, int64_t a_row, const float *dz, int64_t dz_row,
               int64_t out_row, int64_t columns, int64_t from, int64_t to) {
    if (from >= to) return;
    const bool whole = p.B == p.Bp;
    const Operand o = {a + from * p.Bp * a_row, 1, a_row, p.Bp * a_row, dz + from * p.Bp * dz_row, dz_row,
                       p.Bp * dz_row, whole ? (to - from) * p.B : p.B, whole ? 1 : to - from};
    gradient_product(&o, 1, {out, out_row, out, out_row, nullptr, rows, columns});
}

void transpose(const float *from, int64_t rows, int64_t columns, float *to) {
    for (int64_t i = 0; i < rows; i += W)
        for (int64_t j = 0; j < columns; j += W)
            transpose_block(from + i * columns + j, columns, to + j * rows + i, rows);
}

}  // namespace
