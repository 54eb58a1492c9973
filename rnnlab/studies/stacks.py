"""The plan of a sweep: which runs train together, and in which order stacks are handed out.

Runs of one shape make a stack. With PyTorch, whose rounding depends on the shape of a stack, the stacks follow from
the whole list of runs alone - not from what is left to do, nor from the number of workers: so the same study gives
the same bytes whether it was interrupted or not. Where a net's bits are its own (the native engine), the stacks are
cut for the workers, from what is left to do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rnnlab.config import Config, Scalar, label
from rnnlab.config.limits import memory_bytes
from rnnlab.studies.costs import folder_bytes, run_seconds
from rnnlab.training import keeps_bits_in_any_stack

_CACHE_BYTES = 1.25 * 2**20
"""One array of a stack's activations: with larger ones it leaves the second-level cache, and steps get slower."""

_LARGEST_STACK, _SMALLEST_STACK = 32, 4
"""Measured with PyTorch 2.13 (tanh, H = 32, T = 10): 32 nets together take 0.13 of the time of 32 alone, 64 no less.
Below 4 the overhead of an operation outweighs any cache."""

_STACKS = 4
"""At least so many stacks of a study that has the runs for it, and a multiple of it, so that cores finish together."""

_PIECES = 4
"""A worker takes at most one in so many of its share of what is left, where any stack will do: stacks get smaller
towards the end, so that no worker waits for another's last one."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a sweep, kept small: a study may have ten thousand."""

    identity: str
    label: str
    content: str  # the config as JSON
    engine: str  # the name of what trains it
    quantities: str | None  # what is to be recorded besides what every run records
    shape: tuple[object, ...]
    seed: int  # nets of one shape and seed see the same batches
    limit: int  # how many of its shape may train together
    seconds: float  # rough cost, for order and estimates
    bytes: int  # what its folder will take, about
    memory: int  # what making it will take, about

    def config(self) -> Config:
        """Give the config again."""
        return Config.model_validate_json(self.content)


@dataclass(frozen=True)
class Stack:
    """Runs that train together, by their place in the list of runs."""

    runs: tuple[int, ...]
    seconds: float  # rough cost


def plan_run(config: Config, identity: str, values: dict[str, Scalar], engine: str) -> PlannedRun:
    """Note what planning needs of a run.

    Args:
        config: the run's.
        identity: what `rnnlab.config.identity` gives for it.
        values: what sets it apart from the study's file, for its label.
        engine: the name of the engine that will train it.
    """
    return PlannedRun(
        identity=identity,
        label=label(values),
        content=config.model_dump_json(exclude={"sweep"}),
        engine=engine,
        quantities=config.record.quantities,
        shape=(engine, *_shape(config)),
        seed=config.seed,
        limit=_stack_limit(config),
        seconds=run_seconds(config, engine),
        bytes=folder_bytes(config),
        memory=memory_bytes(config),
    )


def plan_work(runs: Sequence[PlannedRun], to_do: Sequence[int], workers: int) -> list[Stack]:
    """Cut a study into stacks, those with the most work first, each way where it belongs (see above).

    Args:
        runs: all runs of the study.
        to_do: those that are to be made, by place.
        workers: how many stacks are made at a time.
    """
    fixed = [index for index, run in enumerate(runs) if not keeps_bits_in_any_stack(run.engine)]
    free = [index for index in to_do if keeps_bits_in_any_stack(runs[index].engine)]
    stacks = plan_fixed_stacks(runs, fixed) + plan_free_stacks(runs, free, workers)
    return sorted(stacks, key=lambda stack: -stack.seconds)


def plan_fixed_stacks(runs: Sequence[PlannedRun], members: Sequence[int]) -> list[Stack]:
    """Cut runs into stacks of one shape, in order, whatever exists of them already; the longest come first."""
    total = _cost(runs, members)
    stacks = []
    for group in _shapes(runs, members).values():
        share = _cost(runs, group) / total
        parts = cut(group, stack_count(len(group), runs[group[0]].limit, share))
        stacks += [Stack(part, _cost(runs, part)) for part in parts]
    return sorted(stacks, key=lambda stack: -stack.seconds)


def plan_free_stacks(runs: Sequence[PlannedRun], to_do: Sequence[int], workers: int) -> list[Stack]:
    """Cut what is to do so that the workers finish together, for an engine that gives a net its bits in any stack.

    Nets of one seed come side by side: they see the same batches, which are then drawn once.
    """
    stacks = []
    for members in _shapes(runs, to_do).values():
        members.sort(key=lambda index: (runs[index].seed, index))
        stacks += [Stack(part, _cost(runs, part)) for part in taper(members, workers * _PIECES)]
    return sorted(stacks, key=lambda stack: -stack.seconds)


def taper(members: Sequence[int], pieces: int) -> list[tuple[int, ...]]:
    """Cut a list, in order, each time a piece of the rest, of at least one and at most the largest stack."""
    parts, start = [], 0
    while start < len(members):
        size = min(_LARGEST_STACK, math.ceil((len(members) - start) / pieces))
        parts.append(tuple(members[start : start + size]))
        start += size
    return parts


def _shapes(runs: Sequence[PlannedRun], members: Iterable[int]) -> dict[tuple[object, ...], list[int]]:
    groups: dict[tuple[object, ...], list[int]] = {}
    for index in members:
        groups.setdefault(runs[index].shape, []).append(index)
    return groups


def _cost(runs: Sequence[PlannedRun], members: Iterable[int]) -> float:
    return sum(runs[index].seconds for index in members)


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


def _shape(config: Config) -> tuple[object, ...]:
    """Give all that the nets of a stack must have in common; scales, seeds and rates may differ."""
    model, training = config.model, config.training
    return (
        config.task.model_dump_json(),
        model.make_cell(),
        model.hidden_size,
        model.layers,
        training.batches,
        training.batch_size,
        training.make_optimizer(),
        training.make_schedule(),
        training.warm_up,
        training.truncate,
        training.make_regulariser(),
        config.record.every,
    )


def _stack_limit(config: Config) -> int:
    states = config.training.batch_size * config.task.seq_len * config.model.hidden_size * config.model.layers
    return max(_SMALLEST_STACK, min(_LARGEST_STACK, int(_CACHE_BYTES / (4 * states))))
