"""A many-to-one RNN with every gradient and every update by hand.

    h_t = tanh(x_t U + h_{t-1} W + b),  h_0 = 0        logits = h_T V + c        L = mean of -ln softmax(logits)[label]

Rows are sequences. Backwards, with p = softmax(logits):

    dL/dlogits = (p - onehot(label)) / B        dL/dV = h_Tᵀ dL/dlogits     dL/dc = Σ_B dL/dlogits
    dL/dh_T = dL/dlogits Vᵀ                     dL/dz_t = dL/dh_t (1 - h_t²)
    dL/dh_{t-1} = dL/dz_t Wᵀ
    dL/dU = Σ_t x_tᵀ dL/dz_t                    dL/dW = Σ_t h_{t-1}ᵀ dL/dz_t    dL/db = Σ_t Σ_B dL/dz_t

B sequences, T timesteps, I inputs, H hidden units, C classes.
"""

from __future__ import annotations

from functools import partial
from math import sqrt
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rnnlab.labs.report import LabReport, LabSection, compare, compare_arrays, show

if TYPE_CHECKING:
    from matplotlib.figure import Figure

B, T, I, H, C = 8, 4, 5, 3, 3  # noqa: E741 (I is the input size, everywhere)
RATE = 0.1

PUBLISHED: dict[str, Any] = {
    "labels": [1, 2, 2, 2, 2, 0, 0, 0],
    "hidden_last_first_two_rows": [[0.9996, -0.9977, -0.9888], [-0.9293, 0.9716, -0.8190]],
    "logits_first_three_rows": [[1.3990, 0.2307, 0.7709], [-1.1064, 0.1209, 0.8236], [-0.6812, -0.2259, 0.7966]],
    "loss": 1.2063236236572266,
    "loss_after_one_sgd_step": 1.1136271953582764,
    "grad_norms_after_one_sgd_step": {"U": 0.374913, "W": 0.284781, "b": 0.174993, "V": 0.721826, "c": 0.295514},
}
ROUNDING = 1e-6  # of a float32 loss: its last digits depend on the order in which a processor adds


def draw_run() -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Draw inputs (B, T, I), labels (B) and the five parameters, in the published order."""
    generator = torch.Generator().manual_seed(0)
    x_BTI = torch.randn(B, T, I, generator=generator)
    labels_B = torch.randint(0, C, (B,), generator=generator)
    scale = sqrt(2 / H)
    U = torch.randn(I, H, generator=generator) * scale
    W = torch.randn(H, H, generator=generator) * scale
    V = torch.randn(H, C, generator=generator) * scale
    return x_BTI, labels_B, {"U": U, "W": W, "b": torch.zeros(H), "V": V, "c": torch.zeros(C)}


def run(x_BTI: Tensor, parameters: dict[str, Tensor]) -> tuple[list[Tensor], Tensor]:
    """Give the hidden states h_0 .. h_T, each (B, H), and the logits (B, C)."""
    U, W, b, V, c = parameters.values()
    h_BH = x_BTI.new_zeros(len(x_BTI), len(W))
    states = [h_BH]
    for x_BI in x_BTI.unbind(dim=1):
        h_BH = torch.tanh(x_BI @ U + h_BH @ W + b)
        states.append(h_BH)
    return states, h_BH @ V + c


def cross_entropy(logits_BC: Tensor, labels_B: Tensor) -> Tensor:
    """Give the mean of -ln softmax(logits)[label]."""
    return -torch.log_softmax(logits_BC, dim=1)[torch.arange(len(labels_B)), labels_B].mean()


def gradients(
    x_BTI: Tensor, labels_B: Tensor, states: list[Tensor], logits_BC: Tensor, parameters: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Give dL/dU, dL/dW, dL/db, dL/dV and dL/dc, by the equations above."""
    found = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    right_BC = torch.nn.functional.one_hot(labels_B, logits_BC.shape[1])
    dL_dlogits_BC = (torch.softmax(logits_BC, dim=1) - right_BC) / len(labels_B)
    found["V"] = states[-1].T @ dL_dlogits_BC
    found["c"] = dL_dlogits_BC.sum(dim=0)
    dL_dh_BH = dL_dlogits_BC @ parameters["V"].T
    for t in reversed(range(x_BTI.shape[1])):  # states[t] is what step t began from, states[t + 1] what it made
        dL_dz_BH = dL_dh_BH * (1 - states[t + 1] ** 2)
        found["U"] += x_BTI[:, t].T @ dL_dz_BH
        found["W"] += states[t].T @ dL_dz_BH
        found["b"] += dL_dz_BH.sum(dim=0)
        dL_dh_BH = dL_dz_BH @ parameters["W"].T
    return found


