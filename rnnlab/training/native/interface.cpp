// What Python may ask for, by name; the choice of an instruction set; and the refusal of everything else.

#include "interface.h"

namespace {

// The i-th kernel that this processor can run, best first; null when there are no more.
const Kernel *usable(int64_t i) {
    const Kernel *kernels[6];
    int64_t count = 0;
    [[maybe_unused]] const auto add = [&](const Kernel &float32, const Kernel &float64, bool here) {
        if (here) kernels[count++] = &float32, kernels[count++] = &float64;
    };
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
    add(kernel_avx512_float32, kernel_avx512_float64, wide && __builtin_cpu_supports("avx512dq"));
    add(kernel_avx2_float32, kernel_avx2_float64, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
#endif
    add(kernel_baseline_float32, kernel_baseline_float64, true);
    return 0 <= i && i < count ? kernels[i] : nullptr;
}

// Null for a number that stands for nothing. A missing case is a warning, and so an error of `make check`.
const char *name_of(Cell cell) {
    switch (cell) {
        case ELMAN: return "elman";
        case LSTM: return "lstm";
        case GRU: return "gru";
        case LEAKY: return "leaky";
    }
    return nullptr;
}

const char *name_of(Nonlinearity nonlinearity) {
    switch (nonlinearity) {
        case TANH: return "tanh";
        case RELU: return "relu";
        case IDENTITY: return "identity";
        case SIGMOID: return "sigmoid";
        case LEAKY_RELU: return "leaky-relu";
        case HARD_TANH: return "hard-tanh";
    }
    return nullptr;
}

const char *name_of(Loss loss) {
    switch (loss) {
        case SQUARED_ERROR: return "mean squared error";
        case CROSS_ENTROPY: return "cross-entropy (nats)";
    }
    return nullptr;
}

const char *name_of(Optimizer optimizer) {
    switch (optimizer) {
        case SGD: return "sgd";
        case ADAM: return "adam";
        case RMSPROP: return "rmsprop";
        case ADAMW: return "adamw";
    }
    return nullptr;
}

const char *name_of(Function function) {
    switch (function) {
        case TANH_OF: return "tanh";
        case SIGMOID_OF: return "sigmoid";
        case EXP_OF: return "exp";
        case RECIPROCAL_OF: return "reciprocal";
    }
    return nullptr;
}

enum Refusal : int64_t {
    NO_SUCH_KERNEL = -1,
    NO_SUCH_CELL = -2,
    NO_SUCH_NONLINEARITY = -3,
    NO_SUCH_LOSS = -4,
    NO_SUCH_OPTIMIZER = -5,
    NO_SUCH_FUNCTION = -6,
    NO_SUCH_SIZE = -7,
};

// 0, or why the recipe is refused.
int64_t refusal(const Kernel *kernel, const Recipe &r) {
    if (!kernel) return NO_SUCH_KERNEL;
    if (!name_of(r.cell)) return NO_SUCH_CELL;
    if (!name_of(r.nonlinearity)) return NO_SUCH_NONLINEARITY;
    if (!name_of(r.loss)) return NO_SUCH_LOSS;
    if (!name_of(r.optimizer)) return NO_SUCH_OPTIMIZER;
    const int64_t sizes[] = {r.inputs, r.hidden, r.layers, r.outputs, r.timesteps, r.batch};
    for (int64_t size : sizes)
        if (size < 1) return NO_SUCH_SIZE;
    return 0;
}

}  // namespace

#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "GCC " __VERSION__
#endif

const char *rnnlab_build() { return BUILD ", " COMPILER; }

const char *rnnlab_instructions(int64_t kernel) { return usable(kernel) ? usable(kernel)->instructions : nullptr; }
const char *rnnlab_precision(int64_t kernel) { return usable(kernel) ? usable(kernel)->precision : nullptr; }

const char *rnnlab_cell(int64_t number) { return name_of(static_cast<Cell>(number)); }
const char *rnnlab_nonlinearity(int64_t number) { return name_of(static_cast<Nonlinearity>(number)); }
const char *rnnlab_loss(int64_t number) { return name_of(static_cast<Loss>(number)); }
const char *rnnlab_optimizer(int64_t number) { return name_of(static_cast<Optimizer>(number)); }
const char *rnnlab_function(int64_t number) { return name_of(static_cast<Function>(number)); }

int64_t rnnlab_recipe_bytes() { return sizeof(Recipe); }
int64_t rnnlab_net_bytes() { return sizeof(Net); }

int64_t rnnlab_workspace(int64_t kernel, const Recipe *recipe) {
    const int64_t refused = refusal(usable(kernel), *recipe);
    return refused ? refused : usable(kernel)->workspace(recipe);
}

int64_t rnnlab_train(int64_t kernel, const Recipe *recipe, Net *net, void *workspace, const void *inputs,
                     const void *targets, int64_t count, void *losses) {
    const int64_t refused = refusal(usable(kernel), *recipe);
    return refused ? refused : usable(kernel)->train(recipe, net, workspace, inputs, targets, count, losses);
}

int64_t rnnlab_gradient(int64_t kernel, const Recipe *recipe, const void *parameters, void *workspace,
                        const void *inputs, const void *targets, void *loss, void *gradient) {
    const int64_t refused = refusal(usable(kernel), *recipe);
    if (!refused) usable(kernel)->gradient(recipe, parameters, workspace, inputs, targets, loss, gradient);
    return refused;
}

int64_t rnnlab_apply(int64_t kernel, int64_t function, int64_t count, const void *x, void *y) {
    if (!usable(kernel)) return NO_SUCH_KERNEL;
    if (!rnnlab_function(function)) return NO_SUCH_FUNCTION;
    usable(kernel)->apply(static_cast<Function>(function), count, x, y);
    return 0;
}

const char *rnnlab_refusal(int64_t code) {
    switch (static_cast<Refusal>(code)) {
        case NO_SUCH_KERNEL: return "it has no such instruction set";
        case NO_SUCH_CELL: return "it knows no such cell";
        case NO_SUCH_NONLINEARITY: return "it knows no such nonlinearity";
        case NO_SUCH_LOSS: return "it knows no such loss";
        case NO_SUCH_OPTIMIZER: return "it knows no such optimizer";
        case NO_SUCH_FUNCTION: return "it knows no such function";
        case NO_SUCH_SIZE: return "every size must be at least 1";
    }
    return "there is no such refusal";
}
