"""From a trained net to the files of its run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnlab.config import Config, write_config
from rnnlab.experiment import Prepared
from rnnlab.extensions import LOADER
from rnnlab.flow import GROUPS, Group, Problem, measure
from rnnlab.flow.group import wanted_groups
from rnnlab.flow.problem import TrainingFacts
from rnnlab.flow.quantity import RECORD
from rnnlab.nets import unpack
from rnnlab.store.atomic import npz_bytes
from rnnlab.studies.hooks import Hooks
from rnnlab.training import FRESH, NetState, make_stream


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
    wanted = list(wanted_groups(prepared.config.record.quantities))
    groups, flags = measure_groups(prepared, state.snapshots_RP, state.diverged_at, wanted, hooks, state.update_norms)
    names = np.array(list(prepared.architecture.parameter_shapes))
    groups["base"] = {"loss": state.losses, **groups["base"], "param_names": names}
    floors = prepared.config.task.floors(linear=prepared.architecture.cell.is_linear)
    summaries = [GROUPS[name].summarise({**groups["base"], **arrays}, floors) for name, arrays in groups.items()]
    facts = {
        "status": "completed" if state.diverged_at is None else "diverged",
        "flags": [*flags, *(["overflow"] if state.diverged_at is not None and "overflow" not in flags else [])],
        "diverged_at": state.diverged_at,
        "floors": floors,
        "summary": {name: number for summary in summaries for name, number in summary.items()},
    }
    files = {
        "config.yaml": write_config(prepared.config, with_copies=True).encode(),
        **_copies(prepared.config),
        **{GROUPS[name].file: npz_bytes(arrays) for name, arrays in groups.items()},
        "weights.npz": npz_bytes(_weights(prepared, state)),
    }
    return Results(files, facts)


def _copies(config: Config) -> dict[str, bytes]:
    """Give the contents of the config's extension files, so that its run can be made again."""
    sources = LOADER.sources(config.extensions)
    return {source.copy: source.content for source in sources if source.content is not None}


def measure_groups(
    prepared: Prepared,
    snapshots_RP: np.ndarray,
    diverged_at: int | None,
    names: Sequence[str],
    hooks: Hooks,
    update_norms: np.ndarray | None = None,
) -> tuple[dict[str, dict[str, np.ndarray]], list[str]]:
    """Measure some groups of quantities from the weights of every recorded step.

    Returns:
        The arrays of each group's file, in which records after divergence are NaN, and what left the range of float64.

    Raises:
        StoppedError: asked to stop.
    """
    steps_R = prepared.recipe.record_steps_R
    reached = steps_R.size if diverged_at is None else int(np.sum(steps_R <= diverged_at))
    problem = Problem(
        prepared.architecture,
        unpack(snapshots_RP[:reached], prepared.architecture),
        prepared.probe_inputs_BTI,
        prepared.probe_targets,
        prepared.recipe.sequence_loss,
        lambda count: prepared.config.task.sample(make_stream(prepared.config.seed, FRESH), count)[0],
        None if update_norms is None else TrainingFacts(update_norms, prepared.config.training.clip_norm),
    )
    timesteps = prepared.probe_inputs_BTI.shape[1]
    records = {name: list(GROUPS[name].records(steps_R.size, timesteps)) for name in names}
    # Exploding weights are a result: their infinities are kept and flagged, not warned about.
    with np.errstate(over="ignore", invalid="ignore"):
        measured = measure(problem, records, on_chunk=hooks.stop_if_asked)
    groups = {
        name: {"step": steps_R[records[name]], **_padded(GROUPS[name], arrays, len(records[name]))}
        for name, arrays in measured.groups.items()
    }
    return groups, measured.flags


def _padded(group: Group, arrays: Mapping[str, np.ndarray], records: int) -> dict[str, np.ndarray]:
    """Fill up with NaN to all recorded steps."""
    by_record = {quantity.name for quantity in group.quantities if RECORD in quantity.axes}
    return {name: _pad(array, records) if name in by_record else array for name, array in arrays.items()}


def _pad(array: np.ndarray, records: int) -> np.ndarray:
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
