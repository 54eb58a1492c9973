"""A group of quantities that this file alone declares: it arrives in the run folder, and wherever runs are shown.

Nothing of rnnlab is changed or replaced: what a new quantity takes is one declaration.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rnnlab.cli.export import describe_tables
from rnnlab.flow import GROUPS, Axis, Group, Problem, Quantity, Summary, Table, describe_numbers, describe_quantities
from rnnlab.flow.quantity import FLOW, LAYER, RECORD, Arrays, Sizes
from rnnlab.nets import CELLS
from rnnlab.registry import UnknownNameError
from rnnlab.store import Run, Study, open_study
from rnnlab.studies.costs import folder_bytes, run_seconds
from rnnlab.studies.run import run_one
from tests.cli.conftest import Call
from tests.studies.small import DIVERGING, small

LAG = Axis("lag", "K", "lag_from_0", "lag k", length=lambda sizes: sizes.timesteps)
LAGS = Table("distances", (RECORD, LAYER, LAG))


def _reach(arrays: Arrays, _floors: Mapping[str, float]) -> float:
    """Give the lag by which half of the norms is reached, at the last record of layer 0."""
    shares_K = np.cumsum(arrays["distance_norm"][-1, 0]) / arrays["distance_norm"][-1, 0].sum()
    return float(np.argmax(shares_K >= 0.5))


class Distances(Group):
    """The gradient norms by their distance from the end, of the first and the last record only."""

    name: ClassVar[str] = "distances"
    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity("distance_norm", "||dL/dh_(T-k)||", LAGS, "norm at distance k from the end", unit="l2", scale="log"),
        Quantity("square_norm", "||dL/dh_t||^2", FLOW, "square of the mean norm", scale="log"),
    )
    summaries: ClassVar[tuple[Summary, ...]] = (
        Summary(
            "final_reach", "reach", "lag of half the norms", _reach, needs="distance_norm", unit="steps", short="r"
        ),
        Summary("final_nothing", "nothing", "never finite", lambda *_: float("nan"), record=-1),
    )

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        norms_SLT = problem.grad_norms_SLTB.mean(dim=-1).numpy()
        return {"distance_norm": norms_SLT[..., ::-1], "square_norm": norms_SLT**2}

    def records(self, count: int, _timesteps: int) -> Sequence[int]:
        return sorted({0, count - 1})

    def training_steps(self, sizes: Sizes) -> float:
        return 1000.0 * sizes.records


@pytest.fixture
def declared() -> Iterator[None]:
    with GROUPS.extended(Distances()):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a study of two runs, made while the group is declared."""
    runs = tmp_path_factory.mktemp("runs")
    with GROUPS.extended(Distances()):
        for seed in (0, 1):
            run_one(small(f"seed={seed}"), runs=runs)
    return runs / "study"


@pytest.fixture
def runs(folder: Path) -> list[Run]:
    return open_study(folder).runs


def _csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_it_has_a_file_of_its_own_in_the_run_folder_with_its_own_step(runs: list[Run]) -> None:
    for run in runs:
        assert list(run.info["files"]) == [
            "config.yaml",
            "metrics.npz",
            "exponent.npz",
            "distances.npz",
            "weights.npz",
        ]
        run.verify()
        assert_array_equal(run["step"], [0, 5, 10, 12])
        assert_array_equal(run.group("distances")["step"], [0, 12])
        assert set(run.metrics).isdisjoint({"distance_norm", "square_norm"})


def test_its_numbers_are_those_of_the_base_seen_from_the_end(runs: list[Run]) -> None:
    for run in runs:
        norms_RLT = run["grad_norm"][[0, -1]]
        assert_array_equal(run["distance_norm"], norms_RLT[..., ::-1])
        assert_array_equal(run["square_norm"], norms_RLT**2)
        assert run.summary["final_nothing"] is None


def test_a_study_gives_its_arrays_and_its_numbers_by_name(folder: Path, runs: list[Run]) -> None:
    study: Study = open_study(folder)
    assert_array_equal(study["distance_norm"], np.stack([run["distance_norm"] for run in runs]))
    assert_array_equal(study["final_reach"], [run.summary["final_reach"] for run in runs])
    with pytest.raises(KeyError):
        study["distance"]


@pytest.mark.usefixtures("declared")
def test_its_table_is_exported(call: Call, folder: Path, runs: list[Run]) -> None:
    rows = _csv(call("export", folder, "--table", "distances").out)
    assert list(rows[0]) == ["run", "seed", "update", "layer_from_0", "lag_from_0", "distance_norm_l2"]
    assert [int(row["lag_from_0"]) for row in rows[:4]] == [0, 1, 2, 3]
    assert {row["update"] for row in rows} == {"0", "12"}
    values = np.concatenate([run["distance_norm"].ravel() for run in runs])
    assert_array_equal([float(row["distance_norm_l2"]) for row in rows], values)
    as_json = json.loads(call("export", folder, "--table", "distances", "--format", "json").out)
    assert_array_equal([row["distance_norm_l2"] for row in as_json], values)


