"""The gradients that training itself used: how long each was before clipping, and what clipping made of it.

These are gradients of batches, not of the probe sequences, and there is one for every update, not for every record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rnnlab.flow.group import GROUPS, Group
from rnnlab.flow.quantity import BATCH, Arrays, Quantity, Sizes, Summary, Table

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.flow.problem import Problem

UPDATES = Table("updates", (BATCH,), "gradients of the updates, before and by clipping")

_SOURCE = "Pascanu, Mikolov and Bengio 2013"

QUANTITIES = (
    Quantity(
        "update_norm",
        "||g||",
        UPDATES,
        "2-norm, over all parameters, of the gradient of each batch's mean loss before it was clipped; NaN where no "
        "update was made",
        unit="l2",
        scale="log",
        equation="‖g_k‖₂,  g_k = dℓ_k/dθ",
        source=_SOURCE,
    ),
    Quantity(
        "clip_factor",
        "min(1, limit / ||g||)",
        UPDATES,
        "what clipping multiplied that gradient with: 1 where it was left as it is, or training clips nothing",
        scale="log",
        log_from=10.0,
        equation="min(1, clip_norm / ‖g_k‖₂)",
        source=_SOURCE,
    ),
)


def _share_clipped(arrays: Arrays) -> float | None:
    """Give the share of the updates made whose gradient was cut; None where none was made."""
    factors = arrays["clip_factor"]
    made = factors[factors == factors]  # noqa: PLR0124 (all but NaN)
    return float((made < 1).mean()) if made.size else None


def _quantile(arrays: Arrays, share: float) -> float | None:
    """Give a quantile of the norms of the updates made."""
    norms = arrays["update_norm"]
    made = norms[norms == norms]  # noqa: PLR0124 (all but NaN)
    made.sort()
    return float(made[round(share * (made.size - 1))]) if made.size else None


SUMMARIES = (
    Summary(
        "clipped_share",
        "share of updates clipped",
        "share of the updates whose gradient was longer than `training.clip_norm`",
        lambda arrays, _floors: _share_clipped(arrays),
        needs="clip_factor",
    ),
    Summary(
        "median_update_norm",
        "median gradient norm of updates",
        "median over the updates of `update_norm`",
        lambda arrays, _floors: _quantile(arrays, 0.5),
        needs="update_norm",
    ),
    Summary(
        "largest_update_norm",
        "largest gradient norm of updates",
        "largest `update_norm`",
        lambda arrays, _floors: _quantile(arrays, 1.0),
        needs="update_norm",
    ),
)


class Updates(Group):
    """Norms of the gradients that updates were made with."""

    name: ClassVar[str] = "updates"
    place: ClassVar[int] = 70
    by_default: ClassVar[bool] = False
    of_training: ClassVar[bool] = True
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES
    summaries: ClassVar[tuple[Summary, ...]] = SUMMARIES

    def records(self, _count: int, _timesteps: int) -> tuple[int, ...]:
        """Choose the first alone: nothing is computed from the weights of any."""
        return (0,)

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Take what training told; nothing where it was not asked."""
        import numpy as np

        if problem.training is None:
            return {}
        norms_N, limit = problem.training.update_norms, problem.training.clip_norm
        with np.errstate(divide="ignore"):
            factors_N = np.minimum(1.0, np.inf if limit is None else limit / norms_N)
        return {"update_norm": norms_N, "clip_factor": np.where(np.isnan(norms_N), np.nan, factors_N)}

    def training_steps(self, _sizes: Sizes) -> float:
        """Estimate nothing: training told."""
        return 0.01


GROUPS.register(Updates())