def sgd_step(parameters: dict[str, Tensor], found: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
    """Go a step down each gradient."""
    return {name: parameter - rate * found[name] for name, parameter in parameters.items()}


def autograd(x_BTI: Tensor, labels_B: Tensor, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the same gradients by PyTorch's autograd, to check those by hand."""
    leaves = {name: parameter.clone().requires_grad_() for name, parameter in parameters.items()}
    loss = cross_entropy(run(x_BTI, leaves)[1], labels_B)
    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def carry_out() -> LabReport:
    """Make the published run: loss, gradients, one step, loss and gradients again."""
    x_BTI, labels_B, parameters = draw_run()
    states, logits_BC = run(x_BTI, parameters)
    loss = cross_entropy(logits_BC, labels_B)
    before = gradients(x_BTI, labels_B, states, logits_BC, parameters)
    stepped = sgd_step(parameters, before, RATE)
    states_after, logits_after_BC = run(x_BTI, stepped)
    loss_after = cross_entropy(logits_after_BC, labels_B)
    after = gradients(x_BTI, labels_B, states_after, logits_after_BC, stepped)
    sections = [
        *_forward(labels_B, states[-1], logits_BC),
        _losses(loss, loss_after),
        _norms(before, after),
        _check(after, autograd(x_BTI, labels_B, stepped)),
    ]
    return LabReport(sections, partial(_draw, before, after))


def _forward(labels_B: Tensor, last_BH: Tensor, logits_BC: Tensor) -> list[LabSection]:
    labels = compare("labels", labels_B.tolist(), PUBLISHED["labels"], digits=0)
    hidden = enumerate(PUBLISHED["hidden_last_first_two_rows"])
    logits = enumerate(PUBLISHED["logits_first_three_rows"])
    return [
        LabSection("Labels", [labels]),
        LabSection(
            "Last hidden state",
            [compare(f"sequence {i + 1}", last_BH[i].tolist(), row, digits=4) for i, row in hidden],
            columns=("unit 1", "unit 2", "unit 3"),
        ),
        LabSection(
            "Logits",
            [compare(f"sequence {i + 1}", logits_BC[i].tolist(), row, digits=4) for i, row in logits],
            columns=("class 0", "class 1", "class 2"),
        ),
    ]


def _losses(loss: Tensor, loss_after: Tensor) -> LabSection:
    facts = {"loss": loss, "loss_after_one_sgd_step": loss_after}
    return LabSection(
        "Loss",
        [
            compare(name.replace("_", " "), value.item(), PUBLISHED[name], digits=16, tolerance=ROUNDING)
            for name, value in facts.items()
        ],
    )


def _norms(before: dict[str, Tensor], after: dict[str, Tensor]) -> LabSection:
    published = PUBLISHED["grad_norms_after_one_sgd_step"]
    steps = [show(f"||dL/d{name}||, at first", value.norm().item()) for name, value in before.items()]
    steps += [
        compare(f"||dL/d{name}||, after one step", after[name].norm().item(), value)
        for name, value in published.items()
    ]
    return LabSection("Gradient norms", steps)


def _check(by_hand: dict[str, Tensor], by_autograd: dict[str, Tensor]) -> LabSection:
    pairs = {name: (by_hand[name].numpy(), value.numpy()) for name, value in by_autograd.items()}
    steps = [compare_arrays(f"||dL/d{name}||", *pair, digits=7, tolerance=ROUNDING) for name, pair in pairs.items()]
    return LabSection("After one step, every entry by hand is autograd's", steps, beside="autograd")


def _draw(before: dict[str, Tensor], after: dict[str, Tensor]) -> Figure:
    """Draw the gradient norms as bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    for shift, label, found in ((-0.2, "at first", before), (0.2, "after one step", after)):
        axes.bar([i + shift for i in range(5)], [g.norm().item() for g in found.values()], width=0.4, label=label)
    axes.set_xticks(range(5), [f"dL/d{name}" for name in before])
    axes.set_ylabel("gradient norm")
    axes.set_title("Five parameters, before and after one step of SGD")
    axes.legend()
    return figure
