// One layer through time, forward and backward. z_t is what drives the gates. In memory its place is taken by the gates
// (i, f, g, o; r, u, n), and theirs, on the way back, by dL/dz_t. Products of vectors are number by number.
//
//   Elman   z = W_ih x_t + W_hh h_{t-1} + b,   h_t = σ(z)                                  (rnnlab/nets/cells.py)
//           dL/dz = dL/dh_t σ'(z)
//   leaky   s_t = σ(z),   h_t = h_{t-1} + a (s_t - h_{t-1}),   dL/dz = a dL/dh_t σ'(z)
//   LSTM    i, f, o = sigmoid, g = tanh of the four parts of z
//           c_t = f c_{t-1} + i g,   s_t = tanh(c_t),   h_t = o s_t
//           dL/dc_t = dL/dh_t o (1 - s_t²) + f_{t+1} dL/dc_{t+1}
//           dL/dz = dL/dc_t g i (1 - i),   dL/dc_t c_{t-1} f (1 - f),   dL/dc_t i (1 - g²),   dL/dh_t s_t o (1 - o)
//   GRU     r, u = sigmoid(W_ih x_t + W_hh h_{t-1} + b),   q = W_hn h_{t-1} + b_hn
//           n = tanh(a),   a = W_in x_t + b_in + r q,   h_t = n + u (h_{t-1} - n)          (u is z in nets/cells.py)
//           dL/da = dL/dh_t (1 - u) (1 - n²),   dL/dq = dL/da r
//           dL/dz = dL/da q r (1 - r),   dL/dh_t (h_{t-1} - n) u (1 - u),   dL/da
//   all     dL/dh_{t-1} = W_hhᵀ dL/dz_t + what comes from above; GRU: + u dL/dh_t, and W_hnᵀ dL/dq_t for a's part;
//           leaky: + (1 - a) dL/dh_t
//           dL/dW_hh = Σ_t dL/dz_t h_{t-1}ᵀ,   dL/dW_ih = Σ_t dL/dz_t x_tᵀ,   dL/db = Σ_t dL/dz_t

#pragma once

#include "products.h"

