"""Every label of every figure lies inside it, and no two overlap: over cells, layers, lengths, ends and styles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.figures.collection import Collection
from rnnlab.figures.placing import place_figures
from rnnlab.figures.run_figures import draw_run, run_figure_names
from rnnlab.figures.style import STYLES, using
from rnnlab.figures.subject import Subject
from rnnlab.figures.sweep_figures import draw_sweep
from rnnlab.figures.wish import Wish
from tests.figures.made import assert_readable, make_config, make_metrics, make_run, make_sweep

CASES: dict[str, dict[str, Any]] = {
    "elman": {},
    "lstm": {"model__cell": "lstm", "model__nonlinearity": None, "task__last_timestep_only": True},
    "gru": {"model__cell": "gru", "model__nonlinearity": None},
    "elman of three layers": {"model__layers": 3},
    "lstm of three layers": {"model__cell": "lstm", "model__nonlinearity": None, "model__layers": 3},
    "diverged": {"diverged_at": 25},
    "diverged at once": {"diverged_at": 0},
    "one record": {"training__batches": 0},
    "classes": {"task": {"kind": "bigram", "seq_len": 5, "vocabulary": 12, "last_timestep_only": False}},
    "one timestep": {"task__seq_len": 1, "task__last_timestep_only": True},
    "two hundred timesteps": {"task__seq_len": 200},
    "long": {"training__batches": 123456, "record__every": 10000, "label": "weight_scale=1.5," * 8},
}


def nothing(_: str) -> None:
    raise AssertionError("nothing is damaged here")


@pytest.mark.parametrize("name", CASES)
def test_the_overview_can_be_read(tmp_path: Path, name: str) -> None:
    with using(STYLES["screen"]):
        assert_readable(draw_run(Subject(make_run(tmp_path / "study", **CASES[name])), STYLES["screen"]))


@pytest.mark.parametrize("kind", run_figure_names()[1:])
@pytest.mark.parametrize("name", ["elman", "lstm of three layers", "diverged at once"])
def test_each_panel_alone_can_be_read(tmp_path: Path, name: str, kind: str) -> None:
    with using(STYLES["paper"]):
        assert_readable(draw_run(Subject(make_run(tmp_path / "study", **CASES[name])), STYLES["paper"], kind))


@pytest.mark.parametrize("style", STYLES)
def test_every_style_can_be_read(tmp_path: Path, style: str) -> None:
    with using(STYLES[style]):
        assert_readable(draw_run(Subject(make_run(tmp_path / "study", model__layers=2)), STYLES[style]))


def test_zeros_infinities_and_the_ends_of_float64_can_be_read(tmp_path: Path) -> None:
    metrics = make_metrics(make_config())
    metrics["grad_norm"][0, 0] = [0.0, 5e-324, 1.0, 1.7e308, np.inf]
    metrics["grad_norm"][1, 0] = 0.0
    metrics["grad_norm"][2, 0] = np.nan
    metrics["hidden_norm"][0, 0, 0] = np.inf
    with using(STYLES["screen"]):
        assert_readable(draw_run(Subject(make_run(tmp_path / "study", metrics=metrics)), STYLES["screen"]))


SWEEPS: dict[str, dict[str, list[Any]]] = {
    "seeds alone": {},
    "numbers": {"model__weight_scale": [0.25 * i for i in range(1, 13)]},
    "words": {"model__cell": ["elman", "lstm", "gru"]},
    "two axes": {"model__weight_scale": [0.5, 1.0, 1.5, 2.0], "model__nonlinearity": ["tanh", "relu", "identity"]},
    "three axes": {
        "model__weight_scale": [0.5, 1.0, 2.0],
        "model__nonlinearity": ["tanh", "relu"],
        "training__learning_rate": [0.001, 0.01, 0.1],
    },
    "lengths": {"task__seq_len": [1, 5, 40]},
    "untrained": {"training__batches": [0], "model__weight_scale": [0.5, 1.0]},
}


@pytest.mark.parametrize("name", SWEEPS)
def test_the_figures_of_a_sweep_can_be_read(tmp_path: Path, name: str) -> None:
    runs = make_sweep(tmp_path / "study", **SWEEPS[name])
    runs.append(make_run(tmp_path / "study", seed=9, model__weight_scale=1.0, diverged_at=25))
    collection, style = Collection("study", runs), STYLES["screen"]
    with using(style):
        for placing in place_figures(collection, Wish()):
            assert_readable(draw_sweep(collection, placing, style, nothing))


def test_a_sweep_can_be_read_on_paper(tmp_path: Path) -> None:
    collection = Collection("study", make_sweep(tmp_path / "study", **SWEEPS["two axes"]))
    with using(STYLES["paper"]):
        for placing in place_figures(collection, Wish()):
            assert_readable(draw_sweep(collection, placing, STYLES["paper"], nothing))
