// One layer through time, forward and backward. z_t is what drives the gates. In memory its place is taken by the gates
// (i, f, g, o; r, u, n), and theirs, on the way back, by dL/dz_t. Products of vectors are number by number.
//
//   Elman   z = W_ih x_t + W_hh h_{t-1} + b,   h_t = σ(z)                                  (rnnlab/nets/cells.py)
//           dL/dz = dL/dh_t σ'(z)
//   LSTM    i, f, o = sigmoid, g = tanh of the four parts of z
//           c_t = f c_{t-1} + i g,   s_t = tanh(c_t),   h_t = o s_t
//           dL/dc_t = dL/dh_t o (1 - s_t²) + f_{t+1} dL/dc_{t+1}
//           dL/dz = dL/dc_t g i (1 - i),   dL/dc_t c_{t-1} f (1 - f),   dL/dc_t i (1 - g²),   dL/dh_t s_t o (1 - o)
//   GRU     r, u = sigmoid(W_ih x_t + W_hh h_{t-1} + b),   q = W_hn h_{t-1} + b_hn
//           n = tanh(a),   a = W_in x_t + b_in + r q,   h_t = n + u (h_{t-1} - n)          (u is z in nets/cells.py)
//           dL/da = dL/dh_t (1 - u) (1 - n²),   dL/dq = dL/da r
//           dL/dz = dL/da q r (1 - r),   dL/dh_t (h_{t-1} - n) u (1 - u),   dL/da
//   all     dL/dh_{t-1} = W_hhᵀ dL/dz_t + what comes from above; GRU: + u dL/dh_t, and W_hnᵀ dL/dq_t for a's part
//           dL/dW_hh = Σ_t dL/dz_t h_{t-1}ᵀ,   dL/dW_ih = Σ_t dL/dz_t x_tᵀ,   dL/db = Σ_t dL/dz_t

#pragma once

#include "products.h"

