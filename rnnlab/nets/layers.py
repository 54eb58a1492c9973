"""Recurrent nets as PyTorch modules, for notebooks and as a second way to every gradient.

    h_t = σ(W_hh h_{t-1} + W_ih x_t + b),  h_0 = 0,  one bias (one a gate for an LSTM)

Each module keeps the hidden states of its last forward pass in `h_list`, T tensors (B, H); after `loss.backward()`
their `.grad` is dL/dh_t. An LSTM keeps `c_list` as well. All numbers are drawn from PyTorch's global generator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from rnnlab.nets.cells import GRU, LSTM, Cell, Elman
from rnnlab.nets.parameters import Architecture
from rnnlab.nets.unroll import run_layer, stack_time


class RecurrentLayer(nn.Module):
    """One layer of any cell; `RNNLayer`, `LSTMLayer` and `GRULayer` choose the cell, which names the parameters."""

    weight_ih: nn.Parameter
    weight_hh: nn.Parameter
    bias: nn.Parameter

    def __init__(self, input_size: int, hidden_size: int, cell: Cell) -> None:
        super().__init__()
        if input_size < 1 or hidden_size < 1:
            raise ValueError(f"input_size and hidden_size must be at least 1; got {input_size} and {hidden_size}")
        self.input_size, self.hidden_size, self.cell = input_size, hidden_size, cell
        for name, shape in cell.parameter_shapes(input_size, hidden_size).items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / sqrt(hidden_size), 1 / sqrt(hidden_size))
        self.h_list: list[Tensor] = []
        self.c_list: list[Tensor] = []

    def __getstate__(self) -> dict[str, Any]:
        """Leave the kept states out of copies and pickles: they belong to a graph, which cannot be copied."""
        return self.__dict__ | {"h_list": [], "c_list": []}

    def forward(self, x_BTI: Tensor) -> tuple[Tensor, Tensor]:
        """Run over whole sequences.

        Args:
            x_BTI: inputs, shape (B, T, I).

        Returns:
            All hidden states, (B, T, H), and the last, (B, H).

        Raises:
            ValueError: the inputs have another shape.
        """
        _check_inputs(x_BTI, self.input_size)
        states = run_layer(self.cell, dict(self.named_parameters()), x_BTI.transpose(0, 1))
        kept = dict(zip(self.cell.states, map(list, zip(*states, strict=True)), strict=True))
        self.h_list, self.c_list = kept["h"], kept.get("c", [])
        for node in (*self.h_list, *self.c_list):
            if node.requires_grad:
                node.retain_grad()
        return stack_time(states).transpose(0, 1), self.h_list[-1]


class RNNLayer(RecurrentLayer):
    """An Elman layer, h_t = σ(W_hh h_{t-1} + W_ih x_t + b), with any callable σ.

    Args:
        input_size: I.
        hidden_size: H.
        nonlinearity: σ, a function of a tensor; `rnnlab.nets.identity` makes a linear net.
    """

    def __init__(
        self, input_size: int, hidden_size: int, nonlinearity: Callable[[Tensor], Tensor] = torch.tanh
    ) -> None:
        super().__init__(input_size, hidden_size, Elman(nonlinearity))


class LSTMLayer(RecurrentLayer):
    """An LSTM layer with one bias a gate; the gates stand in the order i, f, g, o."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, LSTM())


class GRULayer(RecurrentLayer):
    """A GRU layer; the gates stand in the order r, z, n, and `bias_hn` stands inside the reset product."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, GRU())


class RNN(nn.Module):
    """Stacked layers: each reads the hidden states of the one below.

    Args:
        input_size: I.
        hidden_size: H, of every layer.
        num_layers: L.
        make_layer: makes one layer of given input and hidden size: RNNLayer (the default), LSTMLayer, GRULayer, or
            `functools.partial(RNNLayer, nonlinearity=torch.relu)`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        make_layer: Callable[[int, int], RecurrentLayer] = RNNLayer,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1; got {num_layers}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        below = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(make_layer(inputs, hidden_size) for inputs in below)

    @property
    def h_list(self) -> list[Tensor]:
        """The last layer's hidden states, T tensors (B, H); `layers[l].h_list` has those of layer l."""
        return self.recurrent_layers()[-1].h_list

    def recurrent_layers(self) -> list[RecurrentLayer]:
        """Give the layers from the lowest up."""
        return [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]

    def forward(self, x_BTI: Tensor) -> tuple[Tensor, Tensor]:
        """Run over whole sequences, (B, T, I).

        Returns:
            The last layer's hidden states, (B, T, H), and the last step's hidden states of all layers, (L, B, H).
        """
        last_states = []
        for layer in self.layers:
            x_BTI, last_BH = layer(x_BTI)
            last_states.append(last_BH)
        return x_BTI, torch.stack(last_states)


class RecurrentRegressionModel(nn.Module):
    """A recurrent net with a linear readout of its hidden states at every timestep.

    Args:
        recurrent_net: an RNN or a single layer.
        output_dim: O.
    """

    def __init__(self, recurrent_net: RNN | RecurrentLayer, output_dim: int = 1) -> None:
        super().__init__()
        self.recurrent_net = recurrent_net
        self.readout = nn.Linear(recurrent_net.hidden_size, output_dim)

    def forward(self, x_BTI: Tensor) -> tuple[Tensor, Tensor]:
        """Give the predictions, (B, T, O), and the hidden states they were read from, (B, T, H)."""
        h_BTH, _ = self.recurrent_net(x_BTI)
        return self.readout(h_BTH), h_BTH

    def recurrent_layers(self) -> list[RecurrentLayer]:
        """Give the layers from the lowest up, also of a net with one."""
        net = self.recurrent_net
        return [net] if isinstance(net, RecurrentLayer) else net.recurrent_layers()


def model_from_weights(architecture: Architecture, weights: Mapping[str, Tensor]) -> RecurrentRegressionModel:
    """Build the module with given weights by name (rnnlab.nets.parameters), in their type and on their device."""
    net = RNN(
        architecture.input_size,
        architecture.hidden_size,
        architecture.layers,
        lambda inputs, hidden_size: RecurrentLayer(inputs, hidden_size, architecture.cell),
    )
    model = RecurrentRegressionModel(net, architecture.output_size).to(weights["readout_weight"])
    with torch.no_grad():
        for name, parameter in named_parameters(model).items():
            parameter.copy_(weights[name])
    return model


def named_parameters(model: RecurrentRegressionModel) -> dict[str, nn.Parameter]:
    """Give a model's parameters by the names that runs use: `weight_hh_l0`, ..., `readout_bias`."""
    named: dict[str, nn.Parameter] = {
        f"{name}_l{index}": parameter
        for index, layer in enumerate(model.recurrent_layers())
        for name, parameter in layer.named_parameters()
    }
    return named | {f"readout_{name}": parameter for name, parameter in model.readout.named_parameters()}


def _check_inputs(x_BTI: Tensor, input_size: int) -> None:
    if x_BTI.dim() != 3 or x_BTI.shape[-1] != input_size or x_BTI.shape[1] == 0:
        raise ValueError(
            f"inputs must have shape (batch, timesteps, {input_size}) with at least one timestep; "
            f"got {tuple(x_BTI.shape)}"
        )
