"""The entropy of a distribution: what the best guess costs that knows nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def entropy(weights: np.ndarray) -> float:
    """Give -Σ p ln p in nats, with p the weights over their sum; what never happens costs nothing."""
    import numpy as np

    shares = np.asarray(weights, dtype=np.float64).ravel()
    shares = shares[shares > 0] / shares.sum()
    return float(np.abs(shares @ np.log(shares)))
