"""What the units and gates do: how saturated an Elman net is, and how much the gates of an LSTM or GRU keep.

A gate f that keeps the old state passes a gradient on by f: over k steps by the product of k of them, the highway
(Hochreiter and Schmidhuber 1997). A unit forgets with the time constant -1 / mean ln f.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING, ClassVar

from rnnlab.flow.declaring import no_derivatives, no_slopes, of_two_records
from rnnlab.flow.group import GROUPS, Group
from rnnlab.flow.quantity import FLOW, Arrays, Quantity, Sizes

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rnnlab.flow.problem import Problem
    from rnnlab.nets import Cell
    from rnnlab.nets.partials import Partials

SATURATED = 0.1
"""A unit whose |σ'| is below this passes less than a tenth of a gradient on."""


_GATES = "Hochreiter and Schmidhuber 1997; Gers et al. 2000; Cho et al. 2014"


def _needs_gate(gate: str) -> Callable[[Cell], str | None]:
    def why_absent(cell: Cell) -> str | None:
        return None if gate in cell.gate_names else f"this cell has no gate {gate}"

    return why_absent


def _needs_keeping_gate(cell: Cell) -> str | None:
    return None if cell.keeping_gate else "this cell has no gate that keeps its state"


def _gate_mean(gate: str, words: str) -> Quantity:
    return Quantity(
        f"gate_{gate}_mean",
        f"mean {gate}_t",
        FLOW,
        f"mean over units and probe sequences of the {words}: 0 closed, 1 open",
        why_absent=_needs_gate(gate),
        equation=f"⟨{gate}_t⟩",
        source=_GATES,
    )


def _log_mean(name: str, gate: str, words: str) -> Quantity:
    return Quantity(
        name,
        f"mean ln {gate}_t",
        FLOW,
        f"mean over units and probe sequences of ln of the {words}: what one step keeps of the old state",
        unit="ln",
        why_absent=_needs_gate(gate),
        equation=f"⟨ln {gate}_t⟩",
        source=_GATES,
    )


QUANTITIES = (
    Quantity(
        "derivative_mean",
        "mean |σ'(a_t)|",
        FLOW,
        "mean over units and probe sequences of |σ'| at the pre-activations: what σ leaves of a gradient",
        why_absent=no_slopes,
        equation="⟨|σ'(a_t)|⟩",
        source="Pascanu, Mikolov and Bengio 2013",
    ),
    Quantity(
        "saturated_share",
        "share |σ'(a_t)| < 0.1",
        FLOW,
        "share of units, over all probe sequences, whose |σ'| is below 0.1",
        why_absent=no_slopes,
        equation="P(|σ'(a_t)| < 0.1)",
        source="Glorot and Bengio 2010",
    ),
    _gate_mean("i", "input gate"),
    _gate_mean("f", "forget gate"),
    _gate_mean("o", "output gate"),
    _log_mean("forget_log_mean", "f", "forget gate"),
    _gate_mean("r", "reset gate"),
    _gate_mean("z", "update gate, which keeps the old state"),
    _log_mean("keep_log_mean", "z", "update gate"),
    Quantity(
        "highway_share",
        "ln(||prod diag f|| / ||ds_T/ds_t||)",
        FLOW,
        "mean over the first 8 probe sequences of ln of the largest product over t+1..T of the gate that keeps a "
        "unit's state (f of an LSTM, z of a GRU), over the norm of ds_T/ds_t: 0 where the highway alone carries "
        "gradients; no share in the strict sense, for it may be above 0",
        unit="ln",
        why_absent=_needs_keeping_gate,
        equation="ln(‖∏ diag f‖₂ / ‖∂s_T/∂s_t‖₂)",
        source=_GATES,
    ),
)


def _memory_time(arrays: Arrays, record: int) -> float | None:
    """Give -1 / mean ln of the gate that keeps the state; None where all of it is kept, or none."""
    name = next(name for name in ("forget_log_mean", "keep_log_mean") if name in arrays)
    log_kept = float(arrays[name][record, 0].mean())
    return -1.0 / log_kept if log_kept < 0 else None


class Activity(Group):
    """Saturation of units, and what gates do."""

    name: ClassVar[str] = "activity"
    place: ClassVar[int] = 60
    by_default: ClassVar[bool] = False
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES
    summaries = of_two_records(
        "memory_time",
        "memory time of the gates",
        "-1 / mean over timesteps of `forget_log_mean` (LSTM) or `keep_log_mean` (GRU) of layer 0: the steps after "
        "which 1/e of the old state is left",
        _memory_time,
        needs="highway_share",  # which every cell with such a gate has
        unit="timesteps",
    )

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Take means over units and sequences, layer by layer."""
        import torch

        cell = problem.architecture.cell
        if no_derivatives(cell):
            return {}
        by_layer = [self._of_layer(steps.partials, cell) for steps in problem.steps]
        tensors = {name: torch.stack([each[name] for each in by_layer], dim=1) for name in by_layer[0]}
        if cell.keeping_gate is not None:
            tensors["highway_share"] = _highway_share(problem, cell.keeping_gate)
        return {name: tensor.numpy() for name, tensor in tensors.items()}

    def _of_layer(self, partials: Partials, cell: Cell) -> dict[str, Tensor]:
        """Give the means of one layer, (S, T) each."""
        found = {f"gate_{name}_mean": gate.mean(dim=(-2, -1)) for name, gate in partials.gates.items()}
        for name, gate in (("forget_log_mean", "f"), ("keep_log_mean", "z")):
            if gate in partials.gates:
                found[name] = partials.gates[gate].log().mean(dim=(-2, -1))
        if cell.governing_matrix is not None:
            slopes_STBH = partials.by_product[..., 0, 0, :].abs()
            found["derivative_mean"] = slopes_STBH.mean(dim=(-2, -1))
            is_saturated = (slopes_STBH < SATURATED).to(slopes_STBH.dtype)
            found["saturated_share"] = is_saturated.where(slopes_STBH.isfinite(), nan).mean(dim=(-2, -1))
        return found

    def training_steps(self, sizes: Sizes) -> float:
        """Estimate a forward pass, and the products of Jacobians that gates are held against."""
        share = min(sizes.sequences, 8) / sizes.sequences
        return sizes.records * (2.0 + 4.5 * share * sizes.hidden_size)


def _highway_share(problem: Problem, keeping: str) -> Tensor:
    """Give the mean of ln max_j ∏ f_j - ln ‖P_t‖ over the sequences whose Jacobians are multiplied, (S, L, T)."""
    import torch

    product_SLTP = problem.product_logs.norm
    sequences = product_SLTP.shape[-1]
    by_layer = []
    for steps in problem.steps:
        log_STPH = steps.partials.gates[keeping][:, :, :sequences].log()
        # from the end: the sum over t+1 .. T, and nothing at T itself
        later_STPH = log_STPH.flip(1).cumsum(dim=1).flip(1)[:, 1:]
        kept_STPH = torch.cat([later_STPH, torch.zeros_like(log_STPH[:, :1])], dim=1)
        by_layer.append(kept_STPH.amax(dim=-1))
    return (torch.stack(by_layer, dim=1) - product_SLTP).mean(dim=-1)


GROUPS.register(Activity())
