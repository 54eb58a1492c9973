"""PyTorch's recurrent kernels, one step at a time: the same functions of the same tensors, but every state a node.

A kernel gets what PyTorch's modules hand it (`torch.lstm(input, hx, weights, ...)`), and gives the same result to
rounding. Batched and packed sequences go one way: rows of all timesteps, and how many sequences each timestep has.
Dropout between layers is drawn for the same rows in the same order as in PyTorch's CPU kernels, so that it takes the
same numbers from the same generator.

Letters: T timesteps, B sequences, N rows of all timesteps, I inputs, H units, G gates x H, L layers, D directions.
Equations: the documentation of torch.nn.RNN, LSTM and GRU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

State = tuple[Tensor, ...]
"""What one step hands to the next: (h,), or (h, c)."""


class Matrices(NamedTuple):
    """The parameters of one layer and direction, as PyTorch lays them out."""

    weight_ih_GI: Tensor
    weight_hh_GH: Tensor
    bias_ih_G: Tensor | None = None
    bias_hh_G: Tensor | None = None
    weight_hr: Tensor | None = None

    def drive(self, x: Tensor) -> Tensor:
        """Give what inputs contribute, (..., G)."""
        return linear(x, self.weight_ih_GI, self.bias_ih_G)

    def recur(self, h_BH: Tensor) -> Tensor:
        """Give what the state contributes, (B, G)."""
        return linear(h_BH, self.weight_hh_GH, self.bias_hh_G)


Step = Callable[[Tensor, State, Matrices], State]


def _tanh_step(drive_BG: Tensor, state: State, weights: Matrices) -> State:
    return ((drive_BG + weights.recur(state[0])).tanh(),)


def _relu_step(drive_BG: Tensor, state: State, weights: Matrices) -> State:
    return ((drive_BG + weights.recur(state[0])).relu(),)


def _lstm_step(drive_BG: Tensor, state: State, weights: Matrices) -> State:
    h_BH, c_BH = state
    i_BH, f_BH, g_BH, o_BH = (drive_BG + weights.recur(h_BH)).chunk(4, dim=-1)
    c_BH = _node(f_BH.sigmoid() * c_BH + i_BH.sigmoid() * g_BH.tanh())
    h_BH = o_BH.sigmoid() * c_BH.tanh()
    return (h_BH if weights.weight_hr is None else linear(h_BH, weights.weight_hr)), c_BH


def _gru_step(drive_BG: Tensor, state: State, weights: Matrices) -> State:
    (h_BH,) = state
    drive_r, drive_z, drive_n = drive_BG.chunk(3, dim=-1)
    gates_r, gates_z, gates_n = weights.recur(h_BH).chunk(3, dim=-1)
    z_BH = (drive_z + gates_z).sigmoid()
    n_BH = (drive_n + (drive_r + gates_r).sigmoid() * gates_n).tanh()
    return (n_BH + z_BH * (h_BH - n_BH),)


def _node(x: Tensor) -> Tensor:
    """Make sure that a state is a node of the graph, also where nothing before it asks for a gradient."""
    return x if x.requires_grad else x.requires_grad_().view_as(x)


@dataclass(frozen=True)
class Kernel:
    """A step, and what may be said of it.

    Attributes:
        step: gives the next state.
        is_cell: whether the kernel makes only one step.
        states: the letters of its states.
        is_governed: whether one matrix, weight_hh, governs it, so that its spectrum means something.
    """

    step: Step
    is_cell: bool = False
    states: str = "h"
    is_governed: bool = False


KERNELS: dict[Callable[..., Any], Kernel] = {
    torch.rnn_tanh: Kernel(_tanh_step, is_governed=True),
    torch.rnn_relu: Kernel(_relu_step, is_governed=True),
    torch.lstm: Kernel(_lstm_step, states="hc"),
    torch.gru: Kernel(_gru_step),
    torch.rnn_tanh_cell: Kernel(_tanh_step, is_cell=True, is_governed=True),
    torch.rnn_relu_cell: Kernel(_relu_step, is_cell=True, is_governed=True),
    torch.lstm_cell: Kernel(_lstm_step, is_cell=True, states="hc"),
    torch.gru_cell: Kernel(_gru_step, is_cell=True),
}
"""What PyTorch's recurrent modules call, and its steps."""

CELL_STATES = (nn.LSTM, nn.LSTMCell)
"""The modules that have a state c."""

GOVERNED = (nn.RNN, nn.RNNCell)
"""The modules that one matrix governs."""


@dataclass(frozen=True)
class Unrolled:
    """A kernel's result, and the nodes that it went through.

    Attributes:
        result: what the kernel returns.
        states_LDT: the state after each timestep, for each layer and direction; each part (b_t, H), b_t sequences.
        weights_LD: the parameters.
        initial: the state before, each part (L D, B, H).
        sizes: how many sequences each timestep has: falling, where a batch is packed.
        is_packed: whether it came as one packed batch.
    """

    result: Any
    states_LDT: list[list[list[State]]]
    weights_LD: list[list[Matrices]]
    initial: State
    sizes: list[int]
    is_packed: bool


