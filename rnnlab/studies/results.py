"""From a trained net to the files of its run folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnlab.config import write_config
from rnnlab.experiment import Prepared
from rnnlab.flow import Measured, measure
from rnnlab.nets import unpack
from rnnlab.store.atomic import npz_bytes
from rnnlab.studies.hooks import Hooks
from rnnlab.studies.summary import summarise
from rnnlab.training import NetState


@dataclass(frozen=True)
class Results:
    """What a run leaves: the content of its files, and what run.json says of them."""

    files: dict[str, bytes]
    facts: dict[str, Any]


def make_results(prepared: Prepared, state: NetState, hooks: Hooks) -> Results:
    """Measure the snapshots of a finished training and lay everything out for the run folder.

    Raises:
        StoppedError: asked to stop.
    """
    metrics, flags = _measure(prepared, state, hooks)
    linear = prepared.config.model.nonlinearity == "identity"
    floors = prepared.config.task.floors(linear=linear)
    facts = {
        "status": "completed" if state.diverged_at is None else "diverged",
        "flags": flags,
        "diverged_at": state.diverged_at,
        "floors": floors,
        "summary": summarise(metrics, floors),
    }
    files = {
        "config.yaml": write_config(prepared.config).encode(),
        "metrics.npz": npz_bytes(metrics),
        "weights.npz": npz_bytes(_weights(prepared, state)),
    }
    return Results(files, facts)


def _measure(prepared: Prepared, state: NetState, hooks: Hooks) -> tuple[dict[str, np.ndarray], list[str]]:
    """Give the arrays of metrics.npz and the flags; records after divergence are NaN."""
    steps_R = prepared.recipe.record_steps_R
    reached = steps_R.size if state.diverged_at is None else int(np.sum(steps_R <= state.diverged_at))
    weights = unpack(state.snapshots_RP[:reached], prepared.architecture)
    # Exploding weights are a result: their infinities are kept and flagged, not warned about.
    with np.errstate(over="ignore", invalid="ignore"):
        measured = measure(
            prepared.architecture,
            weights,
            prepared.probe_inputs_BTI,
            prepared.probe_targets,
            prepared.recipe.sequence_loss,
            on_chunk=hooks.stop_if_asked,
        )
    arrays = {name: _pad(array, steps_R.size) for name, array in measured.arrays.items()}
    names = np.array(list(prepared.architecture.parameter_shapes))
    return {"loss": state.losses, "step": steps_R, **arrays, "param_names": names}, _flags(measured, state)


def _flags(measured: Measured, state: NetState) -> list[str]:
    overflowed = state.diverged_at is not None and "overflow" not in measured.flags
    return [*measured.flags, "overflow"] if overflowed else measured.flags


def _pad(array: np.ndarray, records: int) -> np.ndarray:
    """Fill up with NaN to all recorded steps."""
    padded = np.full((records, *array.shape[1:]), np.nan, dtype=array.dtype)
    padded[: len(array)] = array
    return padded


def _weights(prepared: Prepared, state: NetState) -> dict[str, np.ndarray]:
    """Give the arrays of weights.npz."""
    kept = {"initial": prepared.initial_P, "final": state.parameters_P}
    if prepared.config.record.weights:
        kept["snapshots"] = state.snapshots_RP
    arrays = {
        f"{when}/{name}": weight
        for when, flat in kept.items()
        for name, weight in unpack(flat, prepared.architecture).items()
    }
    return arrays | {"probe/inputs": prepared.probe_inputs_BTI, "probe/targets": prepared.probe_targets}
