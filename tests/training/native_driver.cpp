// Trains small nets of every kind and odd size, for the sanitizers and for other processors than this one
// (tests/training/native_sanitized.py). Every array has exactly the size it must have, so that a step beyond one is
// found. A whole result is compared with that of the same training in two calls. Prints the last loss of each training,
// a line for each instruction set: their numbers are the same but for rounding.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernel.h"

extern "C" {
const char *rnnlab_instructions(int64_t);
int64_t rnnlab_workspace(int64_t, const Recipe *);
int64_t rnnlab_train(int64_t, const Recipe *, Net *, float *, const float *, const void *, int64_t, float *);
void rnnlab_apply(int64_t, int64_t, int64_t, const float *, float *);
}

static uint32_t state = 1;
static float uniform() {
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / (1 << 23) - 1.0f;
}

static std::vector<float> numbers(size_t count, float scale) {
    std::vector<float> made(count);
    for (float &x : made) x = scale * uniform();
    return made;
}

static size_t parameters(const Recipe &r) {
    const size_t gates = r.cell == LSTM ? 4 : r.cell == GRU ? 3 : 1, H = r.hidden;
    size_t count = r.outputs * H + r.outputs;
    for (int64_t l = 0; l < r.layers; l++)
        count += gates * H * (l ? H : r.inputs) + gates * H * H + gates * H + (r.cell == GRU ? H : 0);
    return count;
}

// Returns the last loss.
static float check(int64_t instructions, const Recipe &r) {
    const int64_t batches = 3;
    const size_t sequences = batches * r.batch * r.timesteps;
    const std::vector<float> start = numbers(parameters(r), 0.5f), x = numbers(sequences * r.inputs, 1.0f);
    const std::vector<float> y = numbers(sequences * r.outputs, 1.0f);
    std::vector<int64_t> classes(sequences);
    for (int64_t &c : classes) c = (int64_t)((uniform() + 1.0f) / 2.001f * r.outputs);
    const void *targets = r.loss == CROSS_ENTROPY ? (const void *)classes.data() : y.data();
    const size_t target_bytes = r.batch * r.timesteps * (r.loss == CROSS_ENTROPY ? 8 : 4 * r.outputs);
    std::vector<float> results[2], losses(batches);
    for (int64_t cut : {0, 1}) {
        std::vector<float> p = start, first(p.size()), second(p.size());
        std::vector<float> workspace(rnnlab_workspace(instructions, &r));
        const bool adam = r.optimizer == ADAM;
        Net net{p.data(), adam ? first.data() : nullptr, adam ? second.data() : nullptr, 0.01, 0.5, 0};
        for (int64_t from = 0, to = cut ? cut : batches; from < batches; from = to, to = batches)
            rnnlab_train(instructions, &r, &net, workspace.data(), x.data() + from * r.batch * r.timesteps * r.inputs,
                         (const char *)targets + from * target_bytes, to - from, losses.data() + from);
        for (float loss : losses)
            if (!std::isfinite(loss)) std::printf("a loss is not finite\n"), std::exit(1);
        results[cut] = p;
    }
    if (results[0] != results[1]) std::printf("a cut shows in the result\n"), std::exit(1);
    return losses.back();
}

int main() {
    int64_t checked = 0;
    for (int64_t i = 0; rnnlab_instructions(i); i++) {
        std::printf("%s", rnnlab_instructions(i));
        int64_t n = 0;
        for (int64_t cell : {ELMAN, LSTM, GRU})
            for (int64_t hidden : {1, 3, 7, 17, 33})
                for (int64_t batch : {1, 3, 17})
                    for (int64_t steps : {1, 2, 5})
                        for (int64_t layers : {1, 2})
                            for (int64_t loss : {SQUARED_ERROR, CROSS_ENTROPY})
                                for (int64_t size : {1, 3, 17}) {
                                    const int64_t other = size == 3 ? 1 : size;
                                    state = (uint32_t)++n;  // the same numbers for every instruction set
                                    std::printf(" %.9g", check(i, {cell, n % 3, size, hidden, layers, other, steps,
                                                                   batch, loss, n % 2, n / 2 % 2}));
                                }
        for (int64_t count : {0, 1, 17})
            for (int64_t function : {0, 1, 2}) {
                const std::vector<float> x = numbers(count, 100.0f);
                std::vector<float> y(count);
                rnnlab_apply(i, function, count, x.data(), y.data());
            }
        std::printf("\n");
        checked += n;
    }
    std::printf("%lld trainings: nothing found\n", (long long)checked);
}
