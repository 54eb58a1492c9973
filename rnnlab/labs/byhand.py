"""An Elman cell and a classifier in numpy: float64, the backward pass written out, no autograd.

    h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)        logits = W h_T + b,  of the last layer

Backwards, with delta = dL/dh_t of each sequence:

    dz = delta (1 - h_t²)
    dW_ih += dzᵀ x_t / B        dW_hh += dzᵀ h_{t-1} / B        db_ih, db_hh += Σ_B dz / B
    dx_t = dz W_ih              dh_{t-1} = dz W_hh

What belongs to one sequence (dx, dh) is not divided by the batch size B; what belongs to all of them is, so that
parameter gradients are those of the mean loss. The classes share no code with the rest of rnnlab: they can convict it.

B sequences, T timesteps, I inputs, H hidden units, L layers, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from rnnlab.labs.report import LabReport, LabSection, compare_arrays, show

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray


class RNNCell:
    """One step of an Elman net.

    Gradients accumulate over calls of `backward` until `zero_grad`.

    Args:
        input_size: I.
        hidden_size: H.
        generator: of the initial weights, uniform within 1/sqrt(H) of 0; a fresh one by default.
    """

    def __init__(self, input_size: int, hidden_size: int, generator: np.random.Generator | None = None) -> None:
        self.input_size, self.hidden_size = input_size, hidden_size
        draw = _uniform(generator, hidden_size)
        self.W_ih, self.W_hh = draw((hidden_size, input_size)), draw((hidden_size, hidden_size))
        self.b_ih, self.b_hh = draw((hidden_size,)), draw((hidden_size,))
        self.zero_grad()

    def init_weights(self, W_ih: ArrayLike, W_hh: ArrayLike, b_ih: ArrayLike, b_hh: ArrayLike) -> None:
        """Take copies of W_ih (H, I), W_hh (H, H), b_ih (H) and b_hh (H)."""
        H = self.hidden_size
        W_ih, W_hh = _checked("W_ih", W_ih, H, self.input_size), _checked("W_hh", W_hh, H, H)
        b_ih, b_hh = _checked("b_ih", b_ih, H), _checked("b_hh", b_hh, H)
        self.W_ih, self.W_hh, self.b_ih, self.b_hh = W_ih.copy(), W_hh.copy(), b_ih.copy(), b_hh.copy()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.dW_ih, self.dW_hh = np.zeros_like(self.W_ih), np.zeros_like(self.W_hh)
        self.db_ih, self.db_hh = np.zeros_like(self.b_ih), np.zeros_like(self.b_hh)

    def forward(self, x: ArrayLike, h_prev_t: ArrayLike) -> Array:
        """Give h_t (B, H) from x_t (B, I) and h_{t-1} (B, H).

        Raises:
            ValueError: a shape is wrong; the message names it.
        """
        x = _checked("x", x, "B", self.input_size)
        h_prev_t = _checked("h_prev_t", h_prev_t, len(x), self.hidden_size)
        return np.asarray(np.tanh(x @ self.W_ih.T + self.b_ih + h_prev_t @ self.W_hh.T + self.b_hh))

    def __call__(self, x: ArrayLike, h_prev_t: ArrayLike) -> Array:
        """Go forward."""
        return self.forward(x, h_prev_t)

    def backward(
        self, delta: ArrayLike, h_t: ArrayLike, h_prev_l: ArrayLike, h_prev_t: ArrayLike
    ) -> tuple[Array, Array]:
        """Add to the parameters' gradients, and pass the rest on.

        Args:
            delta: dL/dh_t of each sequence, (B, H).
            h_t: what the step gave, (B, H); the derivative of tanh is taken from it.
            h_prev_l: what the step read from below, x_t or the lower layer's h_t, (B, I).
            h_prev_t: what it read from before, h_{t-1}, (B, H).

        Returns:
            dL/dx_t (B, I) and dL/dh_{t-1} (B, H) of each sequence.

        Raises:
            ValueError: a shape is wrong; the message names it.
        """
        delta = _checked("delta", delta, "B", self.hidden_size)
        B = len(delta)
        h_t = _checked("h_t", h_t, B, self.hidden_size)
        h_prev_l = _checked("h_prev_l", h_prev_l, B, self.input_size)
        h_prev_t = _checked("h_prev_t", h_prev_t, B, self.hidden_size)
        dz_BH = delta * (1 - h_t**2)
        self.dW_ih += dz_BH.T @ h_prev_l / B
        self.dW_hh += dz_BH.T @ h_prev_t / B
        self.db_ih += dz_BH.sum(axis=0) / B
        self.db_hh += dz_BH.sum(axis=0) / B
        return dz_BH @ self.W_ih, dz_BH @ self.W_hh


class Linear:
    """y = x Wᵀ + b; its gradients accumulate and are divided by the batch size, as a cell's are.

    Args:
        input_size: H.
        output_size: C.
        generator: as of RNNCell.
    """

    def __init__(self, input_size: int, output_size: int, generator: np.random.Generator | None = None) -> None:
        draw = _uniform(generator, input_size)
        self.W, self.b = draw((output_size, input_size)), draw((output_size,))
        self.zero_grad()

    def init_weights(self, W: ArrayLike, b: ArrayLike) -> None:
        """Take copies of W (C, H) and b (C)."""
        W, b = _checked("W", W, *self.W.shape), _checked("b", b, *self.b.shape)
        self.W, self.b = W.copy(), b.copy()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def forward(self, x_BH: Array) -> Array:
        """Give y (B, C)."""
        return np.asarray(x_BH @ self.W.T + self.b)

    def backward(self, delta_BC: Array, x_BH: Array) -> Array:
        """Add to dW and db, and give dL/dx (B, H) of each sequence."""
        self.dW += delta_BC.T @ x_BH / len(delta_BC)
        self.db += delta_BC.sum(axis=0) / len(delta_BC)
        return np.asarray(delta_BC @ self.W)


class RNNPhonemeClassifier:
    """Stacked cells over a whole sequence, and a linear layer on the last layer's last state.

    Args:
        input_size: I.
        hidden_size: H, of every layer.
        output_size: C.
        num_layers: L.
        generator: as of RNNCell.

    Attributes:
        rnn: the cells from the lowest up; their gradients are `rnn[l].dW_ih`, `dW_hh`, `db_ih`, `db_hh`.
        output_layer: the linear layer; its gradients are `dW` and `db`, divided by the batch size as well.
        hiddens: the hidden states of the last forward pass, T + 1 arrays (L, B, H), of which the first is h_0.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        num_layers: int = 2,
        generator: np.random.Generator | None = None,
    ) -> None:
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1; got {num_layers}")
        self.input_size, self.hidden_size = input_size, hidden_size
        self.output_size, self.num_layers = output_size, num_layers
        generator = generator or np.random.default_rng()
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.rnn = [RNNCell(size, hidden_size, generator) for size in sizes]
        self.output_layer = Linear(hidden_size, output_size, generator)
        self.hiddens: list[Array] = []

    def init_weights(self, rnn_weights: Sequence[Sequence[ArrayLike]], linear_weights: Sequence[ArrayLike]) -> None:
        """Take copies of one [W_ih, W_hh, b_ih, b_hh] for each layer, and of [W (C, H), b (C)]."""
        counts = [len(weights) for weights in rnn_weights]
        if counts != [4] * self.num_layers or len(linear_weights) != 2:
            raise ValueError(
                f"rnn_weights must hold [W_ih, W_hh, b_ih, b_hh] for each of {self.num_layers} layers and "
                f"linear_weights [W, b]; got {counts} and {len(linear_weights)} arrays"
            )
        for cell, weights in zip(self.rnn, rnn_weights, strict=True):
            cell.init_weights(*weights)
        self.output_layer.init_weights(*linear_weights)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for cell in self.rnn:
            cell.zero_grad()
        self.output_layer.zero_grad()

    def forward(self, x: ArrayLike, h_0: ArrayLike | None = None) -> Array:
        """Give the logits (B, C) of inputs x (B, T, I), from h_0 (L, B, H) or from zeros.

        Raises:
            ValueError: a shape is wrong; the message names it.
        """
        self._x_BTI = _checked("x", x, "B", "T", self.input_size).copy()
        shape = (self.num_layers, len(self._x_BTI), self.hidden_size)
        h_LBH = np.zeros(shape) if h_0 is None else _checked("h_0", h_0, *shape).copy()
        self.hiddens = [h_LBH]
        for t in range(self._x_BTI.shape[1]):
            below, states = self._x_BTI[:, t], []
            for cell, h_prev_BH in zip(self.rnn, self.hiddens[-1], strict=True):
                below = cell.forward(below, h_prev_BH)
                states.append(below)
            self.hiddens.append(np.stack(states))
        return self.output_layer.forward(self.hiddens[-1][-1])

    def __call__(self, x: ArrayLike, h_0: ArrayLike | None = None) -> Array:
        """Go forward."""
        return self.forward(x, h_0)

    def backward(self, delta: ArrayLike) -> Array:
        """Go back through time and layers, and add to every gradient.

        Args:
            delta: dL/dlogits of each sequence, (B, C).

        Returns:
            dL/dh_0 / B, (L, B, H).

        Raises:
            ValueError: a shape is wrong, or nothing has gone forward.
        """
        if not self.hiddens:
            raise ValueError("backward goes back over a forward pass, and there was none; call forward first")
        B = self.hiddens[0].shape[1]
        delta = _checked("delta", delta, B, self.output_size)
        dh_LBH = np.zeros_like(self.hiddens[0])
        dh_LBH[-1] = self.output_layer.backward(delta, self.hiddens[-1][-1])
        for t in reversed(range(self._x_BTI.shape[1])):
            before, after = self.hiddens[t], self.hiddens[t + 1]
            for layer in reversed(range(self.num_layers)):
                below = after[layer - 1] if layer else self._x_BTI[:, t]
                dx, dh_LBH[layer] = self.rnn[layer].backward(dh_LBH[layer], after[layer], below, before[layer])
                if layer:
                    dh_LBH[layer - 1] += dx  # what this layer read is also what the layer below passed on in time
        return np.asarray(dh_LBH / B)


