"""What the panels of a run draw is what the run's arrays hold: compared as numbers, not as pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from rnnlab.figures.forms import drawable
from rnnlab.figures.kinds.predictions import fresh_sequences
from rnnlab.figures.plane import draw_plane
from rnnlab.figures.run_figures import draw_run, run_figure_names
from rnnlab.figures.scales import classify
from rnnlab.figures.series import smooth
from rnnlab.figures.style import STYLES, using
from rnnlab.figures.subject import Subject
from rnnlab.figures.training_map import choose_rows, draw_map
from tests.figures.made import FLOORS, cells, make_config, make_metrics, make_run
from tests.reference import Net, unroll

STYLE = STYLES["screen"]


def panels(subject: Subject, kind: str) -> list[Axes]:
    """Give the panels of a figure that show something."""
    with using(STYLE):
        figure = draw_run(subject, STYLE, kind)
    return [axes for axes in figure.findobj(Axes) if isinstance(axes, Axes) and axes.get_label() != "<colorbar>"]


def curve(axes: Axes, label: str) -> np.ndarray:
    """Give the y data of the line of that name."""
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return np.asarray(line.get_ydata())


def sentence(axes: Axes) -> str:
    """Give what a panel says instead of drawing."""
    assert not axes.axison
    return " ".join(axes.texts[0].get_text().split())


def test_the_loss_is_drawn_as_it_is_with_its_running_mean_and_the_floors(tmp_path: Path) -> None:
    subject = Subject(make_run(tmp_path / "study", training__batches=200))
    (axes,) = panels(subject, "loss")
    losses = subject.metrics["loss"]
    assert np.array_equal(curve(axes, "each batch"), losses)
    assert np.allclose(curve(axes, "mean of 4")[50], losses[49:53].mean())
    assert axes.get_yscale() == "log"
    for name, floor in FLOORS.items():
        assert set(curve(axes, f"{name}: {floor:.3g}")) == {floor}


@pytest.mark.parametrize("window", [1, 2, 5, 40])
def test_the_running_mean_is_the_mean_of_what_the_window_holds(window: int) -> None:
    losses = np.random.default_rng(0).uniform(size=17).astype(np.float32)
    starts = [i - (window - 1) // 2 for i in range(17)]
    held = [[losses[k] for k in range(start, start + window) if 0 <= k < 17] for start in starts]
    assert np.allclose(smooth(losses, window), [np.mean(part, dtype=np.float64) for part in held])


def test_the_gradient_flow_has_a_line_for_each_of_a_few_records_in_every_layer(tmp_path: Path) -> None:
    subject = Subject(make_run(tmp_path / "study", model__layers=2, training__batches=200))
    drawn = panels(subject, "flow")
    assert subject.require("grad_norm").curves == [0, 4, 8, 12, 16, 20]
    for layer, axes in enumerate(drawn):
        assert axes.get_title(loc="left") == f"||dL/dh_t||, layer {layer}"
        assert (axes.get_yscale(), axes.get_xlabel(), axes.get_ylabel()) == ("log", "timestep t", "||dL/dh_t||")
        for record in subject.require("grad_norm").curves:
            assert np.array_equal(curve(axes, str(10 * record)), subject.metrics["grad_norm"][record, layer])


def test_an_lstm_has_dl_dc_beside_dl_dh(tmp_path: Path) -> None:
    subject = Subject(make_run(tmp_path / "study", model__cell="lstm", model__nonlinearity=None))
    of_h, of_c = panels(subject, "flow")
    assert [axes.get_ylabel() for axes in (of_h, of_c)] == ["||dL/dh_t||", "||dL/dc_t||"]
    assert np.array_equal(curve(of_c, "40"), subject.metrics["cell_grad_norm"][-1, 0])


def test_zeros_and_infinities_are_marked_and_not_floored(tmp_path: Path) -> None:
    metrics = make_metrics(make_config())
    metrics["grad_norm"][0, 0] = [0.0, 0.0, 1e-300, 1.0, np.inf]
    subject = Subject(make_run(tmp_path / "study", metrics=metrics))
    (axes,) = panels(subject, "flow")
    marks = {line.get_label(): line for line in axes.get_lines() if str(line.get_label()).startswith("_")}
    assert np.asarray(marks["_exactly 0"].get_xdata()).tolist() == [1, 2]
    assert np.asarray(marks["_infinite"].get_xdata()).tolist() == [5]
    assert axes.get_ylim()[0] < 1e-300
    assert not np.isfinite(axes.transScale.transform((1.0, 0.0))[1])  # a gap, not a line that falls off the page


def test_the_map_holds_every_logarithm_and_colours_what_has_none(tmp_path: Path) -> None:
    metrics = make_metrics(make_config())
    metrics["grad_norm"][0, 0, 0], metrics["grad_norm"][1, 0, 1], metrics["grad_norm"][2, 0, 2] = 0, np.inf, np.nan
    subject = Subject(make_run(tmp_path / "study", metrics=metrics))
    axes = next(axes for axes in panels(subject, "map"))
    logs, marks = (mesh for mesh in axes.collections if isinstance(mesh, QuadMesh))
    values_RT = metrics["grad_norm"][:, 0]
    shown = np.ma.getmaskarray(cells(logs))
    assert np.array_equal(shown, ~np.isfinite(values_RT) | (values_RT == 0))
    assert np.allclose(np.ma.getdata(cells(logs))[~shown], np.log10(values_RT[~shown]))
    kinds = np.ma.filled(cells(marks), -1)
    assert np.array_equal(kinds, classify(values_RT))
    assert (kinds[0, 0], kinds[1, 1], kinds[2, 2]) == (0, 1, 2)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["exactly 0", "infinite", "NaN"]  # type: ignore[union-attr]


def test_a_map_of_many_records_never_drops_the_one_with_a_zero() -> None:
    values_RT = np.ones((1000, 3))
    values_RT[77, 1] = 0
    rows = choose_rows(values_RT, 100)
    assert len(rows) == 100
    assert 77 in rows
    assert choose_rows(values_RT[:50], 100) == list(range(50))


def test_the_map_after_divergence_is_marked_as_nan(tmp_path: Path) -> None:
    subject = Subject(make_run(tmp_path / "study", diverged_at=12, training__batches=200))
    with using(STYLE):
        axes = Figure().subplots()
        draw_map(axes, subject, STYLE, drawable()["grad_norm"], 0)
    marks = axes.collections[1]
    assert isinstance(marks, QuadMesh)
    assert np.array_equal(np.ma.filled(cells(marks), -1)[:, 0], [-1, -1, 2, 2])


def test_eigenvalues_of_the_first_and_the_last_record_stand_in_the_plane(tmp_path: Path) -> None:
    subject = Subject(make_run(tmp_path / "study"))
    with using(STYLE):
        axes = Figure().subplots()
        draw_plane(axes, subject, STYLE, drawable()["eigenvalues"], 0)
    for label, record in (("update 0", 0), ("update 40", -1)):
        (line,) = [line for line in axes.get_lines() if line.get_label() == label]
        values_H = subject.metrics["eigenvalues"][record, 0]
        assert np.array_equal(np.asarray(line.get_xdata()) + 1j * np.asarray(line.get_ydata()), values_H)
    (circle,) = axes.patches
    assert circle.get_path().get_extents(circle.get_patch_transform()).width == pytest.approx(2)
    assert axes.get_box_aspect() == 1


def test_the_spectral_radius_is_not_the_spectral_norm(tmp_path: Path) -> None:
    subject = Subject(make_run(tmp_path / "study"))
    (axes,) = panels(subject, "spectrum")
    assert np.array_equal(curve(axes, "spectral radius"), np.abs(subject.metrics["eigenvalues"][:, 0]).max(axis=-1))
    assert np.array_equal(curve(axes, "spectral norm"), subject.metrics["singular_values"][:, 0, 0])


def test_hidden_norms_are_drawn(tmp_path: Path) -> None:
    subject = Subject(make_run(tmp_path / "study"))
    (axes,) = panels(subject, "hidden")
    assert np.array_equal(curve(axes, "0"), subject.metrics["hidden_norm"][0, 0])


def test_predictions_are_those_of_the_final_weights_on_sequences_of_their_own(tmp_path: Path) -> None:
    subject = Subject(make_run(tmp_path / "study", task__last_timestep_only=True))
    drawn = panels(subject, "predictions")
    inputs_BTI, targets_BTO = fresh_sequences(subject)
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([0, 3])))
    assert np.array_equal(inputs_BTI[..., 0], generator.standard_normal((4, 5), dtype=np.float32))
    weights = {k.removeprefix("final/"): v.astype(np.float64) for k, v in subject.run.weights.items()}
    expected_BTO = unroll(Net("elman", "tanh", 1, 4), weights, inputs_BTI.astype(np.float64)).predictions
    for i, axes in enumerate(drawn):
        assert np.array_equal(curve(axes, "input x_t"), inputs_BTI[i, :, 0])
        assert np.array_equal(curve(axes, "target y_t"), targets_BTO[i, :, 0])
        assert np.allclose(curve(axes, "prediction"), expected_BTO[i, :, 0], rtol=0, atol=1e-12)
        assert list(curve(axes, "target at T")) == [targets_BTO[i, -1, 0]]


@pytest.mark.parametrize("last", [False, True])
def test_predictions_of_classes_are_their_probabilities_with_a_ring_around_the_right_one(
    tmp_path: Path, last: bool
) -> None:
    task = {"kind": "bigram", "seq_len": 5, "vocabulary": 3, "last_timestep_only": last}
    subject = Subject(make_run(tmp_path / "study", task=task))
    inputs_BTI, classes_BT = fresh_sequences(subject)
    weights = {k.removeprefix("final/"): v.astype(np.float64) for k, v in subject.run.weights.items()}
    exponentials_BTO = np.exp(unroll(Net("elman", "tanh", 1, 4), weights, inputs_BTI.astype(np.float64)).predictions)
    drawn = panels(subject, "predictions")
    assert [axes.get_title(loc="left") for axes in drawn] == [f"Fresh sequence {i}" for i in (1, 2, 3, 4)]
    for i, axes in enumerate(drawn):
        (mesh,) = axes.findobj(QuadMesh)
        assert isinstance(mesh, QuadMesh)
        probabilities_TO = exponentials_BTO[i] / exponentials_BTO[i].sum(axis=-1, keepdims=True)
        assert np.allclose(cells(mesh), probabilities_TO.T, rtol=0, atol=1e-12)
        (rings,) = axes.get_lines()
        first = 4 if last else 0
        assert np.array_equal(rings.get_xdata(), np.arange(first, 5) + 1)
        assert np.array_equal(rings.get_ydata(), classes_BT[i, first:])


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    lstm = Subject(make_run(tmp_path / "lstm", model__cell="lstm", model__nonlinearity=None))
    untrained = Subject(make_run(tmp_path / "untrained", training__batches=0))
    at_once = Subject(make_run(tmp_path / "at-once", diverged_at=0))
    assert sentence(panels(lstm, "eigenvalues")[0]) == "No eigenvalues: no single matrix governs an LSTM."
    assert sentence(panels(untrained, "map")[0]) == "No map over training: there is only one record."
    assert sentence(panels(untrained, "loss")[0]).startswith("No loss curve: nothing was trained (batches: 0).")
    assert sentence(panels(at_once, "loss")[0]) == "No loss curve: the first loss was not finite already."
    said = "No map over training: there is only one record before the run diverged."
    assert sentence(panels(at_once, "map")[0]) == said


def test_the_title_says_what_diverged(tmp_path: Path) -> None:
    subject = Subject(make_run(tmp_path / "study", diverged_at=25, label="a=$1$"))
    with using(STYLE):
        figure = draw_run(subject, STYLE, "loss")
    assert figure.get_suptitle().splitlines()[0] == r"study: a=_1_" or r"\$" in figure.get_suptitle()
    assert "diverged at update 25 of 40" in figure.get_suptitle().replace("\n", " ")


@pytest.mark.parametrize("kind", run_figure_names())
def test_every_kind_draws_something(tmp_path: Path, kind: str) -> None:
    assert panels(Subject(make_run(tmp_path / "study")), kind)
