"""What can be said of a run that was recorded from somebody's own model: what its arrays hold, and what they do not.

There are no weights and no data, so nothing is measured anew: no exponent, no causes, no reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, nan

import numpy as np

from rnnlab.explain.finding import RunFinding, Source, number
from rnnlab.explain.rules import NOTICEABLE
from rnnlab.explain.vanishing import QUESTION
from rnnlab.flow.base_numbers import slope
from rnnlab.store import Run

_REVERSE = " reverse"
"""How the names end of layers that go from the last timestep to the first: their way back is the other way."""


def watched_findings(run: Run) -> Iterator[RunFinding]:
    """Say of each layer how its gradient changes on its way back, and of the whole what remains unknown."""
    steps_R, diverged_at = run.metrics["step"], run.record.diverged_at
    made = len(steps_R) if diverged_at is None else int((steps_R <= diverged_at).sum())
    for record in dict.fromkeys((0, made - 1)):
        for layer in range(run.metrics["grad_norm"].shape[1]):
            yield from _of_layer(run, record, layer)
    if "underflow" in run.record.flags:
        text = "Some gradients fell below the range of the model's own numbers: not every zero is a unit that is dead."
        yield RunFinding(QUESTION, "reading", text, uncertainty="none", sources=(Source("run.json", "flags"),))
    text = (
        "rnnlab has watched this model, and has neither its weights nor its data. So it cannot give an exponent, nor "
        "tell what the matrix and the nonlinearity do, nor how far learning reaches; and where the loss is of other "
        "timesteps than the last, it feeds dL/dh_t there, and a slope is no rate."
    )
    yield RunFinding(QUESTION, "fact", text, uncertainty="none")


def _of_layer(run: Run, record: int, layer: int) -> Iterator[RunFinding]:
    name, update = run.record.layer_name(layer), int(run.metrics["step"][record])
    logs_T = run.metrics["grad_log_living"][record, layer]
    logs_T = logs_T[~np.isnan(logs_T)]  # what follows is longer than this batch, or not of a layer that was reached
    if not logs_T.size:
        yield RunFinding(QUESTION, "fact", f"In {name}: no gradient was seen.", uncertainty="none", update=update)
        return
    is_reverse = name.endswith(_REVERSE)
    first, last = (len(logs_T), 1) if is_reverse else (1, len(logs_T))
    found = slope(logs_T)
    growth = nan if found is None else found if is_reverse else -found
    change = "there is no slope" if found is None else f"ln of it changes by {number(growth)} with each step back"
    text = (
        f"In {name}: ||dL/dh_t|| is {number(exp(logs_T[last - 1]))} at t = {last} and {number(exp(logs_T[first - 1]))} "
        f"at t = {first}, where its way back ends (geometric means): {change}."
    )
    numbers = {"growth": growth, "ln_first": float(logs_T[first - 1]), "ln_last": float(logs_T[last - 1])}
    unknown = "not known: of single sequences only quantiles are recorded"
    yield RunFinding(QUESTION, "fact", text, numbers, unknown, (_source("grad_log_living"),), update)
    yield from _dead(run, record, layer, first)
    yield from _bound(run, record, layer, len(logs_T))


def _dead(run: Run, record: int, layer: int, first: int) -> Iterator[RunFinding]:
    share = float(run.metrics["grad_zero_share"][record, layer, first - 1])
    if share > 0:
        text = (
            f"In {run.record.layer_name(layer)}: of {number(100 * share)} % of the sequences the gradient that reaches "
            f"t = {first} is exactly zero."
        )
        update = int(run.metrics["step"][record])
        numbers, sources = {"zero_share": share}, (_source("grad_zero_share"),)
        yield RunFinding(QUESTION, "fact", text, numbers, "a share of one batch", sources, update)


def _bound(run: Run, record: int, layer: int, timesteps: int) -> Iterator[RunFinding]:
    """Say that gradients must vanish, where the spectral norm of W_hh leaves them no choice."""
    norms = run.metrics.get("singular_values")
    largest = nan if norms is None else float(norms[record, layer, 0])
    if largest ** (timesteps - 1) < exp(-NOTICEABLE):
        text = (
            f"In {run.record.layer_name(layer)}: the spectral norm of W_hh is {number(largest)}. Neither tanh nor relu "
            "has a slope above 1, so each step back within the layer leaves at most that share of a gradient: over the "
            f"{timesteps - 1} steps of this batch {number(largest ** (timesteps - 1))} at most. It must vanish."
        )
        update, sources = int(run.metrics["step"][record]), (_source("singular_values"),)
        yield RunFinding(QUESTION, "reading", text, {"spectral_norm": largest}, "none: a bound", sources, update)


def _source(array: str) -> Source:
    return Source("metrics.npz", array)