def _uniform(generator: np.random.Generator | None, size: int) -> partial[Array]:
    """Draw within 1/sqrt(size) of 0, as PyTorch's layers do."""
    generator = generator or np.random.default_rng()
    return partial(generator.uniform, -(size**-0.5), size**-0.5)


def _checked(name: str, value: ArrayLike, *shape: int | str) -> Array:
    """Give a value as float64; a letter in the shape stands for any number from 1 on."""
    array = np.asarray(value, dtype=np.float64)
    fits = array.ndim == len(shape) and all(
        got > 0 if isinstance(wanted, str) else got == wanted for got, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
        raise ValueError(f"{name} must have shape {wanted}; got {array.shape}")
    return array


def cross_entropy_delta(logits_BC: Array, labels_B: Array) -> Array:
    """Give dL/dlogits of each sequence, softmax(logits) - onehot(label): no 1/B, for `backward` divides by it."""
    e_BC = np.exp(logits_BC - logits_BC.max(axis=1, keepdims=True))
    return np.asarray(e_BC / e_BC.sum(axis=1, keepdims=True) - np.eye(logits_BC.shape[1])[labels_B])


def carry_out() -> LabReport:
    """Hold every gradient of a classifier of three layers against autograd through rnnlab's own modules."""
    generator = np.random.default_rng(0)
    B, T, I, H, C, L = 4, 6, 5, 3, 4, 3  # noqa: E741
    classifier = RNNPhonemeClassifier(I, H, C, L, generator)
    x_BTI, labels_B = generator.standard_normal((B, T, I)), generator.integers(C, size=B)
    logits_BC = classifier(x_BTI)
    dh_0_LBH = classifier.backward(cross_entropy_delta(logits_BC, labels_B))
    by_hand, by_autograd = _own_gradients(classifier), _module_gradients(classifier, x_BTI, labels_B)
    steps = [
        compare_arrays(f"||dL/d {name}||", by_hand[name], value, digits=12, tolerance=1e-12)
        for name, value in by_autograd.items()
    ]
    sections = [
        LabSection(f"Gradients: B={B} sequences, T={T}, I={I}, H={H}, L={L}, C={C}", steps, beside="autograd"),
        LabSection(
            "Passed back to before the first step",
            [show(f"||dL/dh_0 / B||, layer {i}", float(np.linalg.norm(dh_0_LBH[i])), digits=12) for i in range(L)],
        ),
    ]
    return LabReport(sections, partial(_draw, by_hand, by_autograd))


def _own_gradients(classifier: RNNPhonemeClassifier) -> dict[str, Array]:
    """Name the gradients as rnnlab's modules do; they have one bias, b_ih + b_hh, so its gradient is that of each."""
    found: dict[str, Array] = {}
    for layer, cell in enumerate(classifier.rnn):
        found |= {f"weight_ih_l{layer}": cell.dW_ih, f"weight_hh_l{layer}": cell.dW_hh, f"bias_l{layer}": cell.db_ih}
    return found | {"readout_weight": classifier.output_layer.dW, "readout_bias": classifier.output_layer.db}


def _module_gradients(classifier: RNNPhonemeClassifier, x_BTI: Array, labels_B: Array) -> dict[str, Array]:
    """Give the same gradients by autograd through rnnlab's modules, in float64."""
    import torch

    from rnnlab.nets import Architecture, Elman, model_from_weights, named_parameters

    weights: dict[str, Array] = {}
    for layer, cell in enumerate(classifier.rnn):
        weights |= {f"weight_ih_l{layer}": cell.W_ih, f"weight_hh_l{layer}": cell.W_hh}
        weights[f"bias_l{layer}"] = cell.b_ih + cell.b_hh
    weights |= {"readout_weight": classifier.output_layer.W, "readout_bias": classifier.output_layer.b}
    sizes = (classifier.input_size, classifier.hidden_size, classifier.num_layers, classifier.output_size)
    tensors = {name: torch.from_numpy(weight) for name, weight in weights.items()}
    model = model_from_weights(Architecture(Elman("tanh"), *sizes), tensors)
    predictions_BTC, _ = model(torch.from_numpy(x_BTI))
    torch.nn.functional.cross_entropy(predictions_BTC[:, -1], torch.from_numpy(labels_B)).backward()
    return {
        name: parameter.grad.numpy()
        for name, parameter in named_parameters(model).items()
        if parameter.grad is not None
    }


def _draw(by_hand: dict[str, Array], by_autograd: dict[str, Array]) -> Figure:
    """Draw each entry of each gradient: by hand against autograd."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4), layout="constrained")
    axes = figure.subplots()
    for kind in ("weight_ih", "weight_hh", "bias", "readout"):
        names = [name for name in by_autograd if name.startswith(kind)]
        x, y = (np.concatenate([found[name].ravel() for name in names]) for found in (by_autograd, by_hand))
        axes.plot(x, y, ".", label=kind)
    axes.axline((0, 0), slope=1, color="0.6", linewidth=0.8, zorder=0)
    axes.set_xlabel("gradient by autograd")
    axes.set_ylabel("gradient by hand")
    axes.set_title("Every entry of every gradient")
    axes.legend()
    return figure
