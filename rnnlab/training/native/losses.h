// The readout y = W h + b, and the losses, which write dL/dy over y, zero in the padding, and return L.
//
//   squared error   L = mean (y - target)²,                        dL/dy = 2 (y - target) / count
//   cross-entropy   L = mean (log Σ_o exp y_o - y_class),          dL/dy = (softmax(y) - [o = class]) / count
//   readout         dL/dW = Σ dL/dy hᵀ,   dL/db = Σ dL/dy          over the timesteps that count, and sequences

#pragma once

#include "products.h"

namespace {

void forward_readout(const Plan &p) {
    const Series &h = p.layers[p.L - 1].h;
    const int64_t rows = (p.T - p.first) * p.Bp;  // of all timesteps that count
    if (p.O > 1) {
        const Operand drive = against(h, p.first, p.H, p.forward_readout, p.Op);
        plain_product(&drive, 1,
                      {.out = p.y.at(p.first), .row = p.Op, .start = p.readout.bias, .rows = rows, .columns = p.Op});
        return;
    }
    const int64_t whole = p.H / kLanes * kLanes, rest = p.H - whole;
    const vec end = first_of(load(p.readout.weight + whole), rest);
    for (int64_t row = 0; row < rows; row += kLanes) {
        vec sum[kLanes];
        for (int r = 0; r < kLanes; r++) {
            const real *states = h.at(p.first) + (row + r) * p.Hp;
            sum[r] = vec{};
            for (int64_t j = 0; j < whole; j += kLanes) sum[r] += load(states + j) * load(p.readout.weight + j);
            if (rest) sum[r] += first_of(load(states + whole), rest) * end;
        }
        store(p.y.at(p.first) + row, sums_of(sum) + p.readout.bias[0]);
    }
}

double squared_error(const Plan &p) {
    for (int64_t t = p.first; t < p.T; t++) {
        real *y = p.y.at(t);
        const real *target = p.target.at(t);
        for (int64_t b = 0; b < p.B; b++)
            for (int64_t o = 0; o < p.Op; o++) y[b * p.Op + o] = o < p.O ? y[b * p.Op + o] - target[b * p.Op + o] : 0;
        for (int64_t i = p.B * p.Op; i < p.Bp * p.Op; i++) y[i] = 0;
    }
    real *const end = p.y.at(p.T);
    for (int i = 0; i < kLanes; i++) end[i] = 0;
    const double count = static_cast<double>((p.T - p.first) * p.B * p.O);
    const real scale = static_cast<real>(2.0 / count);
    vec sum[2] = {};
    int parity = 0;
    for (real *y = p.y.at(p.first); y < end; y += kLanes, parity ^= 1) {
        vec error = load(y);
        sum[parity] += error * error;
        store(y, error * scale);
    }
    double total = 0;
    for (int i = 0; i < kLanes; i++) total += static_cast<double>(sum[0][i]) + static_cast<double>(sum[1][i]);
    return total / count;
}

double cross_entropy(const Plan &p, const int64_t *classes) {
    const double count = static_cast<double>((p.T - p.first) * p.B);
    const real scale = static_cast<real>(1.0 / count);
    double total = 0;
    for (int64_t t = p.first; t < p.T; t++) {
        real *y = p.y.at(t);
        for (int64_t b = 0; b < p.B; b++, y += p.Op) {
            real largest = y[0], sum = 0;
            for (int64_t o = 1; o < p.O; o++) largest = y[o] > largest ? y[o] : largest;
            const int64_t right = classes[b * p.T + t];
            const real logit = y[right] - largest;
            if (p.O == 1) {
                total += logit;  // nothing to choose from: 0, or NaN, which makes no update
                y[0] = 0;
                continue;
            }
            for (int64_t o = p.O; o < p.Op; o++) y[o] = -infinity;
            vec sums = {};
            for (int64_t o = 0; o < p.Op; o += kLanes) {
                vec e = vexp(load(y + o) - largest);
                store(y + o, e);
                sums += e;
            }
            for (int i = 0; i < kLanes; i++) sum += sums[i];
            total += __builtin_log(static_cast<double>(sum)) - logit;
            for (int64_t o = 0; o < p.Op; o += kLanes) store(y + o, load(y + o) * (scale / sum));
            y[right] -= scale;
        }
        for (int64_t i = 0; i < (p.Bp - p.B) * p.Op; i++) y[i] = 0;
    }
    return total / count;
}

void backward_readout(const Plan &p) {
    const Series &h = p.layers[p.L - 1].h;
    const Span span{p.first, p.T};
    if (p.O == 1) {
        add_rows(p, p.readout_gradient.weight, h, span, &p.y);
        real sum = 0;
        for (int64_t t = p.first; t < p.T; t++)
            for (int64_t b = 0; b < p.B; b++) sum += p.y.at(t)[b];
        p.readout_gradient.bias[0] = sum;
        return;
    }
    add_outer(p, p.readout_gradient.weight, p.Hp, p.y, h, p.Hp, span);
    add_rows(p, p.readout_gradient.bias, p.y, span);
}

}  // namespace
