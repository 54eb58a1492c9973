"""Everything that is recorded of a run, from its stack of snapshots and its probe sequences, in float64.

The arrays and their meaning are those of a run folder's metrics.npz.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnnlab.flow.gradients import Flow, gradient_flow
from rnnlab.flow.norms import log_mean_norm, mean_norm, node_norms
from rnnlab.flow.spectra import eigenvalues, singular_values
from rnnlab.nets import Architecture
from rnnlab.nets.norms import norm
from rnnlab.tasks.losses import SequenceLoss

_CHUNK_BYTES = 32 * 2**20
"""States and gradients of so many snapshots at once: large enough to hide overhead, small enough for any machine."""

_TINY = np.finfo(np.float64).tiny
"""The smallest normal float64, 2.2e-308: below it digits are lost, and soon all of them."""


@dataclass(frozen=True)
class Measured:
    """The arrays by name, each with the records first, and what left the range of float64 in them."""

    arrays: dict[str, np.ndarray]
    flags: list[str]


def measure(
    architecture: Architecture,
    weights: Mapping[str, np.ndarray],
    inputs_BTI: np.ndarray,
    targets: np.ndarray,
    sequence_loss: SequenceLoss,
    *,
    on_chunk: Callable[[], None] = lambda: None,
) -> Measured:
    """Measure a stack of weights on fixed sequences.

    Args:
        architecture: the shape of the nets.
        weights: the snapshots of one run by name, each (R, *shape), R >= 1.
        inputs_BTI: the probe sequences.
        targets: their targets; classes stay int64.
        sequence_loss: the loss of each sequence.
        on_chunk: called between pieces of work; it may raise to stop.

    Returns:
        `probe_loss` (R,), `grad_norm`, `grad_log_norm`, `hidden_norm` (R, L, T), for an LSTM `cell_grad_norm`,
        for an Elman net `eigenvalues` and `singular_values` (R, L, H), and `param_grad_norm` (R, P); all float64,
        eigenvalues complex128. The flags are `underflow` (a gradient fell below float64) and `overflow` (something
        is infinite or NaN).
    """
    stack_size = len(weights["readout_bias"])
    chunk = _chunk_size(architecture, inputs_BTI.shape)
    parts = []
    for start in range(0, stack_size, chunk):
        on_chunk()
        piece = {name: weight[start : start + chunk] for name, weight in weights.items()}
        parts.append(_measure_chunk(architecture, piece, inputs_BTI, targets, sequence_loss))
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    flags = ["underflow"] if arrays.pop("underflow").any() else []
    linear = (array for name, array in arrays.items() if name != "grad_log_norm")  # where -inf is a true zero
    return Measured(arrays, flags + ([] if all(np.isfinite(array).all() for array in linear) else ["overflow"]))


def _measure_chunk(
    architecture: Architecture,
    weights: Mapping[str, np.ndarray],
    inputs_BTI: np.ndarray,
    targets: np.ndarray,
    sequence_loss: SequenceLoss,
) -> dict[str, np.ndarray]:
    flow = gradient_flow(
        architecture,
        {name: torch.from_numpy(weight.astype(np.float64)) for name, weight in weights.items()},
        torch.from_numpy(inputs_BTI.astype(np.float64)),
        torch.from_numpy(targets if targets.dtype == np.int64 else targets.astype(np.float64)),
        sequence_loss,
    )
    measured = {name: tensor.numpy() for name, tensor in _flow_quantities(flow).items()}
    if architecture.cell.governing_matrix is not None:
        names = [f"{architecture.cell.governing_matrix}_l{layer}" for layer in range(architecture.layers)]
        matrices_SLHH = np.stack([weights[name].astype(np.float64) for name in names], axis=1)
        measured |= {
            "eigenvalues": eigenvalues(matrices_SLHH),
            "singular_values": singular_values(matrices_SLHH),
        }
    return measured


def _flow_quantities(flow: Flow) -> dict[str, Tensor]:
    grad_norms_SLTB = node_norms(flow.dL_dh)
    quantities = {
        "probe_loss": flow.loss_SB.mean(dim=-1),
        "grad_norm": mean_norm(grad_norms_SLTB),
        "grad_log_norm": log_mean_norm(grad_norms_SLTB),
        "hidden_norm": mean_norm(node_norms(flow.h)),
    }
    underflow = _underflows(grad_norms_SLTB)
    if flow.dL_dc is not None:
        cell_norms_SLTB = node_norms(flow.dL_dc)
        quantities["cell_grad_norm"] = mean_norm(cell_norms_SLTB)
        underflow |= _underflows(cell_norms_SLTB)
    quantities["param_grad_norm"] = torch.stack(
        [norm(gradient.flatten(1)) for gradient in flow.parameter_gradients.values()], dim=-1
    )
    return quantities | {"underflow": underflow}


def _underflows(norms_SLTB: Tensor) -> Tensor:
    """Tell which nets have a gradient below the range of float64, (S,).

    A zero alone is no underflow: a dead unit passes truly nothing back. A number below the smallest normal one is,
    and so is a zero right before a timestep, or right below a layer, whose gradient is all but there (1e-200).
    """
    subnormal = (norms_SLTB > 0) & (norms_SLTB < _TINY)
    before, below = _drops(norms_SLTB, dim=2), _drops(norms_SLTB, dim=1)
    return torch.stack([each.flatten(1).any(dim=-1) for each in (subnormal, before, below)]).any(dim=0)


def _drops(norms_SLTB: Tensor, dim: int) -> Tensor:
    """Find the zeros that come, backwards along one dimension, after a gradient under 1e-200."""
    size = norms_SLTB.shape[dim] - 1
    after, source = norms_SLTB.narrow(dim, 0, size), norms_SLTB.narrow(dim, 1, size)
    return (after == 0) & (source > 0) & (source < 1e-200)


def _chunk_size(architecture: Architecture, inputs_shape: tuple[int, ...]) -> int:
    """Choose how many snapshots to take at once, by sizes alone, so that the same run is always cut alike."""
    sequences, timesteps, _ = inputs_shape
    states = architecture.layers * architecture.hidden_size * (architecture.cell.gates + 3)
    return max(1, _CHUNK_BYTES // (8 * sequences * timesteps * states))
