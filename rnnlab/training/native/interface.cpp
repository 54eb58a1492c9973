// The few functions that Python calls (rnnlab/training/native_library.py), and the choice of an instruction set.

#include "kernel.h"

namespace {

// The i-th kernel that this processor can run, best first; null when there are no more.
const Kernel *usable(int64_t i) {
    const Kernel *kernels[3];
    int64_t count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        kernels[count++] = &kernel_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) kernels[count++] = &kernel_avx2;
#endif
    kernels[count++] = &kernel_baseline;
    return i < count ? kernels[i] : nullptr;
}

}  // namespace

#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "GCC " __VERSION__
#endif
#define EXPORT __attribute__((visibility("default")))

extern "C" {

// What the kernels were built from and with: two builds may differ in the last digits.
EXPORT const char *rnnlab_build() { return BUILD ", " COMPILER; }

EXPORT const char *rnnlab_instructions(int64_t i) { return usable(i) ? usable(i)->instructions : nullptr; }

EXPORT int64_t rnnlab_workspace(int64_t i, const Recipe *recipe) { return usable(i)->workspace(recipe); }

EXPORT int64_t rnnlab_train(int64_t i, const Recipe *recipe, Net *net, float *workspace, const float *inputs,
                     const void *targets, int64_t count, float *losses) {
    return usable(i)->train(recipe, net, workspace, inputs, targets, count, losses);
}

EXPORT void rnnlab_apply(int64_t i, int64_t function, int64_t count, const float *x, float *y) {
    usable(i)->apply(function, count, x, y);
}
}
