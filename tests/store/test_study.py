"""open_study: arrays whose leading axes are what was swept, equal to the runs' own, NaN where there is none."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

import rnnlab
from rnnlab.store import MissingRunError, StoreError, Study, open_study
from rnnlab.store.swept import axis_values
from rnnlab.studies.run import run_one
from tests.studies.small import DIVERGING, small

SCALES, KINDS, SEEDS = (0.5, 1.0, 2.0), ("identity", "tanh"), (0, 3)
MISSING = (1.0, "tanh", 3)


def make(folder: Path, *overrides: str) -> None:
    run_one(small("training.batches=6", *overrides), runs=folder)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a study of all combinations but one."""
    folder = tmp_path_factory.mktemp("runs")
    for scale in reversed(SCALES):
        for kind in KINDS:
            for seed in SEEDS:
                if (scale, kind, seed) != MISSING:
                    make(folder, f"model.weight_scale={scale}", f"model.nonlinearity={kind}", f"seed={seed}")
    return folder / "study"


@pytest.fixture
def study(path: Path) -> Study:
    return open_study(path)


def test_axes_are_what_was_swept_in_the_order_of_the_config_and_seed_comes_last(study: Study) -> None:
    assert list(study.axes.items()) == [
        ("model.nonlinearity", KINDS),
        ("model.weight_scale", SCALES),
        ("seed", SEEDS),
    ]
    assert len(study) == 11
    assert repr(study).endswith("11 runs, {model.nonlinearity: 2, model.weight_scale: 3, seed: 2})")


@pytest.mark.parametrize("name", ["loss", "probe_loss", "grad_norm", "eigenvalues", "step", "param_grad_norm"])
def test_arrays_are_those_of_the_runs_and_nan_where_there_is_none(study: Study, name: str) -> None:
    array = study[name]
    seen = np.zeros(array.shape[:3], dtype=bool)
    for run in study.runs:
        model = run.info["config"]["model"]
        place = (KINDS.index(model["nonlinearity"]), SCALES.index(model["weight_scale"]), SEEDS.index(run.info["seed"]))
        np.testing.assert_array_equal(array[place], run.metrics[name])
        seen[place] = True
    assert np.isnan(array[~seen]).all()
    assert np.argwhere(~seen).tolist() == [[1, 1, 1]]
    assert array.shape[3:] == study.runs[0].metrics[name].shape


def test_types_are_those_of_the_runs_and_whole_numbers_become_floats(study: Study) -> None:
    kinds = {name: study[name].dtype for name in ("loss", "grad_norm", "eigenvalues", "step", "final_loss")}
    assert kinds == {"loss": "f4", "grad_norm": "f8", "eigenvalues": "c16", "step": "f8", "final_loss": "f8"}


def test_numbers_of_the_summary_have_the_swept_axes_alone(study: Study) -> None:
    losses = study["final_loss"]
    assert losses.shape == (2, 3, 2)
    assert int(np.isnan(losses).sum()) == 1
    told = sorted(run.summary["final_loss"] for run in study.runs)
    assert sorted(losses[~np.isnan(losses)].tolist()) == told


@pytest.mark.parametrize("name", ["nothing", "param_names", "cell_grad_norm", "flags"])
def test_a_name_that_no_run_has_as_numbers_is_a_key_error(study: Study, name: str) -> None:
    with pytest.raises(KeyError, match=name):
        study[name]


def test_select_takes_a_value_or_several_and_drops_the_axes_that_are_left_with_one(study: Study) -> None:
    tanh = study.select({"model.nonlinearity": "tanh"})
    assert list(tanh.axes) == ["model.weight_scale", "seed"]
    np.testing.assert_array_equal(tanh["probe_loss"], study["probe_loss"][1])
    some = study.select({"model.weight_scale": [0.5, 2.0], "seed": 3})
    assert some.axes == {"model.nonlinearity": KINDS, "model.weight_scale": (0.5, 2.0)}
    np.testing.assert_array_equal(some["probe_loss"], study["probe_loss"][:, ::2, 1])
    (one,) = some.select({"model.weight_scale": 2, "model.nonlinearity": ("tanh",)}).runs
    assert one.info["config"]["model"]["weight_scale"] == 2.0
    assert len(study.select({"seed": range(3)})) == 6
    with pytest.raises(StoreError, match=r"has seed=17; they have 0, 3"):
        study.select({"seed": 17})


def test_select_by_an_unknown_key_names_what_was_swept(study: Study) -> None:
    with pytest.raises(
        KeyError, match=r"no run has the key 'weight_scale'; swept here: model\.nonlinearity, model\.weight"
    ):
        study.select({"weight_scale": 1.0})


def test_one_run_has_no_axes(tmp_path: Path) -> None:
    make(tmp_path)
    study = open_study(tmp_path / "study")
    assert study.axes == {}
    np.testing.assert_array_equal(study["grad_norm"], study.runs[0].metrics["grad_norm"])


def test_shapes_that_differ_are_a_sentence_that_says_how_to_choose(tmp_path: Path) -> None:
    make(tmp_path)
    make(tmp_path, "task.seq_len=7")
    study = open_study(str(tmp_path / "study"))
    assert study.axes == {"task.seq_len": (4, 7)}
    with pytest.raises(StoreError) as refused:
        study["grad_norm"]
    assert str(refused.value) == (
        f"the runs of {study.path} have grad_norm in different shapes, [(3, 1, 4), (3, 1, 7)]; "
        "choose runs of one shape with select, e.g. study.select({'task.seq_len': 4})"
    )
    assert study["probe_loss"].shape == (2, 3)
    assert study.select({"task.seq_len": 7})["grad_norm"].shape == (3, 1, 7)


