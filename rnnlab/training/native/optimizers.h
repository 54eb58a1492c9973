// What a gradient does to the parameters: the equations and constants of rnnlab/training/optimizers.py.
//
//   clip     g ← g limit / ‖g‖ where ‖g‖ > limit
//   SGD      p ← p - η g;   with momentum μ   u ← μ u + g,   p ← p - η u
//   Adam     m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²,   p ← p - η (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)
//   AdamW    p ← (1 - η λ) p, then Adam
//   RMSprop  v ← α v + (1 - α) g²,   p ← p - η g / (√v + ε)

#pragma once

#include "layout.h"

namespace {

// ‖g‖², in a precision in which no square is beyond range.
wide squared_norm(const Plan &p) {
    wide lanes[kLanes] = {}, sum = 0;
    for (int64_t i = 0; i < p.padded_parameters; i += kLanes)
        for (int j = 0; j < kLanes; j++)
            lanes[j] += static_cast<wide>(p.gradient[i + j]) * static_cast<wide>(p.gradient[i + j]);
    for (int j = 0; j < kLanes; j++) sum += lanes[j];
    // The NaN may be the padding's own, which is zero times what is infinite. Units of padding are zero, and so are the
    // gradients of their weights, but for σ(0) = 1/2.
    if (sum == sum && p.nonlinearity != SIGMOID) return sum;
    sum = 0;
    each_number(p, p.gradient, [&](real g) { sum += static_cast<wide>(g) * static_cast<wide>(g); });
    return sum;
}

void clip(const Plan &p, double limit, wide norm) {
    if (!(norm > limit)) return;
    for (int64_t i = 0; i < p.padded_parameters; i++)
        p.gradient[i] = static_cast<real>(static_cast<wide>(p.gradient[i]) * (limit / norm));
}

void sgd(const Plan &p, real rate) {
    for (int64_t i = 0; i < p.padded_parameters; i += kLanes)
        store(p.parameters + i, load(p.parameters + i) - rate * load(p.gradient + i));
}

void sgd_with_momentum(const Plan &p, real rate, real momentum) {
    for (int64_t i = 0; i < p.padded_parameters; i += kLanes) {
        store(p.moment1 + i, momentum * load(p.moment1 + i) + load(p.gradient + i));
        store(p.parameters + i, load(p.parameters + i) - rate * load(p.moment1 + i));
    }
}

void rmsprop(const Plan &p, real rate, double smoothing) {
    const real old = static_cast<real>(smoothing), fresh = static_cast<real>(1 - smoothing);
    const real epsilon = static_cast<real>(1e-8);
    for (int64_t i = 0; i < p.padded_parameters; i++) {
        const real g = p.gradient[i], v = p.moment1[i] * old + fresh * (g * g);
        p.moment1[i] = v;
        p.parameters[i] -= rate * g / (root(v) + epsilon);
    }
}

void decay(const Plan &p, real factor) {
    for (int64_t i = 0; i < p.padded_parameters; i += kLanes) store(p.parameters + i, factor * load(p.parameters + i));
}

// Update number `step`, counted from 1.
void adam(const Plan &p, double rate, int64_t step) {
    const double beta1 = 0.9, beta2 = 0.999, t = static_cast<double>(step);
    const real new1 = static_cast<real>(1 - beta1), old2 = static_cast<real>(beta2);
    const real new2 = static_cast<real>(1 - beta2), epsilon = static_cast<real>(1e-8);
    const real corrected_rate = static_cast<real>(rate / (1 - __builtin_pow(beta1, t)));
    const real correction2 = static_cast<real>(1 / root(1 - __builtin_pow(beta2, t)));
    for (int64_t i = 0; i < p.padded_parameters; i += kLanes)
        for (int j = 0; j < kLanes; j++) {
            const real g = p.gradient[i + j];
            const real m = p.moment1[i + j] + new1 * (g - p.moment1[i + j]);
            const real v = p.moment2[i + j] * old2 + new2 * (g * g);
            p.moment1[i + j] = m, p.moment2[i + j] = v;
            p.parameters[i + j] -= m * corrected_rate / (root(v) * correction2 + epsilon);
        }
}

}  // namespace
