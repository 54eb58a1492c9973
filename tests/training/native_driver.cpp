// Trains small nets of every kind and odd size, for the sanitizers and for other processors than this one
// (tests/training/native_sanitized.py). Every array has exactly the size it must have, so that a step beyond one is
// found. A whole result is compared with that of the same training in two calls. Prints the last loss of each training,
// a line for each kernel: their numbers are the same but for rounding.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "interface.h"

namespace {

[[noreturn]] void fail(const char *what) {
    std::printf("%s\n", what);
    std::exit(1);
}

uint32_t state = 1;

double uniform() {
    state = state * 1664525u + 1013904223u;
    return static_cast<double>(state >> 8) / (1 << 23) - 1.0;
}

template <typename Real>
std::vector<Real> numbers(int64_t count, double scale) {
    std::vector<Real> made(static_cast<size_t>(count));
    for (Real &x : made) x = static_cast<Real>(scale * uniform());
    return made;
}

int64_t count_parameters(const Recipe &r) {
    const int64_t gates = r.cell == LSTM ? 4 : r.cell == GRU ? 3 : 1;
    int64_t count = r.outputs * r.hidden + r.outputs;
    for (int64_t l = 0; l < r.layers; l++)
        count += gates * r.hidden * ((l ? r.hidden : r.inputs) + r.hidden + 1) + (r.cell == GRU ? r.hidden : 0);
    return count;
}

// Three batches for a recipe, and weights to begin with.
template <typename Real>
struct Problem {
    const Recipe &recipe;
    int64_t sequences = 3 * recipe.batch * recipe.timesteps;
    std::vector<Real> start = numbers<Real>(count_parameters(recipe), 0.5);
    std::vector<Real> inputs = numbers<Real>(sequences * recipe.inputs, 1.0);
    std::vector<Real> targets = numbers<Real>(sequences * recipe.outputs, 1.0);
    std::vector<int64_t> classes;

    explicit Problem(const Recipe &r) : recipe(r) {
        for (int64_t i = 0; i < sequences; i++)
            classes.push_back(static_cast<int64_t>((uniform() + 1.0) / 2.001 * static_cast<double>(r.outputs)));
    }

    const Real *input(int64_t batch) const {
        return inputs.data() + batch * recipe.batch * recipe.timesteps * recipe.inputs;
    }

    const void *target(int64_t batch) const {
        const int64_t from = batch * recipe.batch * recipe.timesteps;
        if (recipe.loss == CROSS_ENTROPY) return classes.data() + from;
        return targets.data() + from * recipe.outputs;
    }
};

// Trains on the three batches, in one call or, with a cut, in two. Returns the parameters, and the losses behind them.
template <typename Real>
std::vector<Real> train(int64_t kernel, const Problem<Real> &problem, int64_t cut) {
    const Recipe &r = problem.recipe;
    std::vector<Real> parameters = problem.start, first(parameters.size()), second(parameters.size()), losses(3);
    std::vector<char> workspace(static_cast<size_t>(rnnlab_workspace(kernel, &r)));
    const bool adam = r.optimizer == ADAM;
    Net net{.parameters = parameters.data(),
            .first = adam ? first.data() : nullptr,
            .second = adam ? second.data() : nullptr,
            .rate = 0.01,
            .limit = 0.5,
            .step = 0};
    for (int64_t from = 0, to = cut ? cut : 3; from < 3; from = to, to = 3)
        rnnlab_train(kernel, &r, &net, workspace.data(), problem.input(from), problem.target(from), to - from,
                     losses.data() + from);
    parameters.insert(parameters.end(), losses.begin(), losses.end());
    return parameters;
}

// Returns the last loss.
template <typename Real>
double check(int64_t kernel, const Recipe &recipe) {
    const Problem<Real> problem(recipe);
    const std::vector<Real> whole = train(kernel, problem, 0);
    for (Real number : whole)
        if (!std::isfinite(number)) fail("a number is not finite");
    if (whole != train(kernel, problem, 1)) fail("a cut shows in the result");
    std::vector<Real> gradient(problem.start.size()), loss(1);
    std::vector<char> workspace(static_cast<size_t>(rnnlab_workspace(kernel, &recipe)));
    rnnlab_gradient(kernel, &recipe, problem.start.data(), workspace.data(), problem.input(0), problem.target(0),
                    loss.data(), gradient.data());
    if (loss[0] != whole[whole.size() - 3]) fail("the loss of a gradient is not that of the training");
    return static_cast<double>(whole.back());
}

template <typename Real>
void apply(int64_t kernel) {
    for (int64_t count : {0, 1, 17})
        for (int64_t function = 0; rnnlab_function(function); function++) {
            const std::vector<Real> x = numbers<Real>(count, 100.0);
            std::vector<Real> y(x.size());
            rnnlab_apply(kernel, function, count, x.data(), y.data());
        }
}

// Odd sizes, with every loss, or every so manyth of all combinations; returns how many trainings were made.
template <typename Real>
int64_t check_all(int64_t kernel, int64_t every) {
    std::printf("%s %s", rnnlab_instructions(kernel), rnnlab_precision(kernel));
    int64_t n = 0;
    for (Cell cell : {ELMAN, LSTM, GRU, LEAKY})
        for (int64_t hidden : {1, 3, 7, 17, 33})
            for (int64_t batch : {1, 3, 17})
                for (int64_t timesteps : {1, 2, 5})
                    for (int64_t layers : {1, 2})
                        for (Loss loss : {SQUARED_ERROR, CROSS_ENTROPY})
                            for (int64_t size : {1, 3, 17}) {
                                if (++n % every) continue;
                                const Recipe recipe{.cell = cell,
                                                    .nonlinearity = static_cast<Nonlinearity>(n % 6),
                                                    .inputs = size,
                                                    .hidden = hidden,
                                                    .layers = layers,
                                                    .outputs = size == 3 ? 1 : size,
                                                    .timesteps = timesteps,
                                                    .batch = batch,
                                                    .loss = loss,
                                                    .last_timestep_only = n % 2,
                                                    .optimizer = static_cast<Optimizer>(n / 2 % 2),
                                                    .leak = 0.25};
                                state = static_cast<uint32_t>(n);  // the same numbers for every kernel
                                std::printf(" %.17g", check<Real>(kernel, recipe));
                            }
    apply<Real>(kernel);
    std::printf("\n");
    return n / every;
}

}  // namespace

int main(int count, char **words) {  // with a number n, one training in n
    const int64_t every = count > 1 ? std::atoll(words[1]) : 1;
    int64_t made = 0;
    for (int64_t kernel = 0; rnnlab_instructions(kernel); kernel++)
        made += std::strcmp(rnnlab_precision(kernel), "float64") ? check_all<float>(kernel, every)
                                                                 : check_all<double>(kernel, 5 * every);
    std::printf("%lld trainings: nothing found\n", static_cast<long long>(made));
}
