// What a gradient does to the parameters: the equations and constants of rnnlab/training/optimizers.py.
//
//   clip   g ← g limit / ‖g‖ where ‖g‖ > limit
//   SGD    p ← p - η g
//   Adam   m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²,   p ← p - η (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)

#pragma once

#include "layout.h"

namespace {

// ‖g‖², in float64, where no square of a float32 is beyond range.
double squared_norm(const Plan &p) {
    double lanes[W] = {}, sum = 0;
    for (int64_t i = 0; i < p.P; i += W)
        for (int j = 0; j < W; j++) lanes[j] += (double)p.gradient[i + j] * (double)p.gradient[i + j];
    for (int j = 0; j < W; j++) sum += lanes[j];
    if (sum == sum) return sum;
    // The NaN may be the padding's own, which is zero times what is infinite.
    sum = 0;
    each_number(p, p.gradient, [&](float g) { sum += (double)g * (double)g; });
    return sum;
}

void clip(const Plan &p, double limit) {
    const double norm = __builtin_sqrt(squared_norm(p));
    if (!(norm > limit)) return;
    for (int64_t i = 0; i < p.P; i++) p.gradient[i] = (float)((double)p.gradient[i] * (limit / norm));
}

void sgd(const Plan &p, float rate) {
    for (int64_t i = 0; i < p.P; i += W)
        store(p.parameters + i, load(p.parameters + i) - rate * load(p.gradient + i));
}

// Update number `step`, counted from 1.
void adam(const Plan &p, double rate, int64_t step) {
    const double beta1 = 0.9, beta2 = 0.999;
    const float new1 = (float)(1 - beta1), old2 = (float)beta2, new2 = (float)(1 - beta2), epsilon = 1e-8f;
    const float corrected_rate = (float)(rate / (1 - __builtin_pow(beta1, (double)step)));
    const float correction2 = (float)(1 / __builtin_sqrt(1 - __builtin_pow(beta2, (double)step)));
    for (int64_t i = 0; i < p.P; i += W)
        for (int j = 0; j < W; j++) {
            const float g = p.gradient[i + j];
            const float m = p.moment1[i + j] + new1 * (g - p.moment1[i + j]);
            const float v = p.moment2[i + j] * old2 + new2 * (g * g);
            p.moment1[i + j] = m, p.moment2[i + j] = v;
            p.parameters[i + j] -= m * corrected_rate / (__builtin_sqrtf(v) * correction2 + epsilon);
        }
}

}  // namespace
