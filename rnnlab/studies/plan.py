"""The plan of a sweep: which runs train together, and in which order stacks are handed out.

Runs of one shape make a stack. The stacks follow from the whole list of runs alone - not from what is left to do,
nor from the number of workers - because PyTorch's rounding depends on the shape of a stack: so the same study gives
the same bytes whether it was interrupted or not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rnnlab.config import Config, Scalar, config_from_mapping, identity, label

_CACHE_BYTES = 1.25 * 2**20
"""One array of a stack's activations: with larger ones it leaves the second-level cache, and steps get slower."""

_LARGEST_STACK, _SMALLEST_STACK = 32, 4
"""Measured with PyTorch 2.13 (tanh, H = 32, T = 10): 32 nets together take 0.13 of the time of 32 alone, 64 no less.
Below 4 the overhead of an operation outweighs any cache."""

_STACKS = 4
"""At least so many stacks of a study that has the runs for it, and a multiple of it, so that cores finish together."""

_GATES = {"elman": 1, "gru": 3, "lstm": 4}


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a sweep, kept small: a study may have ten thousand."""

    identity: str
    label: str
    content: str  # the config as JSON
    shape: tuple[Scalar, ...]
    limit: int  # how many of its shape may train together
    step_seconds: float  # rough cost of its training in a stack, for order and estimates
    bytes: int  # what its folder will take, about

    def config(self) -> Config:
        """Give the config again."""
        return config_from_mapping(json.loads(self.content))


@dataclass(frozen=True)
class Stack:
    """Runs that train together, by their place in the list of runs."""

    runs: tuple[int, ...]
    seconds: float  # rough cost


def plan_run(config: Config, values: dict[str, Scalar]) -> PlannedRun:
    """Note what planning needs of a run."""
    return PlannedRun(
        identity=identity(config),
        label=label(values),
        content=config.model_dump_json(exclude={"sweep"}),
        shape=_shape(config),
        limit=_stack_limit(config),
        step_seconds=_seconds(config),
        bytes=_folder_bytes(config),
    )


def plan_stacks(runs: Sequence[PlannedRun]) -> list[Stack]:
    """Cut the runs into stacks of one shape, in order; the longest stacks come first, to be started first."""
    groups: dict[tuple[Scalar, ...], list[int]] = {}
    for index, run in enumerate(runs):
        groups.setdefault(run.shape, []).append(index)
    total = sum(run.step_seconds for run in runs)
    stacks = []
    for members in groups.values():
        share = sum(runs[index].step_seconds for index in members) / total
        stacks += [
            _stack(runs, part) for part in cut(members, stack_count(len(members), runs[members[0]].limit, share))
        ]
    return sorted(stacks, key=lambda stack: -stack.seconds)


def stack_count(runs: int, limit: int, share: float) -> int:
    """Choose into how many stacks so many runs of one shape are cut.

    Args:
        runs: how many.
        limit: the largest stack.
        share: their part of the study's whole work; a shape with little of it need not feed every core.
    """
    least = math.ceil(runs / limit)
    wanted = max(least, math.ceil(_STACKS * share))
    if share > 0.5:
        wanted = _STACKS * math.ceil(wanted / _STACKS)
    return min(runs, wanted)


def cut(members: Sequence[int], count: int) -> list[tuple[int, ...]]:
    """Cut a list into so many parts, in order, of sizes that differ by one at most."""
    size, larger = divmod(len(members), count)
    parts, start = [], 0
    for index in range(count):
        stop = start + size + (index < larger)
        parts.append(tuple(members[start:stop]))
        start = stop
    return parts


def _stack(runs: Sequence[PlannedRun], members: tuple[int, ...]) -> Stack:
    return Stack(members, sum(runs[index].step_seconds for index in members))


def _shape(config: Config) -> tuple[Scalar, ...]:
    """Give all that the nets of a stack must have in common; scales, seeds and rates may differ."""
    model, training = config.model, config.training
    return (
        config.task.model_dump_json(),
        model.cell,
        model.nonlinearity,
        model.hidden_size,
        model.layers,
        training.batches,
        training.batch_size,
        training.optimizer,
        config.record.every,
    )


def _stack_limit(config: Config) -> int:
    states = config.training.batch_size * config.task.seq_len * config.model.hidden_size * config.model.layers
    return max(_SMALLEST_STACK, min(_LARGEST_STACK, int(_CACHE_BYTES / (4 * states))))


def _seconds(config: Config) -> float:
    """Estimate the training time of one net in a stack: right within a factor of a few, which is enough to plan."""
    model, training, steps = config.model, config.training, config.task.seq_len * config.model.layers
    gates = _GATES[model.cell]
    units = training.batch_size * gates * model.hidden_size
    per_timestep = 5e-6 + 4e-9 * units + 1.3e-10 * units * model.hidden_size
    records = 2 + training.batches / config.record.every
    return training.batches * steps * per_timestep + records * steps * config.record.sequences * 2e-6 + 0.01


def _folder_bytes(config: Config) -> int:
    """Estimate the size of a run folder."""
    model, record = config.model, config.record
    records = 2 + config.training.batches // record.every
    inputs = config.task.input_size + (model.layers - 1) * model.hidden_size + model.layers * (model.hidden_size + 2)
    parameters = _GATES[model.cell] * model.hidden_size * inputs
    weights = 4 * parameters * (2 + (records if record.weights else 0))
    flow = 8 * records * model.layers * (4 * config.task.seq_len + 3 * model.hidden_size + 8)
    probe = 4 * record.sequences * config.task.seq_len * (config.task.input_size + config.task.output_size)
    return weights + flow + probe + 4 * config.training.batches + 16_384


def plan_runs(runs: Iterable[tuple[Config, dict[str, Scalar]]]) -> list[PlannedRun]:
    """Plan runs one at a time, so that no more than one config is held."""
    return [plan_run(config, values) for config, values in runs]
