"""The gradient as what it is: a sum over all paths from a state to the loss, each a product of Jacobians.

From state (l, t) a path goes right, to (l, t+1), by J = diag(σ'(z_{l,t+1})) W_hh, or up, to (l+1, t), by
diag(σ'(z_{l+1,t})) W_ih, and leaves the top layer through the readout at any timestep that is in the loss. Every path
is walked by itself: nothing is shared, as it would be in backpropagation. The number of paths from (l, t) is
Σ_k C(k - t + L - 1 - l, L - 1 - l) over the timesteps k in the loss.
"""

from __future__ import annotations

from math import comb

import numpy as np

from rnnlab.audit.by_hand import Layer, forward
from rnnlab.audit.case import Answer, AuditCase, loss_gradient
from rnnlab.nets import Elman

MOST_PATHS = 20_000
"""All paths of all states: more are not walked, since each takes its time and none brings news."""


def path_count(timesteps: int, layers: int, *, last_only: bool) -> int:
    """Count the paths from every state to the loss."""
    ends = [timesteps - 1] if last_only else list(range(timesteps))
    ups = range(layers)
    return sum(comb(k - t + up, up) for t in range(timesteps) for k in ends if k >= t for up in ups)


def by_paths(case: AuditCase) -> Answer | None:
    """Walk every path; None for other cells than Elman's and where there are too many."""
    count = path_count(case.timesteps, case.architecture.layers, last_only=case.loss.last_timestep_only)
    if type(case.architecture.cell) is not Elman or count > MOST_PATHS:
        return None
    layers, predictions_BTO = forward(case)
    dL_dy_TBO = loss_gradient(case, predictions_BTO).swapaxes(0, 1)
    exits_TBH = dL_dy_TBO @ case.weights["readout_weight"]
    exit_times = [t for t in range(case.timesteps) if not case.loss.last_timestep_only or t == case.timesteps - 1]
    sums = [np.zeros_like(layer.h_TBH) for layer in layers]
    for k in exit_times:
        _walk_back(layers, sums, len(layers) - 1, k, exits_TBH[k])
    return {("dL/dh", index): total for index, total in enumerate(sums)}


def _walk_back(layers: list[Layer], sums: list[np.ndarray], layer: int, t: int, product_BH: np.ndarray) -> None:
    """Add a path that begins at this state, and walk on to all that begin before it or below it."""
    pending = [(layer, t, product_BH)]
    while pending:
        layer, t, product_BH = pending.pop()
        sums[layer][t] += product_BH
        here = layers[layer]
        through_BH = product_BH * here.slope_TBH[t]
        if t > 0:
            pending.append((layer, t - 1, through_BH @ here.weight_hh))
        if layer > 0:
            pending.append((layer - 1, t, through_BH @ here.weight_ih))
