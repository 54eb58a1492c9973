// What the parts of the native engine share: the numbers that Python hands over, and a kernel for each instruction set.

#pragma once

#include <cstdint>

enum Cell : int64_t { ELMAN, LSTM, GRU };
enum Nonlinearity : int64_t { TANH, RELU, IDENTITY };
enum Loss : int64_t { SQUARED_ERROR, CROSS_ENTROPY };
enum Optimizer : int64_t { SGD, ADAM };

// What all nets of a session have in common; rnnlab/training/native_library.py holds the same fields in the same order.
struct Recipe {
    int64_t cell, nonlinearity, inputs, hidden, layers, outputs;
    int64_t timesteps, batch, loss, last_timestep_only, optimizer;
};

// One net between two calls: its parameters and moments as rnnlab.nets.parameters lays them out, each (P,).
struct Net {
    float *parameters, *first, *second;  // the moments of Adam; null for SGD
    double rate, limit;                  // learning rate; the largest norm of a gradient, infinite for no clipping
    int64_t step;                        // updates made so far
};

struct Kernel {
    const char *instructions;

    // How many floats of memory a training needs.
    int64_t (*workspace)(const Recipe *);

    // Makes `count` updates on batches drawn before, inputs (count, B, T, I) and targets (count, B, T, O) float32, or
    // classes (count, B, T) int64, and writes the loss of each. Returns the updates made: fewer than `count` if a loss
    // was not finite. That loss is written too, and the parameters that gave it are left as they were.
    int64_t (*train)(const Recipe *, Net *, float *workspace, const float *inputs, const void *targets, int64_t count,
                     float *losses);

    // y = f(x), number by number, for tests: 0 tanh, 1 sigmoid, 2 exp.
    void (*apply)(int64_t function, int64_t count, const float *x, float *y);
};

extern const Kernel kernel_baseline, kernel_avx2, kernel_avx512;
