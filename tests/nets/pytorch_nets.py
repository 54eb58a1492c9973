"""PyTorch's own recurrent modules, loaded with rnnlab's parameters."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from rnnlab.nets import Architecture
from tests.nets.settings import nonlinearity_of, tensors


class PytorchNet(nn.Module):
    """PyTorch's module with a linear readout, its second bias zero but for the one inside a GRU's reset product."""

    def __init__(self, architecture: Architecture, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        sizes = (architecture.input_size, architecture.hidden_size, architecture.layers)
        self.rnn: nn.RNNBase
        if architecture.cell.name == "elman":
            self.rnn = nn.RNN(*sizes, nonlinearity=nonlinearity_of(architecture) or "tanh", batch_first=True)
        else:
            self.rnn = {"lstm": nn.LSTM, "gru": nn.GRU}[architecture.cell.name](*sizes, batch_first=True)
        self.readout = nn.Linear(architecture.hidden_size, architecture.output_size)
        self.double().load_state_dict(tensors(_in_pytorch_names(architecture, weights)))

    def forward(self, x_BTI: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h_BTH, last = self.rnn(x_BTI)
        h_LBH, c_LBH = last if isinstance(last, tuple) else (last, last)
        return self.readout(h_BTH), h_LBH, c_LBH


def _in_pytorch_names(architecture: Architecture, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    named = {"readout.weight": weights["readout_weight"], "readout.bias": weights["readout_bias"]}
    for layer in range(architecture.layers):
        bias = weights[f"bias_l{layer}"]
        second = np.zeros_like(bias)
        if architecture.cell.name == "gru":
            second[2 * architecture.hidden_size :] = weights[f"bias_hn_l{layer}"]
        named[f"rnn.weight_ih_l{layer}"] = weights[f"weight_ih_l{layer}"]
        named[f"rnn.weight_hh_l{layer}"] = weights[f"weight_hh_l{layer}"]
        named[f"rnn.bias_ih_l{layer}"], named[f"rnn.bias_hh_l{layer}"] = bias, second
    return named


def pytorch_gradients(architecture: Architecture, net: PytorchNet) -> dict[str, Tensor]:
    """Give its gradients by rnnlab's names; both of its biases have the gradient of the one."""
    gradients = {}
    for name in architecture.parameter_shapes:
        if name.startswith("readout"):
            parameter = net.get_parameter(name.replace("_", "."))
        elif name.startswith("bias_hn"):
            parameter = net.get_parameter(f"rnn.bias_hh_l{name[-1]}")
        else:
            parameter = net.get_parameter("rnn." + name.replace("bias_l", "bias_ih_l"))
        assert parameter.grad is not None
        rows = slice(2 * architecture.hidden_size, None) if name.startswith("bias_hn") else slice(None)
        gradients[name] = parameter.grad[rows]
    return gradients


def freeze_second_biases(architecture: Architecture, net: PytorchNet) -> None:
    """Let an optimizer see one bias only, as rnnlab has; of a GRU's second, the part inside the reset product."""
    for layer in range(architecture.layers):
        bias = net.get_parameter(f"rnn.bias_hh_l{layer}")
        if architecture.cell.name == "gru":
            free = torch.arange(bias.numel()) >= 2 * architecture.hidden_size
            bias.register_hook(lambda gradient, free=free: gradient * free)
        else:
            bias.requires_grad_(False)