@pytest.mark.usefixtures("declared")
def test_its_column_stands_in_the_table_of_flow_where_it_was_measured(
    call: Call, folder: Path, runs: list[Run]
) -> None:
    rows = _csv(call("export", folder).out)
    assert list(rows[0])[-1] == "square_norm"
    assert [row["square_norm"] == "" for row in rows] == [row["update"] in {"5", "10"} for row in rows]
    found = [float(row["square_norm"]) for row in rows if row["square_norm"]]
    assert_array_equal(found, np.concatenate([run["square_norm"].ravel() for run in runs]))
    assert [float(row["grad_norm_l2"]) for row in rows[:16]] == runs[0]["grad_norm"].ravel().tolist()


@pytest.mark.usefixtures("declared")
def test_its_number_is_a_column_of_the_index(call: Call, folder: Path, runs: list[Run]) -> None:
    reach = [run.summary["final_reach"] for run in runs]
    assert [float(row["final_reach"]) for row in _csv((folder / "index.csv").read_text())] == reach
    assert [float(row["final_reach"]) for row in _csv(call("ls", folder, "--csv").out)] == reach
    assert call("ls", folder).out.splitlines()[0].split()[-1] == "r"
    assert len(call("ls", folder, "--where", "final_reach>=0").out.splitlines()) == 3
    assert len(call("ls", folder, "--where", "final_reach>100").out.splitlines()) == 1
    listed = _csv(call("ls", folder, "--sort", "final_reach", "--csv").out)
    assert [float(row["final_reach"]) for row in listed] == sorted(reach)


@pytest.mark.usefixtures("declared")
def test_it_is_shown_with_its_run(call: Call, runs: list[Run]) -> None:
    assert re.search(rf"^reach +{runs[0].summary['final_reach']:g} +steps$", call("show", runs[0].path).out, re.M)


@pytest.mark.usefixtures("declared")
def test_it_is_described(call: Call) -> None:
    (arrays,) = [each for each in describe_quantities() if each.name == "distance_norm"]
    assert (arrays.shape, arrays.file, arrays.column) == ("(R,L,K) f8", "distances.npz", "distance_norm_l2")
    assert set(arrays.cells) == set(CELLS)
    assert arrays.axes == ("record", "layer", "lag")
    assert "final_reach" in [each.name for each in describe_numbers()]
    listed = call("validate", "--quantities").out
    assert "  distance_norm  (||dL/dh_(T-k)||; by record, layer, lag; unit l2)\n" in listed


@pytest.mark.usefixtures("declared")
def test_the_help_of_export_lists_its_table() -> None:
    assert "distances   update, layer, lag: distance_norm" in describe_tables()


def test_estimates_count_it() -> None:
    config = small()
    assert Distances().bytes(Sizes(4, 1, 4, 3, 6, 3, 12)) == 2 * 8 * 4 * 4
    without = folder_bytes(config), run_seconds(config, "torch")
    with GROUPS.extended(Distances()):
        assert folder_bytes(config) > without[0]
        assert run_seconds(config, "torch") > without[1] + 0.03  # 1000 updates for each of 4 records


@pytest.mark.usefixtures("declared")
def test_after_a_divergence_it_is_nan(tmp_path: Path) -> None:
    run = run_one(small(*DIVERGING), runs=tmp_path).run
    assert run.status == "diverged"
    assert run["distance_norm"].shape == (2, 1, 4)
    assert np.isfinite(run["distance_norm"][0]).all()
    assert np.isnan(run["distance_norm"][1]).all()


def test_where_it_is_not_declared_any_more_its_runs_still_show_what_they_hold(
    call: Call, folder: Path, runs: list[Run]
) -> None:
    assert "distances" not in GROUPS
    assert runs[0]["distance_norm"].shape == (2, 1, 4)
    reach = [str(run.summary["final_reach"]) for run in runs]
    assert [row["final_reach"] for row in _csv(call("ls", folder, "--csv").out)] == reach
    assert "square_norm" not in call("export", folder).out
    assert call("export", folder, "--table", "distances").code == 2


def test_what_a_run_does_not_have_is_a_sentence_and_a_key_error(runs: list[Run]) -> None:
    with pytest.raises(
        UnknownNameError,
        match="has no array 'nothing'; it has distance_norm, eigenvalues, exponent, exponent_stderr, grad_log_high",
    ):
        runs[0]["nothing"]
    with pytest.raises(KeyError):
        runs[0].group("nothing")


class Careless(Distances):
    """A group that computes what it does not declare."""

    name: ClassVar[str] = "careless"
    quantities: ClassVar[tuple[Quantity, ...]] = (Quantity("distance_norm", "d", FLOW, "of another shape"),)

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        return {"distance_norm": problem.grad_norms_SLTB.numpy()}


def test_an_array_of_another_shape_than_declared_is_refused(tmp_path: Path) -> None:
    message = r"'distance_norm' is declared as \(R,L,T\) f8, and its shape is \(2, 1, 4, 3\)"
    with GROUPS.extended(Careless()), pytest.raises(ValueError, match=message):
        run_one(small(), runs=tmp_path)


class Undeclared(Distances):
    """A group that computes an array which it does not declare."""

    name: ClassVar[str] = "undeclared"
    quantities: ClassVar[tuple[Quantity, ...]] = ()


def test_an_array_that_is_not_declared_is_refused(tmp_path: Path) -> None:
    message = "the group 'undeclared' computes 'distance_norm', which is none of its quantities"
    with GROUPS.extended(Undeclared()), pytest.raises(ValueError, match=message):
        run_one(small(), runs=tmp_path)
