// The functions that Python calls (rnnlab/training/native_library.py). A kernel is named by its index, from 0 on; where
// a call is refused, the number returned is negative and rnnlab_refusal puts it in words.

#pragma once

#include "kernel.h"

#define EXPORT __attribute__((visibility("default")))

extern "C" {

// What the kernels were built from and with: two builds may differ in the last digits.
EXPORT const char *rnnlab_build();

// The kernels that this processor can run, for each precision the best first; null when there are no more.
EXPORT const char *rnnlab_instructions(int64_t kernel);
EXPORT const char *rnnlab_precision(int64_t kernel);

// Names of what a recipe's numbers may be, from 0 on; null when there are no more.
EXPORT const char *rnnlab_cell(int64_t number);
EXPORT const char *rnnlab_nonlinearity(int64_t number);
EXPORT const char *rnnlab_loss(int64_t number);
EXPORT const char *rnnlab_optimizer(int64_t number);
EXPORT const char *rnnlab_function(int64_t number);

// Bytes of the structs that Python declares too.
EXPORT int64_t rnnlab_recipe_bytes();
EXPORT int64_t rnnlab_net_bytes();

// As in kernel.h, or a refusal; rnnlab_gradient and rnnlab_apply return 0 when they are done.
EXPORT int64_t rnnlab_workspace(int64_t kernel, const Recipe *recipe);
EXPORT int64_t rnnlab_train(int64_t kernel, const Recipe *recipe, Net *net, void *workspace, const void *inputs,
                            const void *targets, int64_t count, void *losses);
EXPORT int64_t rnnlab_gradient(int64_t kernel, const Recipe *recipe, const void *parameters, void *workspace,
                               const void *inputs, const void *targets, void *loss, void *gradient);
EXPORT int64_t rnnlab_apply(int64_t kernel, int64_t function, int64_t count, const void *x, void *y);

// What a negative number says.
EXPORT const char *rnnlab_refusal(int64_t code);
}