@pytest.mark.parametrize(
    ("overrides", "advice"),
    [
        ([["seed=1"], ["seed=2", "record.every=1"], ["seed=3", "record.every=1"]], "record.every"),
        ([["seed=1"], ["seed=2", "model.layers=2"], ["seed=3"]], "model.layers"),
        ([[], ["task.seq_len=7"], ["record.every=1"]], "task.seq_len record.every"),
    ],
)
def test_the_advice_about_shapes_names_what_differs_and_helps(
    tmp_path: Path, overrides: list[list[str]], advice: str
) -> None:
    for each in overrides:
        make(tmp_path, *each)
    study = open_study(tmp_path / "study")
    with pytest.raises(StoreError) as refused:
        study["grad_norm"]
    wanted = ast.literal_eval(str(refused.value).partition("study.select(")[2].removesuffix(")"))
    assert sorted(wanted) == sorted(advice.split())
    assert study.select(wanted)["grad_norm"].ndim >= 3


def test_cells_of_which_only_one_has_a_quantity(tmp_path: Path) -> None:
    for cell in ("elman", "lstm"):
        make(tmp_path, f"model.cell={cell}")
    study = open_study(tmp_path / "study")
    assert study.axes == {"model.cell": ("elman", "lstm"), "model.nonlinearity": ("tanh", None)}
    assert study["cell_grad_norm"].shape == (2, 2, 3, 1, 4)
    assert np.isnan(study["cell_grad_norm"][0]).all()
    assert np.isfinite(study["cell_grad_norm"][1, 1]).all()
    assert np.isfinite(study["final_spectral_radius"][0, 0])
    assert np.isnan(study["final_spectral_radius"][1, 1])


def test_a_diverged_run_is_there_with_its_nan(tmp_path: Path) -> None:
    run_one(small(*DIVERGING), runs=tmp_path)
    run_one(small(*DIVERGING, "seed=1"), runs=tmp_path)
    study = open_study(tmp_path / "study")
    assert np.isfinite(study["grad_norm"][:, 0]).all()
    assert np.isnan(study["grad_norm"][:, -1]).all()


def test_damaged_runs_are_named_and_left_out(tmp_path: Path) -> None:
    for seed in range(3):
        make(tmp_path, f"seed={seed}")
    lost = open_study(tmp_path / "study").runs[1].path
    (lost / "metrics.npz").unlink()
    study = open_study(tmp_path / "study")
    assert study.damaged == {lost.name: "metrics.npz is missing"}
    assert len(study) == 2
    assert len(study.axes["seed"]) == 2


def test_a_study_of_which_every_run_is_damaged_can_be_opened(tmp_path: Path) -> None:
    make(tmp_path)
    (folder,) = (tmp_path / "study").glob("*-*")
    (folder / "run.json").write_text("{")
    study = open_study(tmp_path / "study")
    assert (len(study), study.axes, list(study.damaged)) == (0, {}, [folder.name])
    with pytest.raises(KeyError):
        study["loss"]


def test_a_folder_without_runs_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(MissingRunError, match="holds no runs; rnnlab ls shows what there is"):
            open_study(path)


def test_values_of_any_kind_are_sorted() -> None:
    def values(*given: object) -> tuple[object, ...]:
        return axis_values(["key"], [{"key": value} for value in given])["key"]

    assert values("b", None, 2, 0.5, "a", 2) == (0.5, 2, "a", "b", None)
    assert values(True, False) == (False, True)
    assert values(-1.0, 0.0, 1.0) == (-1.0, 0.0, 1.0)


def test_without_pandas_it_says_how_to_install_it(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(StoreError, match=r"^to_pandas needs pandas: pip install 'rnnlab\[pandas\]'$"):
        study.to_pandas()


def test_with_pandas_it_is_the_index(study: Study) -> None:
    pytest.importorskip("pandas")
    frame = study.to_pandas()
    assert len(frame) == 11
    assert list(frame.columns)[:5] == ["run", "status", "model.nonlinearity", "model.weight_scale", "seed"]


def test_it_is_a_public_name(path: Path) -> None:
    assert rnnlab.open_study(path).axes == open_study(path).axes


def test_a_sweep_from_python_gives_the_study(tmp_path: Path) -> None:
    config = tmp_path / "here.yaml"
    config.write_text("task: {seq_len: 4}\nmodel: {hidden_size: 3}\ntraining: {batches: 4}\nsweep: {seeds: 3}\n")
    study = rnnlab.sweep(config, ["model.layers=1,2"], runs=tmp_path / "runs", jobs=2)
    assert study.axes == {"model.layers": (1, 2), "seed": (0, 1, 2)}
    assert study["loss"].shape == (2, 3, 4)
    with pytest.raises(StoreError, match=r"^1 runs failed, the first, .*metrics\.npz is missing"):
        (study.runs[0].path / "metrics.npz").unlink()
        rnnlab.sweep(config, ["model.layers=1,2"], runs=tmp_path / "runs", jobs=1)
