"""GradientVisualizer: how a module's gradient flows as its weights and biases are scaled, for notebooks.

Two panels, ‖h_t‖ and ‖dL/dh_t‖ per timestep, on one fixed sequence of the cumulative average, of length 10. All is
computed in float64 on a copy, so that the module itself is never touched, by the module's own forward pass, so that
every nonlinearity and every cell is what it is there.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from rnnlab.explore.kept import add_kept_axes
from rnnlab.explore.model import DrawnNet
from rnnlab.explore.panels import NormPanel
from rnnlab.explore.picture import numbers_line
from rnnlab.explore.view import make_slider
from rnnlab.figures.style import find_style, ordered_colours, using
from rnnlab.flow import eigenvalues
from rnnlab.nets import RecurrentRegressionModel
from rnnlab.nets.initialisers.base import scale_of
from rnnlab.nets.norms import norm
from rnnlab.tasks.cumulative_average import CumulativeAverage
from rnnlab.training import PROBE, make_stream

TIMESTEPS = 10
_SIZE = (8.4, 5.4)


class GradientVisualizer:
    """Two panels and two sliders for a module, in a notebook or a window.

    `%matplotlib widget` (pip install 'rnnlab[notebook]') lets the sliders move; keep the object, or they stand still.

    Args:
        rnn: the model; its weights at this moment are the original ones that the sliders multiply.
        last_timestep_only: take the loss at the last timestep only, instead of over all timesteps.

    Attributes:
        weight_scale: a slider, -5 to 5 by 0.05; `weight_scale.set_val(1.5)` moves it.
        bias_scale: the other slider.
        drawn: the numbers that are shown.
        inputs: the sequence, (1, 10, 1) float64, the same for every visualizer.
        targets: what is to be predicted, of the same shape.

    Raises:
        TypeError: `rnn` is no RecurrentRegressionModel, whose readout the loss needs.
        ValueError: it does not read and predict one number a timestep.
    """

    def __init__(self, rnn: RecurrentRegressionModel, last_timestep_only: bool = False) -> None:
        _check(rnn)
        self._copy = copy.deepcopy(rnn).cpu().double()
        net = self._copy.recurrent_net
        self._originals = {name: weight.detach().clone() for name, weight in net.named_parameters()}
        task = CumulativeAverage(seq_len=TIMESTEPS, last_timestep_only=last_timestep_only)
        self._loss = task.loss
        self.inputs, self.targets = (
            torch.from_numpy(array.astype(np.float64)) for array in task.sample(make_stream(0, PROBE), 1)
        )
        self.drawn = self.draw(1.0, 1.0)
        with using(find_style("screen")):
            self._lay_out()
            self._show()
        for slider in (self.weight_scale, self.bias_scale):
            slider.on_changed(lambda _: self._move())

    def draw(self, weight_scale: float, bias_scale: float) -> DrawnNet:
        """Run the copy forward and backward with its recurrent weights and biases multiplied."""
        with torch.no_grad():
            for name, weight in self._copy.recurrent_net.named_parameters():
                weight.copy_(self._originals[name] * scale_of(name.rpartition(".")[2], weight_scale, bias_scale))
        predictions, _ = self._copy(self.inputs)
        loss = self._loss(predictions, self.targets)[0]
        layers = self._copy.recurrent_layers()
        has_c = all("c" in layer.cell.states for layer in layers)
        names = [layer.cell.governing_matrix for layer in layers]
        matrices = [layer.get_parameter(name).detach() for layer, name in zip(layers, names, strict=True) if name]
        is_governed = len(matrices) == len(layers)
        hidden = [layer.h_list for layer in layers]
        return DrawnNet(
            hidden_norm_LT=_norms(hidden),
            grad_norm_LT=_gradient_norms(loss, hidden),
            cell_grad_norm_LT=_gradient_norms(loss, [layer.c_list for layer in layers]) if has_c else None,
            eigenvalues_LH=eigenvalues(np.stack([matrix.numpy() for matrix in matrices])) if is_governed else None,
            loss=loss.item(),
        )

    def _lay_out(self) -> None:
        from matplotlib import pyplot

        self.figure = pyplot.figure(figsize=_SIZE)
        has_c = self.drawn.cell_grad_norm_LT is not None
        hidden = add_kept_axes(self.figure, (0.1, 0.34, 0.37, 0.46), (0.0, 0.2, 0.5, 0.7))
        gradient = add_kept_axes(self.figure, (0.6, 0.34, 0.37, 0.46), (0.5, 0.2, 0.5, 0.7))
        self.hidden = NormPanel(hidden, "‖h_t‖", TIMESTEPS, logarithmic=None)
        title = "‖dL/dh_t‖ and, dashed, ‖dL/dc_t‖" if has_c else "‖dL/dh_t‖"
        self.gradient = NormPanel(gradient, title, TIMESTEPS, logarithmic=True)
        colours = ordered_colours(find_style("screen"), len(self.drawn.hidden_norm_LT))
        self.hidden.rebuild(colours, dashed=False)
        self.gradient.rebuild(colours, dashed=has_c)
        if len(colours) > 1:
            labels = [f"layer {layer}" for layer in range(len(colours))]
            lines = [curve.line for curve in self.hidden.curves]
            self.figure.legend(lines, labels, loc="center left", bbox_to_anchor=(0.1, 0.905), ncols=6)
        self.numbers = self.figure.text(0.1, 0.96, "", fontsize=11, fontweight="bold", va="center")
        self.weight_scale, self.bias_scale = (
            make_slider(
                add_kept_axes(self.figure, (0.18, bottom, 0.66, 0.05), (0.0, bottom - 0.02, 1.0, 0.08)), name, 1.0
            )
            for bottom, name in ((0.12, "weight_scale"), (0.04, "bias_scale"))
        )

    def _move(self) -> None:
        self.drawn = self.draw(self.weight_scale.val, self.bias_scale.val)
        self._show()
        self.figure.canvas.draw_idle()

    def _show(self) -> None:
        drawn = self.drawn
        self.hidden.show(drawn.hidden_norm_LT)
        kinds = (drawn.grad_norm_LT, drawn.cell_grad_norm_LT)
        self.gradient.show(np.concatenate([each_LT for each_LT in kinds if each_LT is not None]))
        self.numbers.set_text(numbers_line(drawn, "biggest eigenvalue magnitude"))


def _gradient_norms(loss: Tensor, states: list[list[Tensor]]) -> np.ndarray:
    """Give the norms of dL/d(state), (L, T), from the lists of states, each (1, H)."""
    flat = [state for layer in states for state in layer]
    gradients = iter(torch.autograd.grad(loss, flat, retain_graph=True, materialize_grads=True))
    return _norms([[next(gradients) for _ in layer] for layer in states])


def _norms(states: list[list[Tensor]]) -> np.ndarray:
    stacked = torch.stack([torch.cat(layer).detach() for layer in states])
    norms_LT: np.ndarray = norm(stacked).numpy()
    return norms_LT


def _check(rnn: object) -> None:
    if not isinstance(rnn, RecurrentRegressionModel):
        raise TypeError(
            f"GradientVisualizer takes a RecurrentRegressionModel, whose predictions give the loss; "
            f"got {type(rnn).__name__}: wrap it, RecurrentRegressionModel(net)"
        )
    inputs, outputs = rnn.recurrent_net.input_size, rnn.readout.out_features
    if (inputs, outputs) != (1, 1):
        raise ValueError(
            "the sequence has one input and one target a timestep, as generate_batch gives; "
            f"got a model with {inputs} inputs and {outputs} outputs"
        )
