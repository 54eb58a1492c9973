// One net trained on many batches: forward, backward through time, clipping, optimizer. Compiled once for each
// instruction set, by VECTOR_BYTES and KERNEL.
//
//   Elman   z = W_ih x_t + W_hh h_{t-1} + b,   h_t = σ(z)                        dL/dz = dL/dh_t σ'(z)
//   LSTM    i, f, o = sigmoid, g = tanh of the four parts of z                    (nets/cells.py)
//           c_t = f c_{t-1} + i g,   h_t = o tanh(c_t)
//   GRU     r, z = sigmoid(W_ih x_t + W_hh h_{t-1} + b),   q = W_hn h_{t-1} + b_hn
//           n = tanh(W_in x_t + b_in + r q),   h_t = n + z (h_{t-1} - n)
//   all     dL/dh_{t-1} = W_hhᵀ dL/dz_t + what comes from the layer above;   dL/dW_hh = Σ_t dL/dz_t h_{t-1}ᵀ
//
// T timesteps, B sequences, I inputs, H hidden units, O outputs, G gates x H. Arrays lie as (T, B, H), the units side
// by side. In memory H, and each gate of G, is padded to whole vectors (Hp, Gp) and B to whole tiles (Bp). Padding is
// written and never read into anything real: every sum runs over the real units and sequences only.
//
// Weights are kept as the forward pass reads them, transposed: (I, G), (H, G); `back` holds copies for the way back.

#include "kernel.h"

#include "vectors.h"

