// One net trained on many batches, each update:
//
//   h = cell(x, h), layer after layer         forward through time                        cells.h
//   y = W h + b,   L,   dL/dy                 at the timesteps that count in the loss     losses.h
//   dL/dz, dL/dW,  layer before layer         backward through time                       cells.h
//   dL/dW ← clipped,   W ← W - ...            SGD or Adam                                 optimizers.h
//
// layout.h says where everything lies, products.h has the sums of products, vectors.h the functions of numbers. All are
// one translation unit, compiled once for each instruction set: by KERNEL (its name), VECTOR_BYTES, and the register
// tile's TILE_ROWS and TILE_VECTORS.

#include "kernel.h"

#include "cells.h"
#include "layout.h"
#include "losses.h"
#include "optimizers.h"
#include "vectors.h"

namespace {

// Rewrites the copies of the weights that products read the other way round.
void refresh(const Plan &p) {
    for (int64_t l = 0; l < p.L; l++) {
        transpose(p.layers[l].weight_hh, p.Hp, p.Gp, p.layers[l].back_hh);
        if (l) transpose(p.layers[l].weight_ih, p.Hp, p.Gp, p.layers[l].back_ih);
    }
    if (p.O > 1) transpose(p.readout, p.Op, p.Hp, p.forward_readout);
}

double forward(const Plan &p, const float *inputs, const void *targets) {
    take_batch(p, inputs, p.x, p.I, p.Ip);
    for (int64_t l = 0; l < p.L; l++) forward_layer(p, p.layers[l]);
    forward_readout(p);
    if (p.loss == CROSS_ENTROPY) return cross_entropy(p, (const int64_t *)targets);
    take_batch(p, (const float *)targets, p.target, p.O, p.Op);
    return squared_error(p);
}

void backward(const Plan &p) {
    for (int64_t i = 0; i < p.P; i++) p.gradient[i] = 0.0f;
    backward_readout(p);
    for (int64_t l = p.L - 1; l >= 0; l--) backward_layer(p, l);
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
        asm volatile("msr fpcr, %0" : : "r"(before | (1 << 24)) : "memory");
    }
    ~FlushToZero() { asm volatile("msr fpcr, %0" : : "r"(before) : "memory"); }
#endif
};

float *aligned(float *memory) { return (float *)(((uintptr_t)memory + 63) / 64 * 64); }

int64_t workspace(const Recipe *recipe) {
    Plan plan;
    return lay_out(*recipe, nullptr, plan) + 16;  // 16: to begin at a cache line
}

int64_t train(const Recipe *recipe, Net *net, float *memory, const float *inputs, const void *targets, int64_t count,
              float *losses) {
    Plan p;
    lay_out(*recipe, aligned(memory), p);
    for (int64_t i = 0; i < p.P; i++) p.parameters[i] = p.moment1[i] = p.moment2[i] = 0.0f;
    [[maybe_unused]] const FlushToZero flush;
    const bool adaptive = recipe->optimizer == ADAM;
    take_row(p, net->parameters, p.parameters);
    if (adaptive) take_row(p, net->first, p.moment1), take_row(p, net->second, p.moment2);
    refresh(p);
    const int64_t target_bytes = p.B * p.T * (p.loss == CROSS_ENTROPY ? 8 : 4 * p.O);
    int64_t made = 0;
    for (; made < count; made++) {
        const char *target = (const char *)targets + made * target_bytes;
        losses[made] = (float)forward(p, inputs + made * p.B * p.T * p.I, target);
        if (!(__builtin_fabsf(losses[made]) <= __FLT_MAX__)) break;
        backward(p);
        if (net->limit < __builtin_inf()) clip(p, net->limit);
        if (adaptive) adam(p, net->rate, net->step + made + 1);
        else sgd(p, (float)net->rate);
        refresh(p);
    }
    give_row(p, net->parameters, p.parameters);
    if (adaptive) give_row(p, net->first, p.moment1), give_row(p, net->second, p.moment2);
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