namespace {

Operand from_below(const Plan &p, const Layer &l, int64_t t) {
    return against(l.x + t * p.Bp * l.inputs_row, l.inputs_row, l.weight_ih, p.Gp, l.inputs);
}

Operand from_before(const Plan &p, const Layer &l, int64_t t) {
    return against(l.h + t * p.Bp * p.Hp, p.Hp, l.weight_hh, p.Gp, t ? p.H : 0);  // h_{-1} = 0
}

void forward_elman(const Plan &p, const Layer &l) {
    auto *step = p.nonlinearity == TANH ? tanh_product : p.nonlinearity == RELU ? relu_product : plain_product;
    for (int64_t t = 0; t < p.T; t++) {
        const Operand drive[] = {from_below(p, l, t), from_before(p, l, t)};
        step(drive, 2, {l.h + (t + 1) * p.Bp * p.Hp, p.Hp, l.bias, 0, nullptr, p.Bp, p.Hp});
    }
}

void forward_lstm(const Plan &p, const Layer &l) {
    const int64_t next = p.Bp * p.Hp;
    for (int64_t t = 0; t < p.T; t++) {
        float *z = l.z + t * p.Bp * p.Gp, *c = l.c + t * next, *s = l.s + t * next, *h_next = l.h + (t + 1) * next;
        const Operand drive[] = {from_below(p, l, t), from_before(p, l, t)};
        plain_product(drive, 2, {z, p.Gp, l.bias, 0, nullptr, p.Bp, p.Gp});
        for (int64_t b = 0; b < p.Bp; b++, z += p.Gp, c += p.Hp, s += p.Hp, h_next += p.Hp)
            for (int64_t j = 0; j < p.Hp; j += W) {
                vec i = vsigmoid(load(z + j)), f = vsigmoid(load(z + p.Hp + j));
                vec g = vtanh(load(z + 2 * p.Hp + j)), o = vsigmoid(load(z + 3 * p.Hp + j));
                vec c_next = f * load(c + j) + i * g, tanh_c = vtanh(c_next);
                store(z + j, i), store(z + p.Hp + j, f), store(z + 2 * p.Hp + j, g), store(z + 3 * p.Hp + j, o);
                store(c + next + j, c_next), store(s + j, tanh_c), store(h_next + j, o * tanh_c);
            }
    }
}

void forward_gru(const Plan &p, const Layer &l) {
    const int64_t next = p.Bp * p.Hp;
    for (int64_t t = 0; t < p.T; t++) {
        float *z = l.z + t * p.Bp * p.Gp, *q = l.q + t * next, *h = l.h + t * next;
        const Operand drive[] = {from_below(p, l, t), from_before(p, l, t)};
        Operand drive_n = drive[0], recurrent_n = drive[1];
        drive_n.m += 2 * p.Hp, recurrent_n.m += 2 * p.Hp;
        plain_product(drive, 2, {z, p.Gp, l.bias, 0, nullptr, p.Bp, 2 * p.Hp});
        plain_product(&drive_n, 1, {z + 2 * p.Hp, p.Gp, l.bias + 2 * p.Hp, 0, nullptr, p.Bp, p.Hp});
        plain_product(&recurrent_n, 1, {q, p.Hp, l.bias_hn, 0, nullptr, p.Bp, p.Hp});
        for (int64_t b = 0; b < p.Bp; b++, z += p.Gp, q += p.Hp, h += p.Hp)
            for (int64_t j = 0; j < p.Hp; j += W) {
                vec r = vsigmoid(load(z + j)), u = vsigmoid(load(z + p.Hp + j));
                vec n = vtanh(load(z + 2 * p.Hp + j) + r * load(q + j));
                store(z + j, r), store(z + p.Hp + j, u), store(z + 2 * p.Hp + j, n);
                store(h + next + j, n + u * (load(h + j) - n));
            }
    }
}

void forward_layer(const Plan &p, const Layer &l) {
    if (p.cell == ELMAN) forward_elman(p, l);
    else if (p.cell == LSTM) forward_lstm(p, l);
    else forward_gru(p, l);
}

// What reaches h_t from above: from the readout, or from the layer over it. Returns the number of operands.
int64_t from_above(const Plan &p, int64_t layer, int64_t t, Operand *o) {
    if (layer == p.L - 1) {
        if (t < p.first) return 0;
        o[0] = {p.y + t * p.Bp * p.Op, p.Op, 1, 0, p.readout, p.Hp, 0, p.O, 1};
    } else {
        const Layer &above = p.layers[layer + 1];
        o[0] = {above.z + t * p.Bp * p.Gp, p.Gp, 1, p.Hp, above.back_ih, p.Hp, p.Hp * p.Hp, p.H, p.gates};
    }
    return 1;
}

// What reaches h_t from z_{t+1}, and from q_{t+1}.
int64_t from_later(const Plan &p, const Layer &l, int64_t t, Operand *o) {
    if (t == p.T - 1) return 0;
    const int64_t gates = p.cell == GRU ? 2 : p.gates;
    o[0] = {l.z + (t + 1) * p.Bp * p.Gp, p.Gp, 1, p.Hp, l.back_hh, p.Hp, p.Hp * p.Hp, p.H, gates};
    if (p.cell != GRU) return 1;
    o[1] = {l.q + (t + 1) * p.Bp * p.Hp, p.Hp, 1, 0, l.back_hh + 2 * p.Hp * p.Hp, p.Hp, 0, p.H, 1};
    return 2;
}

// dL/dh_t in p.dh becomes dL/dz_t, in the place of the gates; p.carry takes dL/dc to the step before.
void backward_lstm(const Plan &p, const Layer &l, int64_t t) {
    const int64_t next = p.Bp * p.Hp;
    float *z = l.z + t * p.Bp * p.Gp, *dh = p.dh, *carry = p.carry, *c = l.c + t * next, *s = l.s + t * next;
    for (int64_t b = 0; b < p.Bp; b++, z += p.Gp, dh += p.Hp, carry += p.Hp, c += p.Hp, s += p.Hp)
        for (int64_t j = 0; j < p.Hp; j += W) {
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
void backward_gru(const Plan &p, const Layer &l, int64_t t) {
    const int64_t next = p.Bp * p.Hp;
    float *z = l.z + t * p.Bp * p.Gp, *q = l.q + t * next, *h = l.h + t * next, *dh = p.dh, *carry = p.carry;
    for (int64_t b = 0; b < p.Bp; b++, z += p.Gp, q += p.Hp, h += p.Hp, dh += p.Hp, carry += p.Hp)
        for (int64_t j = 0; j < p.Hp; j += W) {
            vec r = load(z + j), u = load(z + p.Hp + j), n = load(z + 2 * p.Hp + j), dL_dh = load(dh + j);
            vec dL_da = dL_dh * (1.0f - u) * (1.0f - n * n);
            store(carry + j, dL_dh * u);
            store(z + j, dL_da * load(q + j) * (r * (1.0f - r)));
            store(z + p.Hp + j, dL_dh * (load(h + j) - n) * (u * (1.0f - u)));
            store(z + 2 * p.Hp + j, dL_da);
            store(q + j, dL_da * r);
        }
}

void backward_step(const Plan &p, int64_t layer, int64_t t) {
    const Layer &l = p.layers[layer];
    Operand operands[3];
    int64_t count = from_above(p, layer, t, operands);
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
    if (p.cell == LSTM) backward_lstm(p, l, t);
    else backward_gru(p, l, t);
}

void add_weight_gradients(const Plan &p, const Layer &l, int64_t from, int64_t to) {
    if (l.inputs_row == 1) add_weighted_rows(p, l.d_weight_ih, l.z, p.Gp, l.x, p.Gp, from, to);
    else add_outer(p, l.d_weight_ih, l.inputs_row, l.x, l.inputs_row, l.z, p.Gp, p.Gp, p.Gp, from, to);
    add_weighted_rows(p, l.d_bias, l.z, p.Gp, nullptr, p.Gp, from, to);
    const int64_t recurrent = p.cell == GRU ? 2 * p.Hp : p.Gp, later = from ? from : 1;  // h_{-1} = 0
    add_outer(p, l.d_weight_hh, p.Hp, l.h, p.Hp, l.z, p.Gp, p.Gp, recurrent, later, to);
    if (p.cell != GRU) return;
    add_outer(p, l.d_weight_hh + 2 * p.Hp, p.Hp, l.h, p.Hp, l.q, p.Hp, p.Gp, p.Hp, later, to);
    add_weighted_rows(p, l.d_bias_hn, l.q, p.Hp, nullptr, p.Hp, from, to);
}

void backward_layer(const Plan &p, int64_t layer) {
    const int64_t chunk = p.B < 128 ? 128 / p.B : 1;  // timesteps whose rows stay in the first-level cache
    for (int64_t end = p.T; end > 0;) {
        const int64_t begin = end > chunk ? end - chunk : 0;
        for (int64_t t = end - 1; t >= begin; t--) backward_step(p, layer, t);
        add_weight_gradients(p, p.layers[layer], begin, end);
        end = begin;
    }
}

}  // namespace
