"""How far back learning sees: the gradient of the recurrent weights, by the distance that it travelled in time.

    C_k = Σ_t (∂l_t/∂W_hh through its use at timestep t - k alone),   Σ_k C_k = dL/dW_hh,   k = 0 .. T - 1

with l_t the mean over sequences of the loss at timestep t. V_k[t] = ∂l_t/∂s_{t-k} is carried for all t at once: one
pull through one step of the whole net gives C_k and V_{k+1}. Nothing is divided and nothing cancels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import nan
from typing import TYPE_CHECKING, ClassVar

from rnnlab.flow.declaring import no_recurrent_matrix, of_two_records
from rnnlab.flow.group import GROUPS, Group
from rnnlab.flow.quantity import LAG, LAYER, RECORD, Arrays, Quantity, Sizes, Table

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rnnlab.flow.problem import Problem

LAGS = Table("lags", (RECORD, LAYER, LAG), "the gradient of W_hh by steps travelled")

_SOURCE = "Werbos 1990; Williams and Peng 1990 for truncation"

QUANTITIES = (
    Quantity(
        "lag_norm",
        "||C_k||",
        LAGS,
        "Frobenius norm of the part of dL/dW_hh, L the mean probe loss, that travelled k steps: from the loss at t to "
        "the use of W_hh at t - k, summed over t, through all layers",
        unit="l2",
        scale="log",
        why_absent=no_recurrent_matrix,
        equation="C_k = Σ_t ∂l_t/∂W_hh|use at t-k,  Σ_k C_k = dL/dW_hh",
        source=_SOURCE,
    ),
    Quantity(
        "lag_share",
        "<C_k, G> / ||G||²",
        LAGS,
        "share of that part in dL/dW_hh, along dL/dW_hh: sums to 1 over k and may be negative; 0 without a gradient",
        why_absent=no_recurrent_matrix,
        equation="⟨C_k, G⟩ / ‖G‖²,  G = dL/dW_hh",
        source=_SOURCE,
    ),
    Quantity(
        "lag_truncated_cosine",
        "cos(C_0 + ... + C_k, G)",
        LAGS,
        "cosine between dL/dW_hh and what is left of it when backpropagation is truncated after k steps; 0 without a "
        "gradient",
        why_absent=no_recurrent_matrix,
        equation="cos(Σ_{j≤k} C_j, G)",
        source=_SOURCE,
    ),
)


def _horizon(share: float) -> tuple[str, str]:
    percent = f"{100 * share:.0f}"
    return (
        f"h{percent}",
        f"smallest lag k at which `lag_norm` of layer 0, summed from 0 to k, is {percent} % of its sum",
    )


def reach_of(norms_K: np.ndarray, share: float) -> float:
    """Give the first lag at which the cumulated norms reach a share of their sum; NaN without a gradient."""
    cumulated_K = norms_K.cumsum()
    reached_K = cumulated_K >= share * cumulated_K[-1]
    return float(reached_K.argmax()) if cumulated_K[-1] > 0 and reached_K.any() else nan


def _reaches(arrays: Arrays, record: int, share: float) -> float:
    return reach_of(arrays["lag_norm"][record, 0], share)


SUMMARIES = (
    *of_two_records(
        _horizon(0.5)[0],
        "horizon H50",
        _horizon(0.5)[1],
        lambda arrays, record: _reaches(arrays, record, 0.5),
        needs="lag_norm",
        unit="timesteps",
    ),
    *of_two_records(
        _horizon(0.95)[0],
        "horizon H95",
        _horizon(0.95)[1],
        lambda arrays, record: _reaches(arrays, record, 0.95),
        needs="lag_norm",
        unit="timesteps",
    ),
)

_ALL_RECORDS_UP_TO = 64
"""Timesteps: with a loss at every one of T, the cost of a record grows with T²."""


class Lags(Group):
    """The gradient of the recurrent weights by lag."""

    name: ClassVar[str] = "lags"
    place: ClassVar[int] = 10
    by_default: ClassVar[bool] = False
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES
    summaries = SUMMARIES

    def records(self, count: int, timesteps: int) -> Sequence[int]:
        """Choose all records up to 64 timesteps, and fewer the longer the sequences are: at least first and last."""
        affordable = int(count * (_ALL_RECORDS_UP_TO / timesteps) ** 2)
        return spread(count, max(2, affordable))

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Take the parts one after the other, and hold each against the gradient of one whole backward pass."""
        import torch

        from rnnlab.nets.norms import norm

        if no_recurrent_matrix(problem.architecture.cell):
            return {}
        layers = range(problem.architecture.layers)
        whole = [problem.flow.parameter_gradients[f"weight_hh_l{layer}"].flatten(1) for layer in layers]
        sums = [torch.zeros_like(gradient) for gradient in whole]
        by_lag: list[list[Tensor]] = []
        for parts in lag_parts(problem):
            for layer, part in enumerate(parts):
                sums[layer] += part
                by_lag.append([norm(part), _share(part, whole[layer]), _cosine(sums[layer], whole[layer])])
        found_KLQS = torch.stack([torch.stack(each) for each in by_lag]).unflatten(0, (-1, len(layers)))
        return {
            quantity.name: found_KLQS[:, :, index].permute(2, 1, 0).numpy()
            for index, quantity in enumerate(self.quantities)
        }

    def training_steps(self, sizes: Sizes) -> float:
        """Estimate K pulls over T - k timesteps each, beside a forward and a backward pass."""
        return len(self.records(sizes.records, sizes.timesteps)) * (2.0 + 0.3 * sizes.timesteps)


