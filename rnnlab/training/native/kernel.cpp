// One net trained on many batches, each update:
//
//   h = cell(x, h), layer after layer         forward through time                        cells.h
//   y = W h + b,   L,   dL/dy                 at the timesteps that count in the loss     losses.h
//   dL/dz, dL/dW,  layer before layer         backward through time                       cells.h
//   dL/dW ← clipped,   W ← W - ...            by the optimizer                            optimizers.h
//
// layout.h says where everything lies, products.h has the sums of products, functions.h the functions of numbers. All
// are one translation unit, compiled once for each instruction set and precision: by KERNEL (the instruction set's
// name), PRECISION (32 or 64), VECTOR_BYTES, and the register tile's TILE_ROWS and TILE_VECTORS.

#include "kernel.h"

#include "cells.h"
#include "layout.h"
#include "losses.h"
#include "optimizers.h"

namespace {

// Rewrites the copies of the weights that products read the other way round.
void refresh(const Plan &p) {
    for (int64_t l = 0; l < p.L; l++) {
        transpose(p.layers[l].weight.hh, p.Hp, p.Gp, p.layers[l].back_hh);
        if (l) transpose(p.layers[l].weight.ih, p.Hp, p.Gp, p.layers[l].back_ih);
    }
    if (p.O > 1) transpose(p.readout.weight, p.Op, p.Hp, p.forward_readout);
}

// One of the batches that lie one behind the other, of so many numbers at each timestep.
template <typename Number>
const Number *batch(const Plan &p, const void *batches, int64_t index, int64_t numbers) {
    return static_cast<const Number *>(batches) + index * p.B * p.T * numbers;
}

double loss_of(const Plan &p, const void *targets, int64_t index) {
    switch (p.loss) {
        case SQUARED_ERROR: {
            take_batch(p, batch<real>(p, targets, index, p.O), p.target, p.O);
            return squared_error(p);
        }
        case CROSS_ENTROPY: {
            return cross_entropy(p, batch<int64_t>(p, targets, index, 1));
        }
    }
    __builtin_unreachable();
}

// The loss of batch number `index`.
real forward(const Plan &p, const void *inputs, const void *targets, int64_t index) {
    take_batch(p, batch<real>(p, inputs, index, p.I), p.x, p.I);
    for (int64_t l = 0; l < p.L; l++) forward_layer(p, p.layers[l]);
    forward_readout(p);
    return static_cast<real>(loss_of(p, targets, index));
}

void backward(const Plan &p) {
    for (int64_t i = 0; i < p.padded_parameters; i++) p.gradient[i] = 0;
    backward_readout(p);
    for (int64_t l = p.L - 1; l >= 0; l--) backward_layer(p, l);
}

// Numbers below 2^-126 count as zero while a net trains in float32: a vanished gradient would otherwise cost a hundred
// times the time of any other. The mode is the thread's own and is put back. In float64 every number stays.
struct FlushToZero {
#if PRECISION == 32 && defined(__SSE__)
    unsigned before = __builtin_ia32_stmxcsr();
    FlushToZero() { __builtin_ia32_ldmxcsr(before | 0x8040); }
    ~FlushToZero() { __builtin_ia32_ldmxcsr(before); }
#elif PRECISION == 32 && defined(__aarch64__)
    uint64_t before;
    FlushToZero() {
        asm volatile("mrs %0, fpcr" : "=r"(before));
        asm volatile("msr fpcr, %0" : : "r"(before | (1 << 24)) : "memory");
    }
    ~FlushToZero() { asm volatile("msr fpcr, %0" : : "r"(before) : "memory"); }
#endif
};

void *aligned(void *memory) { return reinterpret_cast<void *>((reinterpret_cast<uintptr_t>(memory) + 63) / 64 * 64); }

int64_t workspace(const Recipe *recipe) {
    Plan p;
    return lay_out(*recipe, nullptr, p) + 64;  // 64: to begin at a cache line
}

// Lays out the memory, and puts the parameters in their place.
void begin(const Recipe &recipe, const void *parameters, void *memory, Plan &p) {
    lay_out(recipe, aligned(memory), p);
    for (int64_t i = 0; i < p.padded_parameters; i++) p.parameters[i] = p.moment1[i] = p.moment2[i] = 0;
    take_row(p, parameters, p.parameters);
    refresh(p);
}

// Update number `made` of this call, counted from 0.
void update(const Plan &p, Optimizer optimizer, const Net &net, int64_t made) {
    const bool clips = net.limit < __builtin_inf();
    if (clips || net.norms) {
        const wide norm = root(squared_norm(p));
        if (net.norms) net.norms[made] = static_cast<double>(norm);
        if (clips) clip(p, net.limit, norm);
    }
    const double rate = net.rates ? net.rates[made] : net.rate;
    const int64_t step = net.step + made + 1;
    switch (optimizer) {
        case SGD: {
            if (net.own == 0) sgd(p, static_cast<real>(rate));
            else sgd_with_momentum(p, static_cast<real>(rate), static_cast<real>(net.own));
            break;
        }
        case ADAM: adam(p, rate, step); break;
        case RMSPROP: rmsprop(p, static_cast<real>(rate), net.own); break;
        case ADAMW: {
            decay(p, static_cast<real>(1 - rate * net.own));
            adam(p, rate, step);
            break;
        }
    }
    refresh(p);
}

int64_t train(const Recipe *recipe, Net *net, void *memory, const void *inputs, const void *targets, int64_t count,
              void *losses) {
    Plan p;
    [[maybe_unused]] const FlushToZero flush;
    begin(*recipe, net->parameters, memory, p);
    if (net->first) take_row(p, net->first, p.moment1);
    if (net->second) take_row(p, net->second, p.moment2);
    int64_t made = 0;
    for (; made < count; made++) {
        const real loss = forward(p, inputs, targets, made);
        static_cast<real *>(losses)[made] = loss;
        if (!__builtin_isfinite(loss)) break;
        backward(p);
        update(p, recipe->optimizer, *net, made);
    }
    give_row(p, net->parameters, p.parameters);
    if (net->first) give_row(p, net->first, p.moment1);
    if (net->second) give_row(p, net->second, p.moment2);
    net->step += made;
    return made;
}

void gradient(const Recipe *recipe, const void *parameters, void *memory, const void *inputs, const void *targets,
              void *loss, void *gradient) {
    Plan p;
    [[maybe_unused]] const FlushToZero flush;
    begin(*recipe, parameters, memory, p);
    *static_cast<real *>(loss) = forward(p, inputs, targets, 0);
    backward(p);
    give_row(p, gradient, p.gradient);
}

INLINE vec applied(Function function, vec x) {
    switch (function) {
        case TANH_OF: return vtanh(x);
        case SIGMOID_OF: return vsigmoid(x);
        case EXP_OF: return vexp(x);
        case RECIPROCAL_OF: return reciprocal(x);
    }
    __builtin_unreachable();
}

void apply(Function function, int64_t count, const void *x, void *y) {
    const real *from = static_cast<const real *>(x);
    real *to = static_cast<real *>(y);
    for (int64_t i = 0; i < count; i += kLanes) {
        real lanes[kLanes] = {};
        const int64_t some = count - i < kLanes ? count - i : kLanes;
        for (int64_t j = 0; j < some; j++) lanes[j] = from[i + j];
        store(lanes, applied(function, load(lanes)));
        for (int64_t j = 0; j < some; j++) to[i + j] = lanes[j];
    }
}

}  // namespace

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define NAME_(instructions, precision) kernel_##instructions##_float##precision
#define NAME(instructions, precision) NAME_(instructions, precision)

extern const Kernel NAME(KERNEL, PRECISION) = {.instructions = TEXT(KERNEL),
                                               .precision = "float" TEXT(PRECISION),
                                               .workspace = workspace,
                                               .train = train,
                                               .gradient = gradient,
                                               .apply = apply};
