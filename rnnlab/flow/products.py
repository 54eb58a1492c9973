"""Products of step Jacobians, P_t = J_T ··· J_{t+1}: what the way from the end to timestep t can do to a gradient.

‖P_t‖_2 is the most that it can stretch one, ‖P_t‖_F/√N what it does to a random one. A power of two is taken out of
every product at every step (rnnlab.flow.scaling), so that neither is ever lost (Pascanu, Mikolov and Bengio 2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

import torch
from torch import Tensor

from rnnlab.flow.scaling import LN_2, log_of, normalised
from rnnlab.flow.steps import LayerSteps

_MATRIX_BYTES = 16 * 2**20
"""Of so many Jacobians at once: there are about six such sets in work."""


@dataclass(frozen=True)
class ProductLogs:
    """Natural logarithms, each (S, L, T, B), -inf for a true zero."""

    norm: Tensor  # ln ‖P_t‖_2
    rms: Tensor  # ln(‖P_t‖_F / √N)
    step_norm: Tensor  # ln ‖J_t‖_2


def product_logs(layers: Sequence[LayerSteps]) -> ProductLogs:
    """Multiply the Jacobians of each layer, from the last timestep back."""
    by_layer = [_of_layer(steps) for steps in layers]
    return ProductLogs(*(torch.stack(parts, dim=1) for parts in zip(*by_layer, strict=True)))


def log_spectral_norm(matrices: Tensor) -> Tensor:
    """Give ln of the largest singular value of matrices (..., N, N); -inf for zero, NaN if one is not finite.

    By the largest eigenvalue of MᵀM, after a power of two was taken out: twice as fast as singular values, and as exact
    for the largest.
    """
    is_finite = matrices.isfinite().all(dim=-1).all(dim=-1)
    usable, exponent = normalised(torch.where(is_finite[..., None, None], matrices, 0.0), (-2, -1))
    largest = torch.linalg.eigvalsh(usable.mT @ usable)[..., -1].clamp(min=0.0)
    return torch.where(is_finite, log_of(largest.sqrt(), exponent[..., 0, 0]), torch.nan)


def log_power_norms(matrices: Tensor, count: int) -> Tensor:
    """Give ln ‖W^k‖_2 for k = 0 .. count - 1 of matrices (..., N, N), as the last dimension."""
    power = torch.eye(matrices.shape[-1], dtype=matrices.dtype).expand(matrices.shape)
    exponent = torch.zeros(matrices.shape[:-2], dtype=torch.int64)
    logs = [torch.zeros(matrices.shape[:-2], dtype=matrices.dtype)]
    for _ in range(1, count):
        power, taken = normalised(power @ matrices, (-2, -1))
        exponent = exponent + taken[..., 0, 0]
        logs.append(log_spectral_norm(power) + exponent.to(power.dtype) * LN_2)
    return torch.stack(logs, dim=-1)


def _of_layer(steps: LayerSteps) -> list[Tensor]:
    """Give the three logarithms of one layer, (S, T, B), some nets at a time."""
    stack_size, _, sequences, _ = steps.before_STBH.shape
    chunk = max(1, _MATRIX_BYTES // (8 * sequences * steps.state_size**2))
    pieces = [slice(start, start + chunk) for start in range(0, stack_size, chunk)]
    parts = [_of_piece(steps.narrow(piece, slice(None))) for piece in pieces]
    return [torch.cat(each) for each in zip(*parts, strict=True)]


def _of_piece(steps: LayerSteps) -> list[Tensor]:
    stack_size, timesteps, sequences, _ = steps.before_STBH.shape
    nothing = steps.before_STBH.new_zeros((stack_size, sequences))
    norms, rms, step_norms = [nothing], [nothing], []
    product = torch.eye(steps.state_size, dtype=nothing.dtype)
    exponent = torch.zeros(stack_size, sequences, dtype=torch.int64)
    for t in reversed(range(timesteps)):
        jacobian = steps.jacobian(t)
        step_norms.append(log_spectral_norm(jacobian))
        if t > 0:
            product, taken = normalised(product @ jacobian, (-2, -1))
            exponent = exponent + taken[..., 0, 0]
            norms.append(log_spectral_norm(product) + exponent.to(nothing.dtype) * LN_2)
            rms.append(log_of(torch.linalg.matrix_norm(product), exponent) - log(sqrt(steps.state_size)))
    return [torch.stack(each[::-1], dim=1) for each in (norms, rms, step_norms)]
