// Where everything lies in the one piece of memory that a training works in, and the way into it and out again.
//
// T timesteps, B sequences, I inputs, H hidden units, O outputs, G gates x H. Arrays lie as (T, B, H), the units side
// by side. In memory H, and each gate of G, is padded to whole vectors (Hp, Gp), and B to whole tiles (Bp). Padding is
// computed along with the rest and may come to hold anything, NaN too; nothing real is computed from it.
//
// Weights are kept as the forward pass reads them, transposed: (I, G), (H, G); `back` holds copies for the way back.

#pragma once

#include "kernel.h"
#include "vectors.h"

namespace {

const int R = TILE_ROWS, V = TILE_VECTORS;  // of a register tile: its rows, and the vectors in each (setup.py)

// Hidden units and outputs are columns of one product and rows of another.
static_assert(W % R == 0, "padding to whole vectors must be padding to whole tiles");

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

struct Layer {
    int64_t inputs, inputs_row;  // real inputs, and the distance between the rows of two sequences
    float *weight_ih, *weight_hh, *bias, *bias_hn;          // (inputs_row, Gp), (Hp, Gp), (Gp), GRU: (Hp)
    float *d_weight_ih, *d_weight_hh, *d_bias, *d_bias_hn;  // dL/d of the same
    float *back_ih, *back_hh;                               // (Gp, Hp)
    const float *x;                                         // (T, Bp, inputs_row)
    float *h;                                               // (T + 1, Bp, Hp), from h_{-1} = 0
    float *z;                                               // (T, Bp, Gp): the gates, and in their place dL/dz
    float *c, *s;                                           // LSTM: cells, like h; tanh of them, (T, Bp, Hp)
    float *q;                                               // GRU: (T, Bp, Hp), and in its place dL/dq
};

// Hands out memory in whole cache lines; with base null it only counts.
struct Arena {
    float *base;
    int64_t used;
    float *take(int64_t floats) {
        float *place = base ? base + used : nullptr;
        used += round_up(floats, 16);
        return place;
    }
};

struct Plan {
    int64_t I, H, O, T, B, L, gates, Hp, Gp, Bp, Op, Ip, P;  // P: all parameters, with their padding
    int64_t cell, nonlinearity, loss, first;                 // first timestep that counts in the loss
    float *parameters, *gradient, *moment1, *moment2, *zeros;
    float *readout, *d_readout, *readout_bias, *d_readout_bias, *forward_readout;  // (Op, Hp), (Op), (Hp, Op)
    float *x, *target, *y;  // (T, Bp, Ip), (T, Bp, Op): y holds the predictions, and in their place dL/dy
    float *dh, *carry;      // (Bp, Hp), of the timestep that the backward pass has come to
    Layer *layers;
};

// Lays one layer's weights out at `at`; returns what comes behind.
float *lay_weights(const Plan &p, float *at, Layer &layer, bool gradient) {
    float *ih = at, *hh = ih + layer.inputs_row * p.Gp, *bias = hh + p.Hp * p.Gp, *bias_hn = bias + p.Gp;
    if (gradient) layer.d_weight_ih = ih, layer.d_weight_hh = hh, layer.d_bias = bias, layer.d_bias_hn = bias_hn;
    else layer.weight_ih = ih, layer.weight_hh = hh, layer.bias = bias, layer.bias_hn = bias_hn;
    return bias_hn + (p.cell == GRU ? p.Hp : 0);
}

// Lays out everything a training needs. Without memory it only counts the floats, which it returns.
int64_t lay_out(const Recipe &r, float *memory, Plan &p) {
    p.I = r.inputs, p.H = r.hidden, p.O = r.outputs, p.T = r.timesteps, p.B = r.batch, p.L = r.layers;
    p.cell = r.cell, p.nonlinearity = r.nonlinearity, p.loss = r.loss;
    p.first = r.last_timestep_only ? p.T - 1 : 0;
    p.gates = r.cell == LSTM ? 4 : r.cell == GRU ? 3 : 1;
    p.Hp = round_up(p.H, W), p.Gp = p.gates * p.Hp, p.Bp = round_up(p.B, R);
    p.Op = p.O == 1 ? 1 : round_up(p.O, W), p.Ip = p.I == 1 ? 1 : round_up(p.I, R);
    const int64_t per_layer = p.Hp * p.Gp + p.Gp + (p.cell == GRU ? p.Hp : 0);
    p.P = p.L * per_layer + (p.Ip + (p.L - 1) * p.Hp) * p.Gp + p.Op * p.Hp + round_up(p.Op, W);

    Arena arena{memory, 0};
    p.layers = (Layer *)arena.take(p.L * (int64_t)(sizeof(Layer) / sizeof(float)));
    p.parameters = arena.take(p.P), p.gradient = arena.take(p.P);
    p.moment1 = arena.take(p.P), p.moment2 = arena.take(p.P);
    p.zeros = arena.take(p.Hp);
    p.forward_readout = arena.take(p.O == 1 ? 0 : p.Hp * p.Op);
    p.x = arena.take(p.T * p.Bp * p.Ip), p.target = arena.take(p.T * p.Bp * p.Op);
    p.dh = arena.take(p.Bp * p.Hp), p.carry = arena.take(p.Bp * p.Hp);
    float *at = p.parameters, *d_at = p.gradient;
    for (int64_t l = 0; l < p.L; l++) {
        Layer layer{};
        layer.inputs = l ? p.H : p.I, layer.inputs_row = l ? p.Hp : p.Ip;
        layer.back_hh = arena.take(p.Gp * p.Hp), layer.back_ih = arena.take(l ? p.Gp * p.Hp : 0);
        layer.h = arena.take((p.T + 1) * p.Bp * p.Hp), layer.z = arena.take(p.T * p.Bp * p.Gp);
        layer.c = arena.take(p.cell == LSTM ? (p.T + 1) * p.Bp * p.Hp : 0);
        layer.s = arena.take(p.cell == LSTM ? p.T * p.Bp * p.Hp : 0);
        layer.q = arena.take(p.cell == GRU ? p.T * p.Bp * p.Hp : 0);
        if (!memory) continue;
        layer.x = l ? p.layers[l - 1].h + p.Bp * p.Hp : p.x;
        at = lay_weights(p, at, layer, false), d_at = lay_weights(p, d_at, layer, true);
        p.layers[l] = layer;
    }
    p.y = arena.take(p.T * p.Bp * p.Op + W);  // a row of W sums may reach beyond the last sequence
    arena.take(W * p.Hp);                     // and is read from so many rows
    if (!memory) return arena.used;
    p.readout = at, p.readout_bias = at + p.Op * p.Hp;
    p.d_readout = d_at, p.d_readout_bias = d_at + p.Op * p.Hp;
    return arena.used;
}

// Calls f with each real number of p.parameters, or of what lies like them (the gradient, a moment), in the order of
// rnnlab.nets.parameters.
template <typename Function>
void each_number(const Plan &p, float *like, Function f) {
    const int64_t shift = like - p.parameters;
    // (gates x units, columns), from one gate, unit or column to the next by a step.
    const auto matrix = [&](float *numbers, int64_t gates, int64_t units, int64_t gate_step, int64_t unit_step,
                            int64_t columns, int64_t column_step) {
        for (int64_t g = 0; g < gates; g++)
            for (int64_t i = 0; i < units; i++)
                for (int64_t k = 0; k < columns; k++)
                    f(numbers[shift + g * gate_step + i * unit_step + k * column_step]);
    };
    for (int64_t l = 0; l < p.L; l++) {
        const Layer &layer = p.layers[l];
        matrix(layer.weight_ih, p.gates, p.H, p.Hp, 1, layer.inputs, p.Gp);
        matrix(layer.weight_hh, p.gates, p.H, p.Hp, 1, p.H, p.Gp);
        matrix(layer.bias, p.gates, p.H, p.Hp, 1, 1, 0);
        if (p.cell == GRU) matrix(layer.bias_hn, 1, p.H, 0, 1, 1, 0);
    }
    matrix(p.readout, 1, p.O, 0, p.Hp, p.H, 1);
    matrix(p.readout_bias, 1, p.O, 0, 1, 1, 0);
}

// Between a flat row, as rnnlab.nets.parameters lays it out, and what lies like p.parameters.
void take_row(const Plan &p, const float *row, float *like) {
    each_number(p, like, [&](float &number) { number = *row++; });
}

void give_row(const Plan &p, float *row, float *like) {
    each_number(p, like, [&](float &number) { *row++ = number; });
}

// Batches come as (B, T, I) and are used as (T, Bp, Ip).
void take_batch(const Plan &p, const float *from, float *to, int64_t numbers, int64_t row) {
    for (int64_t b = 0; b < p.B; b++)
        for (int64_t t = 0; t < p.T; t++)
            for (int64_t i = 0; i < numbers; i++) to[(t * p.Bp + b) * row + i] = from[(b * p.T + t) * numbers + i];
}

}  // namespace