def unroll_cell(kernel: Kernel, x_BI: Tensor, hx: Tensor | State, *parameters: Any) -> Unrolled:
    """Make the one step of a cell."""
    weights, state = Matrices(*parameters), _parts(hx)
    new = tuple(map(_node, kernel.step(weights.drive(x_BI), state, weights)))
    result = new if len(new) > 1 else new[0]
    initial = tuple(part.unsqueeze(0) for part in state)
    return Unrolled(result, [[[new]]], [[weights]], initial, [len(x_BI)], is_packed=False)


def unroll_module(kernel: Kernel, *arguments: Any) -> Unrolled:
    """Run over whole sequences: `(x, hx, weights, ..., batch_first)`; packed, `(rows, sizes, hx, weights, ...)`."""
    if isinstance(arguments[3], list | tuple):
        rows_NI, sizes, hx, *others = arguments
        return _unroll(kernel, rows_NI, sizes.tolist(), _parts(hx), *others, is_packed=True)
    x, hx, *others, batch_first = arguments
    x_TBI = x.transpose(0, 1) if batch_first else x
    timesteps, sequences = x_TBI.shape[:2]
    rows_NI = x_TBI.reshape(timesteps * sequences, -1)
    unrolled = _unroll(kernel, rows_NI, [sequences] * timesteps, _parts(hx), *others, is_packed=False)
    rows_NH, *final = unrolled.result
    output_TBH = rows_NH.reshape(timesteps, sequences, -1)
    output = output_TBH.transpose(0, 1) if batch_first else output_TBH
    return Unrolled(
        (output, *final), unrolled.states_LDT, unrolled.weights_LD, unrolled.initial, unrolled.sizes, is_packed=False
    )


def _parts(hx: Tensor | Sequence[Tensor]) -> State:
    return (hx,) if isinstance(hx, Tensor) else tuple(hx)


def _unroll(
    kernel: Kernel,
    rows: Tensor,
    sizes: list[int],
    initial: State,
    flat_weights: Sequence[Tensor],
    has_biases: bool,
    layers: int,
    dropout: float,
    training: bool,
    bidirectional: bool,
    *,
    is_packed: bool,
) -> Unrolled:
    """Go through the layers; `flat_weights` is what the fused kernel would use, whatever put it there."""
    directions = 2 if bidirectional else 1
    weights_LD = _arrange(flat_weights, layers, directions, has_biases=has_biases)
    states_LDT: list[list[list[State]]] = []
    for layer, weights_D in enumerate(weights_LD):
        states_DT = []
        for direction, weights in enumerate(weights_D):
            first = tuple(part[layer * directions + direction] for part in initial)
            drives = weights.drive(rows).split(sizes)
            states_DT.append(_run(kernel.step, drives, sizes, first, weights, backwards=direction == 1))
        states_LDT.append(states_DT)
        rows = torch.cat([torch.cat([state[0] for state in states_T]) for states_T in states_DT], dim=-1)
        if dropout and training and layer < layers - 1:
            rows = torch.dropout(rows, dropout, train=True)
    final = tuple(
        torch.stack(
            [
                _last(states_T, sizes, part, backwards=direction == 1)
                for states_DT in states_LDT
                for direction, states_T in enumerate(states_DT)
            ]
        )
        for part in range(len(initial))
    )
    return Unrolled((rows, *final), states_LDT, weights_LD, initial, sizes, is_packed)


def _arrange(flat: Sequence[Tensor], layers: int, directions: int, *, has_biases: bool) -> list[list[Matrices]]:
    """Give each layer and direction its parameters: two matrices, two biases, and what projects h, as far as there."""
    count = len(flat) // (layers * directions)
    pieces: list[list[Any]] = [list(flat[start : start + count]) for start in range(0, len(flat), count)]
    if not has_biases:
        pieces = [[*piece[:2], None, None, *piece[2:]] for piece in pieces]
    found = [Matrices(*piece) for piece in pieces]
    return [found[start : start + directions] for start in range(0, len(found), directions)]


def _run(
    step: Step, drives: Sequence[Tensor], sizes: list[int], initial: State, weights: Matrices, *, backwards: bool
) -> list[State]:
    """Go through the timesteps of one layer in one direction; gives the states in the order of time."""
    states: list[State] = [()] * len(sizes)
    order = range(len(sizes) - 1, -1, -1) if backwards else range(len(sizes))
    state = tuple(part[: sizes[order[0]]] for part in initial)
    for t in order:
        if len(state[0]) != sizes[t]:  # forwards sequences end, backwards others begin
            state = tuple(
                torch.cat([part, first[len(part) : sizes[t]]])[: sizes[t]]
                for part, first in zip(state, initial, strict=True)
            )
        state = states[t] = tuple(map(_node, step(drives[t], state, weights)))
    return states


def _last(states_T: list[State], sizes: list[int], part: int, *, backwards: bool) -> Tensor:
    """Give the state of each sequence after its own last step, (B, H)."""
    if backwards or sizes[0] == sizes[-1]:
        return states_T[0 if backwards else -1][part]
    ends = [*sizes[1:], 0]  # the sequences that end after timestep t are those from ends[t] on
    return torch.cat([states_T[t][part][ends[t] : sizes[t]] for t in range(len(sizes) - 1, -1, -1)])
