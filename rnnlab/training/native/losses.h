// The readout y = W h + b, and the losses, which write dL/dy over y, zero in the padding, and return L.
//
//   squared error   L = mean (y - target)²,                        dL/dy = 2 (y - target) / count
//   cross-entropy   L = mean (log Σ_o exp y_o - y_class),          dL/dy = (softmax(y) - [o = class]) / count
//   readout         dL/dW = Σ dL/dy hᵀ,   dL/db = Σ dL/dy          over the timesteps that count, and sequences

#pragma once

#include "products.h"

namespace {

void forward_readout(const Plan &p) {
    const float *h = p.layers[p.L - 1].h + p.Bp * p.Hp;
    const int64_t first = p.first * p.Bp, last = p.T * p.Bp;
    if (p.O > 1) {
        const Operand drive = against(h + first * p.Hp, p.Hp, p.forward_readout, p.Op, p.H);
        plain_product(&drive, 1, {p.y + first * p.Op, p.Op, p.readout_bias, 0, nullptr, last - first, p.Op});
        return;
    }
    const int64_t whole = p.H / W * W, rest = p.H - whole;
    const vec end = first_of(load(p.readout + whole), rest);
    for (int64_t row = first; row < last; row += W) {
        vec sum[W];
        for (int r = 0; r < W; r++) {
            const float *states = h + (row + r) * p.Hp;
            sum[r] = vec{};
            for (int64_t j = 0; j < whole; j += W) sum[r] += load(states + j) * load(p.readout + j);
            if (rest) sum[r] += first_of(load(states + whole), rest) * end;
        }
        store(p.y + row, sums_of(sum) + p.readout_bias[0]);
    }
}

double squared_error(const Plan &p) {
    const int64_t end = p.T * p.Bp * p.Op;
    const double count = (double)((p.T - p.first) * p.B * p.O);
    for (int64_t t = p.first; t < p.T; t++) {
        float *y = p.y + t * p.Bp * p.Op;
        const float *target = p.target + t * p.Bp * p.Op;
        for (int64_t b = 0; b < p.B; b++)
            for (int64_t o = 0; o < p.Op; o++)
                y[b * p.Op + o] = o < p.O ? y[b * p.Op + o] - target[b * p.Op + o] : 0.0f;
        for (int64_t i = p.B * p.Op; i < p.Bp * p.Op; i++) y[i] = 0.0f;
    }
    for (int64_t i = end; i < end + W; i++) p.y[i] = 0.0f;
    const float scale = (float)(2.0 / count);
    vec sum[2] = {};
    int parity = 0;
    for (int64_t i = p.first * p.Bp * p.Op; i < end; i += W, parity ^= 1) {
        vec error = load(p.y + i);
        sum[parity] += error * error;
        store(p.y + i, error * scale);
    }
    double total = 0;
    for (int i = 0; i < W; i++) total += (double)sum[0][i] + (double)sum[1][i];
    return total / count;
}

double cross_entropy(const Plan &p, const int64_t *classes) {
    const double count = (double)((p.T - p.first) * p.B);
    const float scale = (float)(1.0 / count);
    double total = 0;
    for (int64_t t = p.first; t < p.T; t++) {
        float *y = p.y + t * p.Bp * p.Op;
        for (int64_t b = 0; b < p.B; b++, y += p.Op) {
            float largest = y[0], sum = 0;
            for (int64_t o = 1; o < p.O; o++) largest = y[o] > largest ? y[o] : largest;
            const int64_t right = classes[b * p.T + t];
            const float logit = y[right] - largest;
            if (p.O == 1) {
                total += logit;  // nothing to choose from: 0, or NaN
                y[0] = logit;
                continue;
            }
            for (int64_t o = p.O; o < p.Op; o++) y[o] = -__builtin_inff();
            vec sums = {};
            for (int64_t o = 0; o < p.Op; o += W) {
                vec e = vexp(load(y + o) - largest);
                store(y + o, e);
                sums += e;
            }
            for (int i = 0; i < W; i++) sum += sums[i];
            total += __builtin_log((double)sum) - logit;
            for (int64_t o = 0; o < p.Op; o += W) store(y + o, load(y + o) * (scale / sum));
            y[right] -= scale;
        }
        for (int64_t i = 0; i < (p.Bp - p.B) * p.Op; i++) y[i] = 0.0f;
    }
    return total / count;
}

void backward_readout(const Plan &p) {
    const float *h = p.layers[p.L - 1].h + p.Bp * p.Hp;
    if (p.O == 1) {
        add_weighted_rows(p, p.d_readout, h, p.Hp, p.y, p.Hp, p.first, p.T);
        float sum = 0;
        for (int64_t t = p.first; t < p.T; t++)
            for (int64_t b = 0; b < p.B; b++) sum += p.y[t * p.Bp + b];
        p.d_readout_bias[0] = sum;
        return;
    }
    add_outer(p, p.d_readout, p.Op, p.y, p.Op, h, p.Hp, p.Hp, p.Hp, p.first, p.T);
    add_weighted_rows(p, p.d_readout_bias, p.y, p.Op, nullptr, p.Op, p.first, p.T);
}

}  // namespace
