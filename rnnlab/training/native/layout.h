// Where everything lies in the one piece of memory that a training works in, and the way into it and out again.
//
// T timesteps, B sequences, I inputs, H hidden units, O outputs, G gates x H. Arrays lie as (T, B, H), the units side
// by side. In memory H, and each gate of G, is padded to whole vectors (Hp, Gp), and B to whole tiles (Bp). Padding is
// computed along with the rest and may come to hold anything, NaN too; nothing real is computed from it.
//
// Weights are kept as the forward pass reads them, transposed: (I, G), (H, G); `back` holds copies for the way back.

#pragma once

#include <new>

#include "functions.h"
#include "kernel.h"

namespace {

// Of a register tile: its rows, and the vectors in each (setup.py). Hidden units and outputs are columns of one product
// and rows of another, so padding to whole vectors must be padding to whole tiles.
constexpr int kTileRows = TILE_ROWS < kLanes ? TILE_ROWS : kLanes, kTileVectors = TILE_VECTORS;
static_assert(kLanes % kTileRows == 0);

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// An array (T, Bp, row), of which `at` gives one timestep. States have one timestep more, -1, which is zero.
struct Series {
    real *first;
    int64_t step, row;  // from one timestep, or one sequence, to the next
    real *at(int64_t t) const { return first + t * step; }
    Series before() const { return {first - step, step, row}; }  // whose timestep t is this one's t - 1
};

struct Weights {
    real *ih, *hh, *bias, *bias_hn;  // (inputs_row, Gp), (Hp, Gp), (Gp), GRU: (Hp)
};

struct Layer {
    int64_t inputs, inputs_row;  // real inputs, and the distance between the rows of two sequences
    Weights weight, gradient;
    real *back_ih, *back_hh;  // (Gp, Hp)
    Series x;                 // rows of inputs_row
    Series h;                 // rows of Hp, from h_{-1} = 0
    Series z;                 // rows of Gp: the gates, or σ of a leaky net, and in their place dL/dz
    Series c, tanh_c;         // LSTM: rows of Hp, the cells from c_{-1} = 0
    Series q;                 // GRU: rows of Hp, and in their place dL/dq
};

struct Readout {
    real *weight, *bias;  // (Op, Hp), (Op)
};

struct Plan {
    int64_t I, H, O, T, B, L, gates, Hp, Gp, Bp, Op, Ip;
    Cell cell;
    Nonlinearity nonlinearity;
    real leak;
    Loss loss;
    int64_t first;                                    // the first timestep that counts in the loss
    int64_t padded_parameters;                        // all parameters, with their padding
    real *parameters, *gradient, *moment1, *moment2;  // (padded_parameters,)
    real *zeros;                                      // (Hp,)
    Readout readout, readout_gradient;
    real *forward_readout;  // (Hp, Op)
    Series x, target, y;    // rows of Ip, Op, Op: y holds the predictions, and in their place dL/dy
    real *dL_dh, *carry;    // (Bp, Hp), of the timestep that the backward pass has come to
    Layer *layers;
};

// Hands out memory in whole cache lines; with base null it only counts.
struct Arena {
    char *base;
    int64_t used = 0;  // bytes

    template <typename T>
    T *take(int64_t count) {
        char *place = base ? base + used : nullptr;
        used += round_up(count * static_cast<int64_t>(sizeof(T)), 64);
        return reinterpret_cast<T *>(place);
    }

