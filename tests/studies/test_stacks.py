"""The plan of a sweep: stacks of one shape that follow from the list of runs alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.config import Config, config_from_mapping, identity, load_sweep
from rnnlab.studies.planning import find_existing, plan_sweep
from rnnlab.studies.stacks import (
    PlannedRun,
    Stack,
    cut,
    plan_fixed_stacks,
    plan_free_stacks,
    plan_run,
    plan_work,
    stack_count,
)
from rnnlab.training import available_engines, keeps_bits_in_any_stack, make_engine
from tests.studies.small import SMALL, small
from tests.studies.sweeping import EIGHT, RATES, sweep_here, write_config


def planned(*overrides: str, engine: str = "torch") -> PlannedRun:
    config = small(*overrides)
    return plan_run(config, identity(config), {}, engine)


def plan_stacks(runs: Sequence[PlannedRun]) -> list[Stack]:
    return plan_fixed_stacks(runs, range(len(runs)))


def many(count: int, *overrides: str) -> list[PlannedRun]:
    return [planned(*overrides, f"seed={seed}") for seed in range(count)]


SPLITTING = [
    "task.seq_len=5",
    "task.last_timestep_only=true",
    "model.cell=lstm",
    "model.cell=gru",
    "model.nonlinearity=relu",
    "model.hidden_size=4",
    "model.layers=2",
    "training.batches=13",
    "training.batch_size=5",
    "training.optimizer=sgd",
    "record.every=6",
    "training.schedule=cosine",
    "training.warm_up=5",
    "training.truncate=2",
    "training.regulariser=pascanu",
]

TOGETHER = [
    "seed=7",
    "model.weight_scale=2",
    "model.bias_scale=2",
    "model.input_scale=2",
    "model.readout_scale=2",
    "model.bias_std=2",
    "model.init=orthogonal",
    "training.learning_rate=0.5",
    "training.clip_norm=1",
    "record.sequences=4",
    "record.weights=true",
]


SPLITTING_OWN = {
    "model.leak=0.2": "model.cell=leaky",
    "model.step_size=0.2": "model.cell=antisymmetric",
    "model.diffusion=0.2": "model.cell=antisymmetric",
    "model.forget_bias=2": "model.cell=lstm",
    "model.least_radius=0.2": "model.cell=lru",
    "model.largest_radius=0.2": "model.cell=lru",
    "model.largest_phase=0.2": "model.cell=lru",
    "training.momentum=0.2": "training.optimizer=sgd",
    "training.smoothing=0.2": "training.optimizer=rmsprop",
    "training.weight_decay=0.2": "training.optimizer=adamw",
    "training.decay_every=2": "training.schedule=step",
    "training.decay_factor=0.2": "training.schedule=step",
    "training.final_share=0.2": "training.schedule=cosine",
    "training.omega_weight=0.2": "training.regulariser=pascanu",
}
"""Keys that a component brings, and what chooses it."""

TOGETHER_OWN = {
    "model.diagonal=0.2": "model.init=identity",
    "model.chrono_time=20": "model.init=chrono",
    "model.spectral_radius=0.2": "model.init=spectral",
}


@pytest.mark.parametrize(("override", "choice"), SPLITTING_OWN.items())
def test_what_a_component_computes_with_splits_a_stack(override: str, choice: str) -> None:
    assert planned(choice, override).shape != planned(choice).shape


@pytest.mark.parametrize(("override", "choice"), TOGETHER_OWN.items())
def test_what_a_start_draws_with_does_not(override: str, choice: str) -> None:
    one, other = (planned(choice, "model.cell=gru", *more) for more in ((), (override,)))
    assert one.shape == other.shape
    assert one.identity != other.identity


@pytest.mark.parametrize("override", SPLITTING)
def test_what_shapes_the_computation_splits_a_stack(override: str) -> None:
    runs = [*many(3), *many(3, override)]
    for stack in plan_stacks(runs):
        assert len({index < 3 for index in stack.runs}) == 1


@pytest.mark.parametrize("override", TOGETHER)
def test_what_every_net_has_for_itself_does_not(override: str) -> None:
    assert planned(override).shape == planned().shape
    assert planned(override).identity != planned().identity


def test_every_key_of_a_config_either_splits_a_stack_or_does_not() -> None:
    """A key that is added to the schema must be put on one of the two lists, and into the shape if need be."""
    keys = {key.partition("=")[0] for key in (*SPLITTING, *TOGETHER, *SPLITTING_OWN, *TOGETHER_OWN)}
    data = small().model_dump(exclude={"sweep", "name"})
    aside = {"task.kind", "record.quantities"}  # what is measured is no part of what a run is
    assert keys | aside == {f"{k}.{name}" for k, v in data.items() if k != "seed" for name in v} | {"seed"}


RUNS = st.lists(
    st.tuples(
        st.sampled_from(["model.hidden_size=3", "model.hidden_size=40", "model.cell=lstm", "training.batches=0"]),
        st.integers(0, 40),
    ),
    min_size=1,
    max_size=120,
)


@given(RUNS)
def test_every_run_is_in_one_stack_of_its_shape_within_the_limit_and_the_longest_come_first(
    chosen: list[tuple[str, int]],
) -> None:
    runs = [_PLANNED[override] for override, _ in chosen]
    stacks = plan_stacks(runs)
    assert sorted(index for stack in stacks for index in stack.runs) == list(range(len(runs)))
    sizes: dict[Any, list[int]] = {}
    for stack in stacks:
        (shape,) = {runs[index].shape for index in stack.runs}
        assert len(stack.runs) <= runs[stack.runs[0]].limit
        assert list(stack.runs) == sorted(stack.runs)
        sizes.setdefault(shape, []).append(len(stack.runs))
    assert all(max(each) - min(each) <= 1 for each in sizes.values())
    seconds = [stack.seconds for stack in stacks]
    assert seconds == sorted(seconds, reverse=True)
    assert plan_stacks(list(runs)) == stacks


_PLANNED = {
    override: planned(override)
    for override in ("model.hidden_size=3", "model.hidden_size=40", "model.cell=lstm", "training.batches=0")
}


def test_the_plan_is_the_same_whatever_exists(tmp_path: Path) -> None:
    """Half of the runs are there; the stacks are those of the whole list, and workers are told what to leave."""
    config = write_config(tmp_path, EIGHT.replace(RATES, "[0.01, 0.02, 0.03, 0.04]"))
    before = plan_sweep(load_sweep(config, []), tmp_path / "runs")
    half = ["training.learning_rate=0.01,0.03"]
    write_config(tmp_path, EIGHT.replace(RATES, "[0.01, 0.03]"))
    sweep_here(config, tmp_path / "runs")
    write_config(tmp_path, EIGHT.replace(RATES, "[0.01, 0.02, 0.03, 0.04]"))
    after = plan_sweep(load_sweep(config, []), tmp_path / "runs")
    assert (before.existing, after.existing) == ({}, {0: False, 2: False})
    assert plan_stacks(after.runs) == plan_stacks(before.runs)
    assert len(after.to_do) == 2
    part = plan_sweep(load_sweep(config, half), tmp_path / "runs")
    find_existing(part)
    assert part.to_do == []


@pytest.mark.parametrize("count", [4, 5, 31, 100, 129, 1000])
def test_the_stacks_of_a_single_shape_are_a_multiple_of_four(count: int) -> None:
    stacks = plan_stacks(many(1) * count)
    assert len(stacks) % 4 == 0
    assert max(len(stack.runs) for stack in stacks) <= 32


@pytest.mark.parametrize(("count", "stacks"), [(1, 1), (2, 2), (3, 3), (4, 4), (8, 4), (128, 4), (129, 8)])
def test_few_runs_still_feed_every_core(count: int, stacks: int) -> None:
    assert stack_count(count, 32, 1.0) == stacks


def test_a_shape_with_little_work_is_not_cut_up() -> None:
    assert stack_count(16, 32, 0.1) == 1
    assert stack_count(16, 32, 0.3) == 2
    assert stack_count(64, 32, 0.1) == 2
    runs = [*many(12, "training.batches=5000"), *many(12, "training.batches=1")]
    sizes = Counter(runs[stack.runs[0]].shape for stack in plan_stacks(runs))
    assert sizes == {runs[0].shape: 4, runs[12].shape: 1}


@given(RUNS, st.integers(1, 9), st.data())
def test_free_stacks_hold_what_is_to_do_once_and_no_stack_is_a_large_part_of_the_work(
    chosen: list[tuple[str, int]], workers: int, data: st.DataObject
) -> None:
    runs = [replace(_PLANNED[override], seed=seed % 3) for override, seed in chosen]
    to_do = sorted(data.draw(st.sets(st.sampled_from(range(len(runs))))))
    stacks = plan_free_stacks(runs, to_do, workers)
    assert sorted(index for stack in stacks for index in stack.runs) == to_do
    counts = Counter(runs[index].shape for index in to_do)
    for stack in stacks:
        assert len({runs[index].shape for index in stack.runs}) == 1
        assert len(stack.runs) <= 32
        assert [runs[index].seed for index in stack.runs] == sorted(runs[index].seed for index in stack.runs)
        assert len(stack.runs) <= 1 + counts[runs[stack.runs[0]].shape] // (4 * workers)
    seconds = [stack.seconds for stack in stacks]
    assert seconds == sorted(seconds, reverse=True)


def test_free_stacks_feed_sixteen_workers_and_let_nets_of_one_seed_draw_once() -> None:
    runs = [planned(f"training.learning_rate={rate}", f"seed={seed}") for rate in (0.1, 0.2) for seed in range(64)]
    assert {len(stack.runs) for stack in plan_free_stacks(runs, range(128), 16)} == {1, 2}
    first, *_, last = plan_free_stacks(runs, range(128), 2)
    assert [runs[index].seed for index in first.runs] == [seed for seed in range(8) for _ in range(2)]
    assert len(last.runs) == 1


def test_a_study_of_two_engines_is_cut_for_each_in_its_way() -> None:
    """What PyTorch trains is stacked whatever is to do; of what has its bits to itself, only what is to do."""
    torch, native = [[planned(f"seed={seed}", engine=engine) for seed in range(8)] for engine in ("torch", "native")]
    runs = [*torch, *native]
    stacks = plan_work(runs, [0, 8, 9], workers=2)
    assert {runs[index].engine for stack in stacks for index in stack.runs} == {"torch", "native"}
    assert all(len({runs[index].engine for index in stack.runs}) == 1 for stack in stacks)
    assert sorted(index for stack in stacks for index in stack.runs) == [*range(8), 8, 9]
    assert [stack.seconds for stack in stacks] == sorted((stack.seconds for stack in stacks), reverse=True)


@pytest.mark.parametrize("name", available_engines())
def test_what_planning_knows_of_an_engine_is_what_it_says_itself(name: str) -> None:
    assert keeps_bits_in_any_stack(name) == make_engine(name).any_stack


def test_large_nets_make_smaller_stacks_so_that_they_stay_in_the_cache() -> None:
    limits = [planned(f"model.hidden_size={size}", "training.batch_size=32").limit for size in (3, 64, 128, 1000)]
    assert limits[0] == 32
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] == 4


@given(st.integers(1, 300), st.integers(1, 40))
def test_a_list_is_cut_in_order_into_parts_that_differ_by_one_at_most(length: int, count: int) -> None:
    members = list(range(100, 100 + length))
    parts = cut(members, min(count, length))
    assert [member for part in parts for member in part] == members
    assert len(parts) == min(count, length)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    "override", ["seed=4294967295", "training.learning_rate=0.1", "model.weight_scale=0.3", *SPLITTING]
)
def test_a_planned_run_gives_its_config_again(override: str) -> None:
    config = small(override)
    run = plan_run(config, identity(config), {"seed": config.seed}, "torch")
    assert run.config() == config
    assert identity(run.config()) == run.identity == identity(config)
    assert run.label == f"seed={config.seed}"


def test_the_section_of_axes_does_not_enter_a_run() -> None:
    swept = config_from_mapping({**SMALL, "sweep": {"seeds": 3}})
    assert identity(swept) == planned().identity
    assert plan_run(swept, identity(swept), {}, "torch").config().sweep is None


def test_ten_thousand_runs_are_planned(tmp_path: Path) -> None:
    axes = ["training.learning_rate=linspace(0.01,0.5,1250)", "seed=range(0,8,1)"]
    sweep = load_sweep(write_config(tmp_path, EIGHT), axes)
    assert sweep.count == 10_000
    runs = [plan_run(run.config, run.identity, run.values, "torch") for run in sweep.walk()]
    assert len({run.identity for run in runs}) == 10_000
    stacks = plan_stacks(runs)
    assert sum(len(stack.runs) for stack in stacks) == 10_000
    assert len(stacks) == 316  # 313 of 32 at most, and a multiple of 4


@pytest.mark.parametrize(
    ("longer", "shorter"),
    [
        ("training.batches=5000", "training.batches=50"),
        ("model.layers=4", "model.layers=1"),
        ("task.seq_len=100", "task.seq_len=10"),
        ("model.cell=lstm", "model.cell=elman"),
        ("model.hidden_size=512", "model.hidden_size=32"),
    ],
)
@pytest.mark.parametrize("engine", ["torch", "native"])
def test_longer_runs_are_taken_for_longer(engine: str, longer: str, shorter: str) -> None:
    assert planned(longer, engine=engine).seconds > planned(shorter, engine=engine).seconds


def _size_of_folder(config: Config, folder: Path) -> int:
    from rnnlab.studies.run import run_one

    return sum(path.stat().st_size for path in run_one(config, runs=folder).run.path.iterdir())


@pytest.mark.parametrize(
    "overrides",
    [
        ("model.hidden_size=32",),
        ("model.hidden_size=32", "record.weights=true", "record.every=1"),
        ("model.cell=lstm", "model.layers=2", "model.hidden_size=16"),
        ("task.seq_len=200", "record.sequences=64", "record.every=2"),
        ("training.batches=0",),
    ],
)
def test_the_room_that_a_run_takes_is_estimated_within_a_factor_of_two(
    tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    size = _size_of_folder(small(*overrides), tmp_path)
    assert 0.5 * size <= planned(*overrides).bytes <= 2 * size + 16_384