namespace {

Operand from_below(const Plan &p, const Layer &l, int64_t t) { return against(l.x, t, l.inputs, l.weight.ih, p.Gp); }

Operand from_before(const Plan &p, const Layer &l, int64_t t) {
    return against(l.h, t - 1, t ? p.H : 0, l.weight.hh, p.Gp);  // h_{-1} = 0
}

using Product = void (*)(const Operand *, int64_t, const Destination &);

// The product that σ is taken of.
Product sigma_product(Nonlinearity nonlinearity) {
    switch (nonlinearity) {
        case TANH: return tanh_product;
        case RELU: return relu_product;
        case SIGMOID: return sigmoid_product;
        case LEAKY_RELU: return leaky_relu_product;
        case HARD_TANH: return hard_tanh_product;
        case IDENTITY: return plain_product;
    }
    __builtin_unreachable();
}

// What multiplies a gradient with σ', taken from σ.
Finish slope_of(Nonlinearity nonlinearity) {
    switch (nonlinearity) {
        case TANH: return TANH_SLOPE;
        case RELU: return RELU_SLOPE;
        case SIGMOID: return SIGMOID_SLOPE;
        case LEAKY_RELU: return LEAKY_RELU_SLOPE;
        case HARD_TANH: return HARD_TANH_SLOPE;
        case IDENTITY: return PLAIN;
    }
    __builtin_unreachable();
}

void forward_elman(const Plan &p, const Layer &l) {
    const Product step = sigma_product(p.nonlinearity);
    for (int64_t t = 0; t < p.T; t++) {
        const Operand drive[] = {from_below(p, l, t), from_before(p, l, t)};
        step(drive, 2, {.out = l.h.at(t), .row = p.Hp, .start = l.weight.bias, .rows = p.Bp, .columns = p.Hp});
    }
}

void forward_leaky(const Plan &p, const Layer &l) {
    const Product step = sigma_product(p.nonlinearity);
    for (int64_t t = 0; t < p.T; t++) {
        const Operand drive[] = {from_below(p, l, t), from_before(p, l, t)};
        step(drive, 2, {.out = l.z.at(t), .row = p.Gp, .start = l.weight.bias, .rows = p.Bp, .columns = p.Gp});
        const real *s = l.z.at(t), *before = l.h.at(t - 1);
        real *h = l.h.at(t);
        for (int64_t i = 0; i < p.Bp * p.Hp; i += kLanes)
            store(h + i, load(before + i) + p.leak * (load(s + i) - load(before + i)));
    }
}

void forward_lstm(const Plan &p, const Layer &l) {
    for (int64_t t = 0; t < p.T; t++) {
        const Operand drive[] = {from_below(p, l, t), from_before(p, l, t)};
        plain_product(drive, 2, {.out = l.z.at(t), .row = p.Gp, .start = l.weight.bias, .rows = p.Bp, .columns = p.Gp});
        real *z = l.z.at(t), *c = l.c.at(t), *tanh_c = l.tanh_c.at(t), *h = l.h.at(t);
        const real *c_before = l.c.at(t - 1);
        for (int64_t b = 0; b < p.Bp; b++, z += p.Gp, c_before += p.Hp, c += p.Hp, tanh_c += p.Hp, h += p.Hp)
            for (int64_t j = 0; j < p.Hp; j += kLanes) {
                vec i = vsigmoid(load(z + j)), f = vsigmoid(load(z + p.Hp + j));
                vec g = vtanh(load(z + 2 * p.Hp + j)), o = vsigmoid(load(z + 3 * p.Hp + j));
                vec c_next = f * load(c_before + j) + i * g, s = vtanh(c_next);
                store(z + j, i), store(z + p.Hp + j, f), store(z + 2 * p.Hp + j, g), store(z + 3 * p.Hp + j, o);
                store(c + j, c_next), store(tanh_c + j, s), store(h + j, o * s);
            }
    }
}

void forward_gru(const Plan &p, const Layer &l) {
    const real *bias_n = l.weight.bias + 2 * p.Hp;
    for (int64_t t = 0; t < p.T; t++) {
        real *z = l.z.at(t), *q = l.q.at(t), *h = l.h.at(t);
        const real *h_before = l.h.at(t - 1);
        const Operand drive[] = {from_below(p, l, t), from_before(p, l, t)};
        Operand drive_n = drive[0], recurrent_n = drive[1];
        drive_n.m += 2 * p.Hp, recurrent_n.m += 2 * p.Hp;
        plain_product(drive, 2, {.out = z, .row = p.Gp, .start = l.weight.bias, .rows = p.Bp, .columns = 2 * p.Hp});
        plain_product(&drive_n, 1, {.out = z + 2 * p.Hp, .row = p.Gp, .start = bias_n, .rows = p.Bp, .columns = p.Hp});
        plain_product(&recurrent_n, 1,
                      {.out = q, .row = p.Hp, .start = l.weight.bias_hn, .rows = p.Bp, .columns = p.Hp});
        for (int64_t b = 0; b < p.Bp; b++, z += p.Gp, q += p.Hp, h += p.Hp, h_before += p.Hp)
            for (int64_t j = 0; j < p.Hp; j += kLanes) {
                vec r = vsigmoid(load(z + j)), u = vsigmoid(load(z + p.Hp + j));
                vec n = vtanh(load(z + 2 * p.Hp + j) + r * load(q + j));
                store(z + j, r), store(z + p.Hp + j, u), store(z + 2 * p.Hp + j, n);
                store(h + j, n + u * (load(h_before + j) - n));
            }
    }
}

void forward_layer(const Plan &p, const Layer &l) {
    switch (p.cell) {
        case ELMAN: return forward_elman(p, l);
        case LSTM: return forward_lstm(p, l);
        case GRU: return forward_gru(p, l);
        case LEAKY: return forward_leaky(p, l);
    }
}

// What reaches h_t from above: from the readout, or from the layer over it. Returns the number of operands.
int64_t from_above(const Plan &p, int64_t layer, int64_t t, Operand *o) {
    if (layer == p.L - 1) {
        if (t < p.first) return 0;
        o[0] = back_through(p, p.y, t, 1, p.O, p.readout.weight);
    } else {
        const Layer &above = p.layers[layer + 1];
        o[0] = back_through(p, above.z, t, p.gates, p.H, above.back_ih);
    }
    return 1;
}

// What reaches h_t from z_{t+1}, and from q_{t+1}.
int64_t from_later(const Plan &p, const Layer &l, int64_t t, Operand *o) {
    if (t == p.T - 1) return 0;
    o[0] = back_through(p, l.z, t + 1, p.cell == GRU ? 2 : p.gates, p.H, l.back_hh);
    if (p.cell != GRU) return 1;
    o[1] = back_through(p, l.q, t + 1, 1, p.H, l.back_hh + 2 * p.Hp * p.Hp);
    return 2;
}

// dL/dh_t, a sum of products, becomes dL/dz_t at once.
void backward_elman(const Plan &p, const Layer &l, int64_t t, const Operand *operands, int64_t count) {
    const auto slope = [&] {
        switch (p.nonlinearity) {
            case TANH: return tanh_slope_product;
            case RELU: return relu_slope_product;
            case SIGMOID: return sigmoid_slope_product;
            case LEAKY_RELU: return leaky_relu_slope_product;
            case HARD_TANH: return hard_tanh_slope_product;
            case IDENTITY: return plain_product;
        }
        __builtin_unreachable();
    }();
    slope(operands, count,
          {.out = l.z.at(t), .row = p.Hp, .start = p.zeros, .state = l.h.at(t), .rows = p.Bp, .columns = p.Hp});
}

// dL/dh_t in p.dL_dh becomes dL/dz_t, in the place of σ; p.carry takes what passes beside the matrix to h_{t-1}.
void backward_leaky(const Plan &p, const Layer &l, int64_t t) {
    const Finish slope = slope_of(p.nonlinearity);
    real *z = l.z.at(t);
    for (int64_t i = 0; i < p.Bp * p.Hp; i += kLanes) {
        const vec dL_dh = load(p.dL_dh + i);
        store(p.carry + i, (one - p.leak) * dL_dh);
        store(z + i, finished(slope, p.leak * dL_dh, z, i));
    }
}

// dL/dh_t in p.dL_dh becomes dL/dz_t, in the place of the gates; p.carry takes dL/dc to the step before.
void backward_lstm(const Plan &p, const Layer &l, int64_t t) {
    real *z = l.z.at(t), *carry = p.carry;
    const real *dh = p.dL_dh, *c_before = l.c.at(t - 1), *tanh_c = l.tanh_c.at(t);
    for (int64_t b = 0; b < p.Bp; b++, z += p.Gp, dh += p.Hp, carry += p.Hp, c_before += p.Hp, tanh_c += p.Hp)
        for (int64_t j = 0; j < p.Hp; j += kLanes) {
            vec i = load(z + j), f = load(z + p.Hp + j), g = load(z + 2 * p.Hp + j), o = load(z + 3 * p.Hp + j);
            vec s = load(tanh_c + j), dL_dh = load(dh + j);
            vec dL_dc = dL_dh * o * (one - s * s);
            if (t < p.T - 1) dL_dc += load(carry + j);
            store(carry + j, dL_dc * f);
            store(z + j, dL_dc * g * (i * (one - i)));
            store(z + p.Hp + j, dL_dc * load(c_before + j) * (f * (one - f)));
            store(z + 2 * p.Hp + j, dL_dc * i * (one - g * g));
            store(z + 3 * p.Hp + j, dL_dh * s * (o * (one - o)));
        }
}

// dL/dh_t in p.dL_dh becomes dL/dz_t and, in the place of q, dL/dq; p.carry takes the direct path to h_{t-1}.
void backward_gru(const Plan &p, const Layer &l, int64_t t) {
    real *z = l.z.at(t), *q = l.q.at(t), *carry = p.carry;
    const real *dh = p.dL_dh, *h_before = l.h.at(t - 1);
    for (int64_t b = 0; b < p.Bp; b++, z += p.Gp, q += p.Hp, h_before += p.Hp, dh += p.Hp, carry += p.Hp)
        for (int64_t j = 0; j < p.Hp; j += kLanes) {
            vec r = load(z + j), u = load(z + p.Hp + j), n = load(z + 2 * p.Hp + j), dL_dh = load(dh + j);
            vec dL_da = dL_dh * (one - u) * (one - n * n);
            store(carry + j, dL_dh * u);
            store(z + j, dL_da * load(q + j) * (r * (one - r)));
            store(z + p.Hp + j, dL_dh * (load(h_before + j) - n) * (u * (one - u)));
            store(z + 2 * p.Hp + j, dL_da);
            store(q + j, dL_da * r);
        }
}

void backward_step(const Plan &p, int64_t layer, int64_t t) {
    const Layer &l = p.layers[layer];
    Operand operands[3];
    int64_t count = from_above(p, layer, t, operands);
    count += from_later(p, l, t, operands + count);
    Destination dL_dh{.out = p.dL_dh, .row = p.Hp, .start = p.zeros, .rows = p.Bp, .columns = p.Hp};
    switch (p.cell) {
        case ELMAN: return backward_elman(p, l, t, operands, count);
        case LSTM: {
            plain_product(operands, count, dL_dh);
            return backward_lstm(p, l, t);
        }
        case GRU: {
            if (t < p.T - 1) dL_dh.start = p.carry, dL_dh.start_row = p.Hp;
            plain_product(operands, count, dL_dh);
            return backward_gru(p, l, t);
        }
        case LEAKY: {
            if (t < p.T - 1) dL_dh.start = p.carry, dL_dh.start_row = p.Hp;
            plain_product(operands, count, dL_dh);
            return backward_leaky(p, l, t);
        }
    }
}

void add_weight_gradients(const Plan &p, const Layer &l, Span span) {
    const Weights &gradient = l.gradient;
    if (l.inputs_row == 1) add_rows(p, gradient.ih, l.z, span, &l.x);
    else add_outer(p, gradient.ih, p.Gp, l.x, l.z, p.Gp, span);
    add_rows(p, gradient.bias, l.z, span);
    const Span later{span.from ? span.from : 1, span.to};  // h_{-1} = 0
    add_outer(p, gradient.hh, p.Gp, l.h.before(), l.z, p.cell == GRU ? 2 * p.Hp : p.Gp, later);
    if (p.cell != GRU) return;
    add_outer(p, gradient.hh + 2 * p.Hp, p.Gp, l.h.before(), l.q, p.Hp, later);
    add_rows(p, gradient.bias_hn, l.q, span);
}

void backward_layer(const Plan &p, int64_t layer) {
    const int64_t chunk = p.B < 128 ? 128 / p.B : 1;  // timesteps whose rows stay in the first-level cache
    for (int64_t end = p.T; end > 0;) {
        const int64_t begin = end > chunk ? end - chunk : 0;
        for (int64_t t = end - 1; t >= begin; t--) backward_step(p, layer, t);
        add_weight_gradients(p, p.layers[layer], {begin, end});
        end = begin;
    }
}

}  // namespace