    // `before`: timesteps before the first.
    Series take_series(const Plan &p, int64_t row, int64_t before = 0) {
        const int64_t step = p.Bp * row;
        real *place = take<real>((p.T + before) * step);
        return {place ? place + before * step : nullptr, step, row};
    }
};

int64_t gates_of(Cell cell) {
    switch (cell) {
        case ELMAN: return 1;
        case LSTM: return 4;
        case GRU: return 3;
        case LEAKY: return 1;
    }
    __builtin_unreachable();
}

// Gives out one layer's weights from `place` on, and moves it behind them.
Weights lay_weights(const Plan &p, const Layer &layer, real *&place) {
    real *ih = place, *hh = ih + layer.inputs_row * p.Gp, *bias = hh + p.Hp * p.Gp, *bias_hn = bias + p.Gp;
    place = bias_hn + (p.cell == GRU ? p.Hp : 0);
    return {ih, hh, bias, bias_hn};
}

void take_sizes(const Recipe &r, Plan &p) {
    p.I = r.inputs, p.H = r.hidden, p.O = r.outputs, p.T = r.timesteps, p.B = r.batch, p.L = r.layers;
    p.cell = r.cell, p.nonlinearity = r.nonlinearity, p.loss = r.loss;
    p.leak = static_cast<real>(r.leak);
    p.first = r.last_timestep_only ? p.T - 1 : 0;
    p.gates = gates_of(r.cell);
    p.Hp = round_up(p.H, kLanes), p.Gp = p.gates * p.Hp, p.Bp = round_up(p.B, kTileRows);
    p.Op = p.O == 1 ? 1 : round_up(p.O, kLanes), p.Ip = p.I == 1 ? 1 : round_up(p.I, kTileRows);
    const int64_t per_layer = p.Hp * p.Gp + p.Gp + (p.cell == GRU ? p.Hp : 0);
    const int64_t readout = p.Op * p.Hp + round_up(p.Op, kLanes);
    p.padded_parameters = p.L * per_layer + (p.Ip + (p.L - 1) * p.Hp) * p.Gp + readout;
}

// Lays out everything a training needs. Without memory it only counts the bytes, which it returns.
int64_t lay_out(const Recipe &recipe, void *memory, Plan &p) {
    take_sizes(recipe, p);
    Arena arena{static_cast<char *>(memory)};
    p.layers = arena.take<Layer>(p.L);
    p.parameters = arena.take<real>(p.padded_parameters), p.gradient = arena.take<real>(p.padded_parameters);
    p.moment1 = arena.take<real>(p.padded_parameters), p.moment2 = arena.take<real>(p.padded_parameters);
    p.zeros = arena.take<real>(p.Hp);
    p.forward_readout = arena.take<real>(p.O == 1 ? 0 : p.Hp * p.Op);
    p.x = arena.take_series(p, p.Ip), p.target = arena.take_series(p, p.Op);
    p.dL_dh = arena.take<real>(p.Bp * p.Hp), p.carry = arena.take<real>(p.Bp * p.Hp);
    real *weight = p.parameters, *gradient = p.gradient;
    for (int64_t l = 0; l < p.L; l++) {
        Layer layer{};
        layer.inputs = l ? p.H : p.I, layer.inputs_row = l ? p.Hp : p.Ip;
        layer.back_hh = arena.take<real>(p.Gp * p.Hp), layer.back_ih = arena.take<real>(l ? p.Gp * p.Hp : 0);
        layer.h = arena.take_series(p, p.Hp, 1), layer.z = arena.take_series(p, p.Gp);
        if (p.cell == LSTM) layer.c = arena.take_series(p, p.Hp, 1), layer.tanh_c = arena.take_series(p, p.Hp);
        if (p.cell == GRU) layer.q = arena.take_series(p, p.Hp);
        if (!memory) continue;
        layer.x = l ? p.layers[l - 1].h : p.x;
        layer.weight = lay_weights(p, layer, weight), layer.gradient = lay_weights(p, layer, gradient);
        new (&p.layers[l]) Layer(layer);
    }
    p.y = arena.take_series(p, p.Op);
    arena.take<real>(kLanes * (1 + p.Hp));  // a row of kLanes sums may reach beyond the last sequence, of y and of h
    if (!memory) return arena.used;
    p.readout = {weight, weight + p.Op * p.Hp};
    p.readout_gradient = {gradient, gradient + p.Op * p.Hp};
    return arena.used;
}

// A matrix (gates x units, columns) and how far its numbers lie apart.
struct Matrix {
    real *first;
    int64_t units, columns = 1, gates = 1;
    int64_t unit_step = 1, column_step = 0, gate_step = 0;
};

// Calls f with each real number of p.parameters, or of what lies like them (the gradient, a moment), in the order of
// rnnlab.nets.parameters.
template <typename Function>
void each_number(const Plan &p, real *like, Function f) {
    const int64_t shift = like - p.parameters;
    const auto visit = [&](const Matrix &m) {
        for (int64_t gate = 0; gate < m.gates; gate++)
            for (int64_t i = 0; i < m.units; i++)
                for (int64_t k = 0; k < m.columns; k++)
                    f(m.first[shift + gate * m.gate_step + i * m.unit_step + k * m.column_step]);
    };
    for (int64_t l = 0; l < p.L; l++) {
        const Weights &w = p.layers[l].weight;
        const Matrix gated{.first = w.bias, .units = p.H, .gates = p.gates, .gate_step = p.Hp};
        Matrix ih = gated, hh = gated;
        ih.first = w.ih, ih.columns = p.layers[l].inputs, ih.column_step = p.Gp;
        hh.first = w.hh, hh.columns = p.H, hh.column_step = p.Gp;
        visit(ih), visit(hh), visit(gated);
        if (p.cell == GRU) visit({.first = w.bias_hn, .units = p.H});
    }
    visit({.first = p.readout.weight, .units = p.O, .columns = p.H, .unit_step = p.Hp, .column_step = 1});
    visit({.first = p.readout.bias, .units = p.O});
}

// Between a flat row, as rnnlab.nets.parameters lays it out, and what lies like p.parameters.
void take_row(const Plan &p, const void *row, real *like) {
    const real *from = static_cast<const real *>(row);
    each_number(p, like, [&](real &number) { number = *from++; });
}

void give_row(const Plan &p, void *row, real *like) {
    real *to = static_cast<real *>(row);
    each_number(p, like, [&](real &number) { *to++ = number; });
}

// Batches come as (B, T, I) and are used as (T, Bp, Ip).
void take_batch(const Plan &p, const real *from, const Series &to, int64_t numbers) {
    for (int64_t b = 0; b < p.B; b++)
        for (int64_t t = 0; t < p.T; t++)
            for (int64_t i = 0; i < numbers; i++) to.at(t)[b * to.row + i] = from[(b * p.T + t) * numbers + i];
}

}  // namespace
