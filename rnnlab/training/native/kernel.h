// What the parts of the native engine share: the numbers that Python hands over, and a kernel for each instruction set
// and precision.

#pragma once

#include <cstdint>

// interface.cpp has their names, by which Python finds the numbers, and refuses a number without a name.
enum Cell : int64_t { ELMAN, LSTM, GRU, LEAKY };
enum Nonlinearity : int64_t { TANH, RELU, IDENTITY, SIGMOID, LEAKY_RELU, HARD_TANH };
enum Loss : int64_t { SQUARED_ERROR, CROSS_ENTROPY };
enum Optimizer : int64_t { SGD, ADAM, RMSPROP, ADAMW };
enum Function : int64_t { TANH_OF, SIGMOID_OF, EXP_OF, RECIPROCAL_OF };

// What all nets of a session have in common; rnnlab/training/native_library.py holds the same fields in the same order.
struct Recipe {
    Cell cell;
    Nonlinearity nonlinearity;  // of an Elman net, leaky or not
    int64_t inputs, hidden, layers, outputs;
    int64_t timesteps, batch;
    Loss loss;
    int64_t last_timestep_only;
    Optimizer optimizer;
    double leak = 1;  // of a leaky net
};

// One net between two calls: its parameters and moments as rnnlab.nets.parameters lays them out, each (P,).
struct Net {
    void *parameters, *first, *second;  // the moments of the optimizer in its order; null for those that it has not
    double rate, limit;                 // learning rate; the largest norm of a gradient, infinite for no clipping
    int64_t step;                       // updates made so far
    double own = 0;                     // momentum of SGD, smoothing of RMSprop, weight decay of AdamW
    const double *rates = nullptr;      // the learning rate of each update to be made; null: `rate` for all
    double *norms = nullptr;            // takes the norm of each gradient before clipping; null: nobody asks
};

// A kernel's reals are float32 or float64, in every array that comes without a type. Recipes are taken at their word:
// only those that interface.cpp lets pass may come.
struct Kernel {
    const char *instructions, *precision;

    // How many bytes of memory a training needs. They must be zero before the first call, since what stands for h_{-1},
    // c_{-1} and other zeros is only ever read; they may be handed on as they are from call to call and from net to
    // net of the same recipe.
    int64_t (*workspace)(const Recipe *);

    // Makes `count` updates on batches drawn before, inputs (count, B, T, I) and targets (count, B, T, O) of reals, or
    // classes (count, B, T) int64, and writes the loss of each. Returns the updates made: fewer than `count` if a loss
    // was not finite. That loss is written too, and the parameters that gave it are left as they were.
    int64_t (*train)(const Recipe *, Net *, void *workspace, const void *inputs, const void *targets, int64_t count,
                     void *losses);

    // Writes the loss of one batch, and its gradient by each parameter, (P,), and makes no update.
    void (*gradient)(const Recipe *, const void *parameters, void *workspace, const void *inputs, const void *targets,
                     void *loss, void *gradient);

    // y = f(x), number by number, for tests.
    void (*apply)(Function function, int64_t count, const void *x, void *y);
};

extern const Kernel kernel_baseline_float32, kernel_avx2_float32, kernel_avx512_float32;
extern const Kernel kernel_baseline_float64, kernel_avx2_float64, kernel_avx512_float64;
