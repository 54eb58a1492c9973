"""Lyapunov exponents of the steps of a net, by QR along a trajectory.

    Q_t R_t = J_t Q_{t-1},  Q_0 = 1,   λ_i = mean over t of ln (R_t)_ii

with J_t the Jacobian of the full state of one layer, its input held fixed: what perturbations of the state grow by at
each timestep, and gradients on the way back (Benettin et al. 1980; Vogt et al. 2022 for recurrent nets). J is never
formed. The first steps, the washout, turn Q into place and are not counted.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rnnlab.flow.steps import LayerSteps


def lyapunov_exponents(steps: LayerSteps, washout: int = 0, count: int | None = None) -> Tensor:
    """Give the exponents of each net along each sequence, (S, B, count), in the order in which QR finds them.

    Args:
        steps: of one layer.
        washout: timesteps that are not counted; fewer than there are.
        count: how many exponents, the largest ones; all N by default.

    Returns:
        Exponents; -inf where a direction is lost: a pivot of R that is no larger than the rounding of its column. NaN
        for a net that is not finite.
    """
    snapshots, timesteps, sequences, _ = steps.before_STBH.shape
    size = steps.state_size
    q_SBNK = torch.eye(size, count or size, dtype=steps.before_STBH.dtype).expand(snapshots, sequences, -1, -1)
    total_SBK = torch.zeros(snapshots, sequences, count or size, dtype=steps.before_STBH.dtype)
    rounding = 4 * size * torch.finfo(total_SBK.dtype).eps
    for t in range(timesteps):
        q_SBNK, r_SBKK = torch.linalg.qr(steps.push(q_SBNK, t))
        if t >= washout:
            pivots_SBK = r_SBKK.diagonal(dim1=-2, dim2=-1).abs()
            columns_SBK = torch.linalg.vector_norm(r_SBKK, dim=-2)
            total_SBK += torch.where(pivots_SBK <= rounding * columns_SBK, 0.0, pivots_SBK).log()
    return total_SBK / (timesteps - washout)


def largest_exponent(steps: LayerSteps, washout: int = 0) -> Tensor:
    """Give the largest exponent of each net along each sequence, (S, B): the growth of one perturbation.

    It begins as a vector without a zero, so that it has a part in every direction, and is scaled to length 1 at every
    step.

    Args:
        steps: of one layer.
        washout: timesteps that are not counted, while it turns to where perturbations grow most; fewer than there are.

    Returns:
        Exponents; -inf where the perturbation becomes zero. NaN for a net that is not finite.
    """
    snapshots, timesteps, sequences, _ = steps.before_STBH.shape
    places_N1 = torch.arange(steps.state_size, dtype=steps.before_STBH.dtype).unsqueeze(-1)
    tangent_SBN1 = (1.5 + torch.sin(places_N1**2)).expand(snapshots, sequences, -1, -1)
    total_SB = torch.zeros(snapshots, sequences, dtype=tangent_SBN1.dtype)
    for t in range(timesteps):
        tangent_SBN1 = steps.push(tangent_SBN1, t)
        length_SB11 = torch.linalg.vector_norm(tangent_SBN1, dim=-2, keepdim=True)
        tangent_SBN1 = tangent_SBN1 / torch.where(length_SB11 == 0, 1.0, length_SB11)
        if t >= washout:
            total_SB += length_SB11[..., 0, 0].log()
    return total_SB / (timesteps - washout)


def mean_over_sequences(exponents: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Give the mean over sequences, and its standard error: 0 for one sequence, and where the mean is -inf."""
    sequences = exponents.shape[dim]
    mean = exponents.mean(dim=dim)
    spread = exponents.std(dim=dim, correction=min(1, sequences - 1))
    return mean, torch.where(mean.isneginf(), 0.0, spread / sequences**0.5)


def attractor_dimension(exponents_N: Tensor) -> Tensor:
    """Give the dimension of Kaplan and Yorke (1979) for falling exponents (..., N).

    k + (λ_1 + ... + λ_k) / |λ_{k+1}|, with k the largest number of exponents whose sum is not negative: 0 if λ_1 < 0,
    N if all of them together do not contract.
    """
    sums = exponents_N.cumsum(dim=-1)
    count = (sums >= 0).sum(dim=-1, keepdim=True)
    size = exponents_N.shape[-1]
    padded = torch.nn.functional.pad(sums, (1, 0))
    expanding = padded.gather(-1, count)
    contracting = exponents_N.gather(-1, count.clamp(max=size - 1)).abs()
    dimension = count + torch.where(count < size, expanding / contracting, 0.0)
    return torch.where(exponents_N.isnan().any(dim=-1), torch.nan, dimension.squeeze(-1))