def spread(count: int, wanted: int) -> list[int]:
    """Choose some of so many records, evenly, with the first and the last."""
    if wanted >= count:
        return list(range(count))
    return sorted({round(index * (count - 1) / (wanted - 1)) for index in range(wanted)})


def lag_parts(problem: Problem) -> Iterator[list[Tensor]]:
    """Give C_0, C_1, ..., C_{T-1}, each as a list over layers of (S, G H)."""
    cell, steps, losses = problem.architecture.cell, problem.steps, problem.loss_gradient_STBO
    timesteps, sequences = losses.shape[1:3]
    has_loss_T = losses.ne(0).transpose(0, 1).flatten(1).any(dim=1).tolist()
    first = has_loss_T.index(True) if True in has_loss_T else timesteps - 1
    readout_STBH = losses[:, first:] @ problem.exact_weights["readout_weight"].unsqueeze(1)
    top = readout_STBH.new_zeros((*readout_STBH.shape[:-1], steps[-1].states, readout_STBH.shape[-1]))
    top[..., 0, :] = readout_STBH
    # for the states of timesteps start .. T-1-k (from 0), the gradient of the losses k steps later; None where zero
    gradients: list[Tensor | None] = [None] * (len(steps) - 1) + [top]
    for k in range(timesteps):
        start = max(first - k, 0)
        times, parts, from_above_STBH = slice(start, timesteps - k), [], None
        for layer, its in reversed(list(enumerate(steps))):
            gradient = _added(gradients[layer], from_above_STBH, its.states)
            pulled = its.pull(gradient, times)
            matrix_SW = its.weight_gradient(pulled, times) / sequences
            parts.append(cell.recurrent_gradient(matrix_SW.unflatten(1, (-1, its.before_STBH.shape[-1]))).flatten(1))
            from_above_STBH = its.to_input(pulled.drive) if layer > 0 else None
            gradients[layer] = pulled.state if start > 0 else pulled.state[:, 1:]
        yield parts[::-1]


def _added(gradient_STBAH: Tensor | None, from_above_STBH: Tensor | None, states: int) -> Tensor:
    """Add what comes from the layer above to the gradient for h."""
    if gradient_STBAH is None:
        assert from_above_STBH is not None
        gradient_STBAH = from_above_STBH.new_zeros((*from_above_STBH.shape[:-1], states, from_above_STBH.shape[-1]))
    if from_above_STBH is not None:
        gradient_STBAH[..., 0, :] += from_above_STBH
    return gradient_STBAH


def _share(part_SW: Tensor, whole_SW: Tensor) -> Tensor:
    return _over((part_SW * whole_SW).sum(dim=-1), whole_SW.square().sum(dim=-1))


def _cosine(sum_SW: Tensor, whole_SW: Tensor) -> Tensor:
    from rnnlab.nets.norms import norm

    return _over((sum_SW * whole_SW).sum(dim=-1), norm(sum_SW) * norm(whole_SW))


def _over(numerator_S: Tensor, denominator_S: Tensor) -> Tensor:
    """Divide, and give 0 for 0 / 0."""
    import torch

    return torch.where(denominator_S == 0, 0.0, numerator_S / denominator_S)


GROUPS.register(Lags())