namespace {

const long R = TILE_ROWS;  // rows of a register tile; with two vectors in each row its sums fill the registers

long round_up(long n, long to) { return (n + to - 1) / to * to; }

// ------------------------------------------------------------------------------------------------ where things lie

struct Layer {
    long inputs, inputs_row;  // real inputs, and the distance between two timesteps' rows of them
    float *weight_ih, *weight_hh, *bias, *bias_hn;                      // (inputs, Gp), (Hp, Gp), (Gp), (Hp)
    float *d_weight_ih, *d_weight_hh, *d_bias, *d_bias_hn;              // dL/d of the same
    float *back_ih, *back_hh;                                           // (Gp, Hp)
    const float *x;                                                     // (T, Bp, inputs_row)
    float *h, *z;                                                       // (T + 1, Bp, Hp) from h_{-1} = 0; (T, Bp, Gp)
    float *c, *s;                                                       // LSTM: cells, like h; tanh of them, (T, Bp, Hp)
    float *q;                                                           // GRU: (T, Bp, Hp)
};

// Hands out memory in whole cache lines; with base null it only counts.
struct Arena {
    float *base;
    long used;
    float *take(long floats) {
        float *place = base ? base + used : nullptr;
        used += round_up(floats, 16);
        return place;
    }
};

struct Plan {
    long I, H, O, T, B, L, gates, Hp, Gp, Bp, Op, Ip, P;  // P: all parameters, with their padding
    long cell, nonlinearity, loss, first;                 // first timestep that counts in the loss
    float *parameters, *gradient, *moment1, *moment2, *zeros;
    float *readout, *d_readout, *readout_bias, *d_readout_bias, *forward_readout;  // (Op, Hp), (Op), (Hp, Op)
    float *x, *target, *y, *dh, *carry;
    Layer *layers;
};

// Lays one layer's weights out at `at`; returns what comes behind.
float *lay_weights(const Plan &p, float *at, Layer &layer, bool gradient, long rows_ih) {
    float *ih = at, *hh = ih + rows_ih * p.Gp, *bias = hh + p.Hp * p.Gp, *bias_hn = bias + p.Gp;
    if (gradient) layer.d_weight_ih = ih, layer.d_weight_hh = hh, layer.d_bias = bias, layer.d_bias_hn = bias_hn;
    else layer.weight_ih = ih, layer.weight_hh = hh, layer.bias = bias, layer.bias_hn = bias_hn;
    return bias_hn + (p.cell == GRU ? p.Hp : 0);
}

// Lays out everything a training needs. Without memory it only counts the floats, which it returns.
long lay_out(const Recipe &r, float *memory, Plan &p) {
    p.I = r.inputs, p.H = r.hidden, p.O = r.outputs, p.T = r.timesteps, p.B = r.batch, p.L = r.layers;
    p.cell = r.cell, p.nonlinearity = r.nonlinearity, p.loss = r.loss;
    p.first = r.last_timestep_only ? p.T - 1 : 0;
    p.gates = r.cell == LSTM ? 4 : r.cell == GRU ? 3 : 1;
    p.Hp = round_up(p.H, W), p.Gp = p.gates * p.Hp, p.Bp = round_up(p.B, R);
    p.Op = p.O == 1 ? 1 : round_up(p.O, W), p.Ip = p.I == 1 ? 1 : round_up(p.I, R);
    const long per_layer = p.Hp * p.Gp + p.Gp + (p.cell == GRU ? p.Hp : 0);
    p.P = p.L * per_layer + (p.Ip + (p.L - 1) * p.Hp) * p.Gp + p.Op * p.Hp + round_up(p.Op, W);

    Arena arena{memory, 0};
    p.layers = (Layer *)arena.take(round_up(p.L * sizeof(Layer), sizeof(float)) / sizeof(float));
    p.parameters = arena.take(p.P), p.gradient = arena.take(p.P);
    p.moment1 = arena.take(p.P), p.moment2 = arena.take(p.P);
    p.zeros = arena.take(p.Hp > p.Gp ? p.Hp : p.Gp);
    p.forward_readout = arena.take(p.O == 1 ? 0 : p.Hp * p.Op);
    p.x = arena.take(p.T * p.Bp * p.Ip), p.target = arena.take(p.T * p.Bp * p.Op);
    p.dh = arena.take(p.Bp * p.Hp), p.carry = arena.take(p.Bp * p.Hp);
    float *at = p.parameters, *d_at = p.gradient;
    for (long l = 0; l < p.L; l++) {
        Layer layer{};
        layer.inputs = l ? p.H : p.I, layer.inputs_row = l ? p.Hp : p.Ip;
        layer.x = l == 0 ? p.x : memory ? p.layers[l - 1].h + p.Bp * p.Hp : nullptr;
        layer.back_hh = arena.take(p.Gp * p.Hp), layer.back_ih = arena.take(l ? p.Gp * p.Hp : 0);
        layer.h = arena.take((p.T + 1) * p.Bp * p.Hp), layer.z = arena.take(p.T * p.Bp * p.Gp);
        layer.c = arena.take(p.cell == LSTM ? (p.T + 1) * p.Bp * p.Hp : 0);
        layer.s = arena.take(p.cell == LSTM ? p.T * p.Bp * p.Hp : 0);
        layer.q = arena.take(p.cell == GRU ? p.T * p.Bp * p.Hp : 0);
        if (!memory) continue;
        at = lay_weights(p, at, layer, false, layer.inputs_row);
        d_at = lay_weights(p, d_at, layer, true, layer.inputs_row);
        p.layers[l] = layer;
    }
    p.readout = at, p.d_readout = d_at;
    p.readout_bias = at + p.Op * p.Hp, p.d_readout_bias = d_at + p.Op * p.Hp;
    p.y = arena.take(p.T * p.Bp * p.Op + W);  // a row of W sums may reach beyond the last sequence
    arena.take(W * p.Hp);                     // and is read from so many rows
    return arena.used;
}

// Copies between a flat row, laid out as rnnlab.nets.parameters says, and the padded, transposed weights.
enum Direction { INTO_WEIGHTS, OUT_OF_WEIGHTS };

void copy_matrix(Direction direction, float *&flat, float *weights, long gates, long H, long Hp, long columns, long row,
                 long step) {
    for (long g = 0; g < gates; g++)
        for (long i = 0; i < H; i++)
            for (long k = 0; k < columns; k++, flat++) {
                float &weight = weights[k * row + (g * Hp + i) * step];
                if (direction == INTO_WEIGHTS) weight = *flat;
                else *flat = weight;
            }
}

// `like`: p.parameters or the moments, which lie alike.
void copy_net(Direction direction, const Plan &p, float *flat, float *like) {
    const long shift = like - p.parameters;
    for (long l = 0; l < p.L; l++) {
        const Layer &layer = p.layers[l];
        copy_matrix(direction, flat, layer.weight_ih + shift, p.gates, p.H, p.Hp, layer.inputs, p.Gp, 1);
        copy_matrix(direction, flat, layer.weight_hh + shift, p.gates, p.H, p.Hp, p.H, p.Gp, 1);
        copy_matrix(direction, flat, layer.bias + shift, p.gates, p.H, p.Hp, 1, p.Gp, 1);
        if (p.cell == GRU) copy_matrix(direction, flat, layer.bias_hn + shift, 1, p.H, p.Hp, 1, p.Hp, 1);
    }
    copy_matrix(direction, flat, p.readout + shift, 1, p.O, p.Op, p.H, 1, p.Hp);
    copy_matrix(direction, flat, p.readout_bias + shift, 1, p.O, p.Op, 1, p.Op, 1);
}

// ------------------------------------------------------------------------------------------------ products

// A sum of products Σ_k a(row, k) m(k, column), in `blocks` runs of `count` numbers k, which lets padding be left out.
struct Operand {
    const float *a;
    long a_row, a_k, a_block;
    const float *m;
    long m_k, m_block, count, blocks;
};

struct Destination {
    float *out;
    long row;                          // from one row to the next
    const float *start;                // what the sums start from
    long start_row;
    const float *state;                // h, for the slope
    long rows, columns;
};

enum Finish { PLAIN, BY_TANH, BY_RELU, TANH_SLOPE, RELU_SLOPE };

INLINE vec finished(Finish finish, vec sum, const float *state) {
    if (finish == BY_TANH) return vtanh(sum);
    if (finish == BY_RELU) return sum < 0.0f ? vec{} : sum;  // NaN stays
    if (finish == TANH_SLOPE) return sum * (1.0f - load(state) * load(state));
    if (finish == RELU_SLOPE) return load(state) > 0.0f ? sum : vec{};
    return sum;
}

// R rows and `wide` vectors of the result, summed in registers. `along`: a's rows lie side by side.
INLINE void tile(const Operand *operands, long count, const Destination &to, long row, long column, const int wide,
                 const bool along, const Finish finish) {
    vec sum[R][2];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int v = 0; v < wide; v++) sum[r][v] = load(to.start + (row + r) * to.start_row + column + v * W);
    for (const Operand *o = operands; o < operands + count; o++) {
        for (long block = 0; block < o->blocks; block++) {
            const float *a = o->a + block * o->a_block + row * (along ? 1 : o->a_row);
            const float *m = o->m + block * o->m_block + column;
            const long a_row = along ? 1 : o->a_row, a_k = along ? o->a_k : 1;
            for (long k = 0; k < o->count; k++, a += a_k, m += o->m_k) {
                vec x[2];
#pragma GCC unroll 2
                for (int v = 0; v < wide; v++) x[v] = load(m + v * W);
#pragma GCC unroll 16
                for (int r = 0; r < R; r++)
#pragma GCC unroll 2
                    for (int v = 0; v < wide; v++) sum[r][v] += a[r * a_row] * x[v];
            }
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int v = 0; v < wide; v++) {
            const long place = (row + r) * to.row + column + v * W;
            store(to.out + place, finished(finish, sum[r][v], to.state + place));
        }
}

INLINE void product(const Operand *operands, long count, const Destination &to, const bool along,
                    const Finish finish) {
    long column = 0;
    for (; column + 2 * W <= to.columns; column += 2 * W)
        for (long row = 0; row < to.rows; row += R) tile(operands, count, to, row, column, 2, along, finish);
    for (; column < to.columns; column += W)
        for (long row = 0; row < to.rows; row += R) tile(operands, count, to, row, column, 1, along, finish);
}

void plain_product(const Operand *o, long n, const Destination &to) { product(o, n, to, false, PLAIN); }
void tanh_product(const Operand *o, long n, const Destination &to) { product(o, n, to, false, BY_TANH); }
void relu_product(const Operand *o, long n, const Destination &to) { product(o, n, to, false, BY_RELU); }
void tanh_slope_product(const Operand *o, long n, const Destination &to) { product(o, n, to, false, TANH_SLOPE); }
void relu_slope_product(const Operand *o, long n, const Destination &to) { product(o, n, to, false, RELU_SLOPE); }
void gradient_product(const Operand *o, long n, const Destination &to) { product(o, n, to, true, PLAIN); }

// out += Σ over timesteps and real sequences of scale · m(row), or of m(row) where scale is null.
void add_weighted_rows(const Plan &p, float *out, const float *m, long m_row, const float *scale, long columns,
                       long from, long to) {
    for (long j = 0; j < columns; j += W) {
        vec sum[4] = {load(out + j)};
        for (long t = from; t < to; t++) {
            const float *at = m + t * p.Bp * m_row + j, *by = scale + (scale ? t * p.Bp : 0);
            for (long b = 0; b < p.B; b++) sum[b & 3] += (scale ? by[b] : 1.0f) * load(at + b * m_row);
        }
        store(out + j, (sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
}

void transpose(const float *from, long rows, long columns, float *to) {
    for (long i = 0; i < rows; i += W)
        for (long j = 0; j < columns; j += W) transpose_block(from + i * columns + j, columns, to + j * rows + i, rows);
}

// ------------------------------------------------------------------------------------------------ forward

// One timestep of inputs or states against weights as the forward pass reads them.
Operand against(const float *a, long a_row, const float *weights, long weights_row, long count) {
    return {a, a_row, 1, 0, weights, weights_row, 0, count, 1};
}

void forward_elman(const Plan &p, const Layer &l) {
    auto *step = p.nonlinearity == TANH ? tanh_product : p.nonlinearity == RELU ? relu_product : plain_product;
    for (long t = 0; t < p.T; t++) {
        float *h = l.h + t * p.Bp * p.Hp;
        const Operand drive[] = {against(l.x + t * p.Bp * l.inputs_row, l.inputs_row, l.weight_ih, p.Gp, l.inputs),
                                 against(h, p.Hp, l.weight_hh, p.Gp, t ? p.H : 0)};
        step(drive, 2, {h + p.Bp * p.Hp, p.Hp, l.bias, 0, nullptr, p.Bp, p.Hp});
    }
}

void forward_lstm(const Plan &p, const Layer &l) {
    const long n = p.Bp * p.Hp;
    for (long t = 0; t < p.T; t++) {
        const float *h = l.h + t * n;
        float *z = l.z + t * p.Bp * p.Gp, *c = l.c + t * n, *s = l.s + t * n, *h_next = l.h + (t + 1) * n;
        const Operand drive[] = {against(l.x + t * p.Bp * l.inputs_row, l.inputs_row, l.weight_ih, p.Gp, l.inputs),
                                 against(h, p.Hp, l.weight_hh, p.Gp, t ? p.H : 0)};
        plain_product(drive, 2, {z, p.Gp, l.bias, 0, nullptr, p.Bp, p.Gp});
        for (long b = 0; b < p.Bp; b++, z += p.Gp, c += p.Hp, s += p.Hp, h_next += p.Hp)
            for (long j = 0; j < p.Hp; j += W) {
                vec i = vsigmoid(load(z + j)), f = vsigmoid(load(z + p.Hp + j));
                vec g = vtanh(load(z + 2 * p.Hp + j)), o = vsigmoid(load(z + 3 * p.Hp + j));
                vec c_next = f * load(c + j) + i * g, tanh_c = vtanh(c_next);
                store(z + j, i), store(z + p.Hp + j, f), store(z + 2 * p.Hp + j, g), store(z + 3 * p.Hp + j, o);
                store(c + n + j, c_next), store(s + j, tanh_c), store(h_next + j, o * tanh_c);
            }
    }
}

void forward_gru(const Plan &p, const Layer &l) {
    const long n = p.Bp * p.Hp;
    for (long t = 0; t < p.T; t++) {
        const float *h = l.h + t * n;
        float *z = l.z + t * p.Bp * p.Gp, *q = l.q + t * n, *h_next = l.h + (t + 1) * n;
        const Operand drive[] = {against(l.x + t * p.Bp * l.inputs_row, l.inputs_row, l.weight_ih, p.Gp, l.inputs),
                                 against(h, p.Hp, l.weight_hh, p.Gp, t ? p.H : 0)};
        Operand drive_n = drive[0], recurrent_n = drive[1];
        drive_n.m += 2 * p.Hp, recurrent_n.m += 2 * p.Hp;
        plain_product(drive, 2, {z, p.Gp, l.bias, 0, nullptr, p.Bp, 2 * p.Hp});
        plain_product(&drive_n, 1, {z + 2 * p.Hp, p.Gp, l.bias + 2 * p.Hp, 0, nullptr, p.Bp, p.Hp});
        plain_product(&recurrent_n, 1, {q, p.Hp, l.bias_hn, 0, nullptr, p.Bp, p.Hp});
        for (long b = 0; b < p.Bp; b++, z += p.Gp, q += p.Hp, h += p.Hp, h_next += p.Hp)
            for (long j = 0; j < p.Hp; j += W) {
                vec r = vsigmoid(load(z + j)), u = vsigmoid(load(z + p.Hp + j));
                vec n_ = vtanh(load(z + 2 * p.Hp + j) + r * load(q + j));
                store(z + j, r), store(z + p.Hp + j, u), store(z + 2 * p.Hp + j, n_);
                store(h_next + j, n_ + u * (load(h + j) - n_));
            }
    }
}

// y = W h + b, at the timesteps that count.
void forward_readout(const Plan &p) {
    const float *h = p.layers[p.L - 1].h + p.Bp * p.Hp;
    const long first = p.first * p.Bp, last = p.T * p.Bp;
    if (p.O > 1) {
        const Operand drive = against(h + first * p.Hp, p.Hp, p.forward_readout, p.Op, p.H);
        plain_product(&drive, 1, {p.y + first * p.Op, p.Op, p.readout_bias, 0, nullptr, last - first, p.Op});
        return;
    }
    for (long row = first; row < last; row += W) {
        vec sum[W];
        for (int r = 0; r < W; r++) {
            sum[r] = vec{};
            for (long j = 0; j < p.Hp; j += W) sum[r] += load(h + (row + r) * p.Hp + j) * load(p.readout + j);
        }
        store(p.y + row, sums_of(sum) + p.readout_bias[0]);
    }
}

// ------------------------------------------------------------------------------------------------ loss

// Each loss writes dL/dy over y, zero in the padding, and returns L.

double squared_error(const Plan &p) {
    const long rows = p.T - p.first;
    const float scale = 2.0 / ((double)rows * p.B * p.O);
    vec sum[2] = {};
    for (long t = p.first; t < p.T; t++) {
        float *y = p.y + t * p.Bp * p.Op;
        const float *target = p.target + t * p.Bp * p.Op;
        for (long b = 0; b < p.B; b++)
            for (long o = 0; o < p.Op; o++) y[b * p.Op + o] = o < p.O ? y[b * p.Op + o] - target[b * p.Op + o] : 0.0f;
        for (long i = p.B * p.Op; i < p.Bp * p.Op; i++) y[i] = 0.0f;
    }
    long end = p.T * p.Bp * p.Op;
    for (long i = end; i < end + W; i++) p.y[i] = 0.0f;
    int parity = 0;
    for (long i = p.first * p.Bp * p.Op; i < end; i += W, parity ^= 1) {
        vec error = load(p.y + i);
        sum[parity] += error * error;
        store(p.y + i, error * scale);
    }
    double total = 0;
    for (int i = 0; i < W; i++) total += (double)sum[0][i] + (double)sum[1][i];
    return total / ((double)rows * p.B * p.O);
}

double cross_entropy(const Plan &p, const int64_t *classes) {
    const long rows = p.T - p.first;
    const float scale = 1.0 / ((double)rows * p.B);
    double total = 0;
    for (long t = p.first; t < p.T; t++) {
        float *y = p.y + t * p.Bp * p.Op;
        for (long b = 0; b < p.B; b++, y += p.Op) {
            float largest = y[0], sum = 0;
            for (long o = 1; o < p.O; o++) largest = y[o] > largest ? y[o] : largest;
            const long right = classes[b * p.T + t];
            const float logit = y[right] - largest;
            if (p.O == 1) {
                total += logit;  // nothing to choose from: 0, or NaN
                y[0] = logit;
                continue;
            }
            for (long o = p.O; o < p.Op; o++) y[o] = -__builtin_inff();
            vec sums = {};
            for (long o = 0; o < p.Op; o += W) {
                vec e = vexp(load(y + o) - largest);
                store(y + o, e);
                sums += e;
            }
            for (int i = 0; i < W; i++) sum += sums[i];
            total += __builtin_log((double)sum) - logit;
            for (long o = 0; o < p.Op; o += W) store(y + o, load(y + o) * (scale / sum));
            y[right] -= scale;
        }
        for (long i = 0; i < (p.Bp - p.B) * p.Op; i++) y[i] = 0.0f;
    }
    return total / ((double)rows * p.B);
}

// ------------------------------------------------------------------------------------------------ backward

// What reaches h_t from above: from the readout, or from the layer over it.
long from_above(const Plan &p, long layer, long t, Operand &o) {
    if (layer == p.L - 1) {
        if (t < p.first) return 0;
        o = {p.y + t * p.Bp * p.Op, p.Op, 1, 0, p.readout, p.Hp, 0, p.O, 1};
    } else {
        const Layer &above = p.layers[layer + 1];
        o = {above.z + t * p.Bp * p.Gp, p.Gp, 1, p.Hp, above.back_ih, p.Hp, p.Hp * p.Hp, p.H, p.gates};
    }
    return 1;
}

// What reaches h_t from z_{t+1}.
long from_later(const Plan &p, const Layer &l, long t, Operand *o) {
    if (t == p.T - 1) return 0;
    const long gates = p.cell == GRU ? 2 : p.gates;
    o[0] = {l.z + (t + 1) * p.Bp * p.Gp, p.Gp, 1, p.Hp, l.back_hh, p.Hp, p.Hp * p.Hp, p.H, gates};
    if (p.cell != GRU) return 1;
    o[1] = {l.q + (t + 1) * p.Bp * p.Hp, p.Hp, 1, 0, l.back_hh + 2 * p.Hp * p.Hp, p.Hp, 0, p.H, 1};
    return 2;
}

// Adds dL/dW of the timesteps from <= t < to: Σ over t and sequences of a row of x or h against a row of dL/dz.
void add_outer(const Plan &p, float *out, long rows, const float *a, long a_row, const float *dz, long dz_row,
               long out_row, long columns, long from, long to) {
    if (from >= to) return;
    const bool whole = p.B == p.Bp;
    const Operand o = {a + from * p.Bp * a_row, 1, a_row, p.Bp * a_row, dz + from * p.Bp * dz_row, dz_row,
                       p.Bp * dz_row, whole ? (to - from) * p.B : p.B, whole ? 1 : to - from};
    gradient_product(&o, 1, {out, out_row, out, out_row, nullptr, rows, columns});
}

void add_weight_gradients(const Plan &p, const Layer &l, long from, long to) {
    if (l.inputs_row == 1) add_weighted_rows(p, l.d_weight_ih, l.z, p.Gp, l.x, p.Gp, from, to);
    else add_outer(p, l.d_weight_ih, l.inputs_row, l.x, l.inputs_row, l.z, p.Gp, p.Gp, p.Gp, from, to);
    add_weighted_rows(p, l.d_bias, l.z, p.Gp, nullptr, p.Gp, from, to);
    const long recurrent = p.cell == GRU ? 2 * p.Hp : p.Gp, later = from ? from : 1;  // h_{-1} = 0
    add_outer(p, l.d_weight_hh, p.Hp, l.h, p.Hp, l.z, p.Gp, p.Gp, recurrent, later, to);
    if (p.cell != GRU) return;
    add_outer(p, l.d_weight_hh + 2 * p.Hp, p.Hp, l.h, p.Hp, l.q, p.Hp, p.Gp, p.Hp, later, to);
    add_weighted_rows(p, l.d_bias_hn, l.q, p.Hp, nullptr, p.Hp, from, to);
}

// dL/dh_t in p.dh becomes dL/dz_t, in the place of the gates; p.carry takes dL/dc to the step before.
void backward_lstm(const Plan &p, const Layer &l, long t) {
    const long n = p.Bp * p.Hp;
    float *z = l.z + t * p.Bp * p.Gp, *dh = p.dh, *carry = p.carry, *c = l.c + t * n, *s = l.s + t * n;
    for (long b = 0; b < p.Bp; b++, z += p.Gp, dh += p.Hp, carry += p.Hp, c += p.Hp, s += p.Hp)
        for (long j = 0; j < p.Hp; j += W) {
            vec i = load(z + j), f = load(z + p.Hp + j), g = load(z + 2 * p.Hp + j), o = load(z + 3 * p.Hp + j);
            vec tanh_c = load(s + j), dL_dh = load(dh + j);
            vec dL_dc = dL_dh * o * (1.0f - tanh_c * tanh_c);
            if (t < p.T - 1) dL_dc += load(carry + j);
            store(carry + j, dL_dc * f);
            store(z + j, dL_dc * g * (i * (1.0f - i)));
            store(z + p.Hp + j, dL_dc * load(c + j) * (f * (1.0f - f)));
            store(z + 2 * p.Hp + j, dL_dc * i * (1.0f - g * g));
            store(z + 3 * p.Hp + j, dL_dh * tanh_c * (o * (1.0f - o)));
        }
}

// dL/dh_t in p.dh becomes dL/dz_t and, in the place of q, dL/dq; p.carry takes the direct path to h_{t-1}.
void backward_gru(const Plan &p, const Layer &l, long t) {
    const long n = p.Bp * p.Hp;
    float *z = l.z + t * p.Bp * p.Gp, *q = l.q + t * n, *h = l.h + t * n, *dh = p.dh, *carry = p.carry;
    for (long b = 0; b < p.Bp; b++, z += p.Gp, q += p.Hp, h += p.Hp, dh += p.Hp, carry += p.Hp)
        for (long j = 0; j < p.Hp; j += W) {
            vec r = load(z + j), u = load(z + p.Hp + j), n_ = load(z + 2 * p.Hp + j), dL_dh = load(dh + j);
            vec dL_dn = dL_dh * (1.0f - u) * (1.0f - n_ * n_);
            store(carry + j, dL_dh * u);
            store(z + j, dL_dn * load(q + j) * (r * (1.0f - r)));
            store(z + p.Hp + j, dL_dh * (load(h + j) - n_) * (u * (1.0f - u)));
            store(z + 2 * p.Hp + j, dL_dn);
            store(q + j, dL_dn * r);
        }
}

void backward_step(const Plan &p, long layer, long t) {
    const Layer &l = p.layers[layer];
    Operand operands[3];
    long count = from_above(p, layer, t, operands[0]);
    count += from_later(p, l, t, operands + count);
    if (p.cell == ELMAN) {
        auto *slope = p.nonlinearity == TANH   ? tanh_slope_product
                      : p.nonlinearity == RELU ? relu_slope_product
                                               : plain_product;
        const float *h = l.h + (t + 1) * p.Bp * p.Hp;
        slope(operands, count, {l.z + t * p.Bp * p.Hp, p.Hp, p.zeros, 0, h, p.Bp, p.Hp});
        return;
    }
    const bool carried = p.cell == GRU && t < p.T - 1;
    plain_product(operands, count,
                  {p.dh, p.Hp, carried ? p.carry : p.zeros, carried ? p.Hp : 0, nullptr, p.Bp, p.Hp});
    p.cell == LSTM ? backward_lstm(p, l, t) : backward_gru(p, l, t);
}

void backward_readout(const Plan &p) {
    const float *h = p.layers[p.L - 1].h + p.Bp * p.Hp;
    if (p.O == 1) {
        add_weighted_rows(p, p.d_readout, h, p.Hp, p.y, p.Hp, p.first, p.T);
        float sum = 0;
        for (long t = p.first; t < p.T; t++)
            for (long b = 0; b < p.B; b++) sum += p.y[t * p.Bp + b];
        p.d_readout_bias[0] = sum;
        return;
    }
    add_outer(p, p.d_readout, p.Op, p.y, p.Op, h, p.Hp, p.Hp, p.Hp, p.first, p.T);
    add_weighted_rows(p, p.d_readout_bias, p.y, p.Op, nullptr, p.Op, p.first, p.T);
}

void backward(const Plan &p) {
    for (long i = 0; i < p.P; i++) p.gradient[i] = 0.0f;
    backward_readout(p);
    const long chunk = p.B < 128 ? 128 / p.B : 1;  // timesteps whose rows stay in the first-level cache
    for (long layer = p.L - 1; layer >= 0; layer--)
        for (long end = p.T; end > 0;) {
            const long begin = end > chunk ? end - chunk : 0;
            for (long t = end - 1; t >= begin; t--) backward_step(p, layer, t);
            add_weight_gradients(p, p.layers[layer], begin, end);
            end = begin;
        }
}

// ------------------------------------------------------------------------------------------------ optimizer

// Scales the gradient down to its limit (training/optimizers.py). In float64 no square of a float32 is beyond range.
void clip(const Plan &p, double limit) {
    double lanes[W] = {}, sum = 0;
    for (long i = 0; i < p.P; i += W)
        for (int j = 0; j < W; j++) lanes[j] += (double)p.gradient[i + j] * (double)p.gradient[i + j];
    for (int j = 0; j < W; j++) sum += lanes[j];
    const double norm = __builtin_sqrt(sum);
    if (!(norm > limit)) return;
    for (long i = 0; i < p.P; i++) p.gradient[i] = (float)((double)p.gradient[i] * (limit / norm));
}

void sgd(const Plan &p, float rate) {
    for (long i = 0; i < p.P; i += W)
        store(p.parameters + i, load(p.parameters + i) - rate * load(p.gradient + i));
}

// Update number `step`, counted from 1, with the constants of training/optimizers.py.
void adam(const Plan &p, double rate, int64_t step) {
    const double beta1 = 0.9, beta2 = 0.999;
    const float new1 = 1 - beta1, old2 = beta2, new2 = 1 - beta2, epsilon = 1e-8;
    const float corrected_rate = rate / (1 - __builtin_pow(beta1, (double)step));
    const float correction2 = 1 / __builtin_sqrt(1 - __builtin_pow(beta2, (double)step));
    for (long i = 0; i < p.P; i += W)
        for (int j = 0; j < W; j++) {
            const float g = p.gradient[i + j];
            const float m = p.moment1[i + j] + new1 * (g - p.moment1[i + j]);
            const float v = p.moment2[i + j] * old2 + new2 * (g * g);
            p.moment1[i + j] = m, p.moment2[i + j] = v;
            p.parameters[i + j] -= m * corrected_rate / (__builtin_sqrtf(v) * correction2 + epsilon);
        }
}

// ------------------------------------------------------------------------------------------------ training

// Rewrites the copies of the weights that products read the other way round.
void refresh(const Plan &p) {
    for (long l = 0; l < p.L; l++) {
        transpose(p.layers[l].weight_hh, p.Hp, p.Gp, p.layers[l].back_hh);
        if (l) transpose(p.layers[l].weight_ih, p.Hp, p.Gp, p.layers[l].back_ih);
    }
    if (p.O > 1) transpose(p.readout, p.Op, p.Hp, p.forward_readout);
}

// Batches come as (B, T, I) and are used as (T, Bp, Ip).
void take_batch(const float *from, float *to, const Plan &p, long numbers, long row) {
    for (long b = 0; b < p.B; b++)
        for (long t = 0; t < p.T; t++)
            for (long i = 0; i < numbers; i++) to[(t * p.Bp + b) * row + i] = from[(b * p.T + t) * numbers + i];
}

double forward(const Plan &p, const float *inputs, const void *targets) {
    take_batch(inputs, p.x, p, p.I, p.Ip);
    for (long l = 0; l < p.L; l++) {
        if (p.cell == ELMAN) forward_elman(p, p.layers[l]);
        else if (p.cell == LSTM) forward_lstm(p, p.layers[l]);
        else forward_gru(p, p.layers[l]);
    }
    forward_readout(p);
    if (p.loss == CROSS_ENTROPY) return cross_entropy(p, (const int64_t *)targets);
    take_batch((const float *)targets, p.target, p, p.O, p.Op);
    return squared_error(p);
}

// Numbers below 2^-126 count as zero while a net trains: a vanished gradient would otherwise cost a hundred times the
// time of any other. The mode is the thread's own and is put back.
struct FlushToZero {
#if defined(__SSE__)
    unsigned before = __builtin_ia32_stmxcsr();
    FlushToZero() { __builtin_ia32_ldmxcsr(before | 0x8040); }
    ~FlushToZero() { __builtin_ia32_ldmxcsr(before); }
#elif defined(__aarch64__)
    uint64_t before;
    FlushToZero() {
        asm volatile("mrs %0, fpcr" : "=r"(before));
        asm volatile("msr fpcr, %0" : : "r"(before | (1 << 24)));
    }
    ~FlushToZero() { asm volatile("msr fpcr, %0" : : "r"(before)); }
#endif
};

float *aligned(float *memory) { return (float *)round_up((long)memory, 64); }

int64_t workspace(const Recipe *recipe) {
    Plan plan;
    return lay_out(*recipe, nullptr, plan) + 16;  // 16: to begin at a cache line
}

int64_t train(const Recipe *recipe, Net *net, float *memory, const float *inputs, const void *targets, int64_t count,
              float *losses) {
    Plan p;
    lay_out(*recipe, aligned(memory), p);
    for (long i = 0; i < p.P; i++) p.parameters[i] = p.moment1[i] = p.moment2[i] = 0.0f;
    const FlushToZero flush;
    const bool adaptive = recipe->optimizer == ADAM;
    copy_net(INTO_WEIGHTS, p, net->parameters, p.parameters);
    if (adaptive) copy_net(INTO_WEIGHTS, p, net->first, p.moment1), copy_net(INTO_WEIGHTS, p, net->second, p.moment2);
    refresh(p);
    const long target_bytes = p.B * p.T * (p.loss == CROSS_ENTROPY ? sizeof(int64_t) : p.O * sizeof(float));
    int64_t made = 0;
    for (; made < count; made++) {
        losses[made] = forward(p, inputs + made * p.B * p.T * p.I, (const char *)targets + made * target_bytes);
        if (!(__builtin_fabsf(losses[made]) <= __FLT_MAX__)) break;
        backward(p);
        if (net->limit < __builtin_inf()) clip(p, net->limit);
        adaptive ? adam(p, net->rate, net->step + made + 1) : sgd(p, net->rate);
        refresh(p);
    }
    copy_net(OUT_OF_WEIGHTS, p, net->parameters, p.parameters);
    if (adaptive)
        copy_net(OUT_OF_WEIGHTS, p, net->first, p.moment1), copy_net(OUT_OF_WEIGHTS, p, net->second, p.moment2);
    net->step += made;
    return made;
}

void apply(int64_t function, int64_t count, const float *x, float *y) {
    for (int64_t i = 0; i < count; i += W) {
        float lanes[W] = {};
        const int64_t some = count - i < W ? count - i : W;
        for (int64_t j = 0; j < some; j++) lanes[j] = x[i + j];
        store(lanes, function == 0 ? vtanh(load(lanes)) : function == 1 ? vsigmoid(load(lanes)) : vexp(load(lanes)));
        for (int64_t j = 0; j < some; j++) y[i + j] = lanes[j];
    }
}

}  // namespace

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define JOIN_(x, y) x##y
#define JOIN(x, y) JOIN_(x, y)

extern const Kernel JOIN(kernel_, KERNEL) = {TEXT(KERNEL), workspace, train, apply};
