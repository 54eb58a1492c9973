"""Figures of many runs: which axis goes where, and that medians, bands and marks are those of the runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from rnnlab.figures.collection import Collection
from rnnlab.figures.errors import FigureError
from rnnlab.figures.kinds.phase import cell_table, make_norm, map_of
from rnnlab.figures.kinds.quantity import summarise
from rnnlab.figures.overlays import median
from rnnlab.figures.placing import place_figures
from rnnlab.figures.style import STYLES, using
from rnnlab.figures.sweep_figures import draw_sweep
from rnnlab.figures.wish import Placing, Wish
from rnnlab.store import Run
from tests.figures.made import cells, make_run, make_sweep

STYLE = STYLES["screen"]
SCALES = [0.5, 1.0, 2.0]
TWO_AXES: dict[str, list[Any]] = {"model__weight_scale": SCALES, "model__nonlinearity": ["relu", "tanh"]}


@pytest.fixture
def two_axes(tmp_path: Path) -> Collection:
    """Give twelve runs of two axes and two seeds, and one of the cells diverged in one seed of three."""
    study = tmp_path / "study"
    runs = make_sweep(study, **TWO_AXES)
    runs.append(make_run(study, seed=2, model__weight_scale=2.0, diverged_at=25, model__nonlinearity="tanh"))
    return Collection("study", runs)


def draw(collection: Collection, wish: Wish) -> Figure:
    (placing,) = place_figures(collection, wish)
    complaints: list[str] = []
    with using(STYLE):
        figure = draw_sweep(collection, placing, STYLE, complaints.append)
    assert complaints == []
    return figure


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def of(collection: Collection, **wanted: Any) -> list[Run]:
    keys = {"scale": "model.weight_scale", "nonlinearity": "model.nonlinearity"}
    return [m.run for m in collection.runs if all(m.flat[keys[k]] == v for k, v in wanted.items())]


def test_defaults_put_the_longest_axis_across_and_the_next_into_colour(two_axes: Collection) -> None:
    plans = {placing.kind: placing for placing in place_figures(two_axes, Wish())}
    scale, nonlinearity = "model.weight_scale", "model.nonlinearity"
    shown = ("final_loss", "final_gradient_slope")
    assert plans == {
        "quantity": Placing("quantity", scale, None, nonlinearity, None, shown),
        "flow": Placing("flow", None, "grad_norm", scale, nonlinearity),
        "loss": Placing("loss", None, None, scale, nonlinearity),
        "phase": Placing("phase", scale, nonlinearity, None, None, shown),
    }


@pytest.mark.parametrize(
    ("wish", "kind"),
    [
        (Wish(y="final_spectral_radius"), "quantity"),
        (Wish(x="seed"), "quantity"),
        (Wish(y="hidden-norm"), "flow"),
        (Wish(x="weight_scale", y="nonlinearity"), "phase"),
        (Wish(hue="final_loss"), "phase"),
    ],
)
def test_the_kind_follows_from_what_is_asked_for(two_axes: Collection, wish: Wish, kind: str) -> None:
    assert [placing.kind for placing in place_figures(two_axes, wish)] == [kind]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish(kind="flo"), "--kind: got 'flo'; valid: quantity, flow, loss, phase. Did you mean 'flow'?"),
        (
            Wish(x="weight_scal"),
            "--x: got 'weight_scal'; valid: model.nonlinearity, model.weight_scale, seed. "
            "Did you mean 'model.weight_scale'?",
        ),
        (Wish(kind="loss", y="final_loss"), "--y does not go with --kind loss: it shows the loss there"),
        (
            Wish(x="seed", hue="seed"),
            "--x and --hue are both seed; choose different axes among model.nonlinearity, model.weight_scale, seed",
        ),
    ],
)
def test_what_does_not_exist_is_a_sentence_with_what_does(two_axes: Collection, wish: Wish, message: str) -> None:
    with pytest.raises(FigureError) as caught:
        place_figures(two_axes, wish)
    assert (str(caught.value), caught.value.exit_code) == (message, 2)


def test_a_phase_diagram_needs_two_axes(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "study", model__weight_scale=scale) for scale in SCALES]
    with pytest.raises(FigureError) as caught:
        place_figures(Collection("study", runs), Wish(kind="phase"))
    assert str(caught.value) == (
        "--kind phase needs two axes; these runs have model.weight_scale. Valid here: quantity, flow, loss"
    )


def test_a_quantity_is_the_median_over_seeds_with_the_middle_half_as_band(two_axes: Collection) -> None:
    axes, *_ = panels(draw(two_axes, Wish(y="final_loss")))
    lines = [line for line in axes.get_lines() if line.get_marker() == "o"]
    for line, nonlinearity in zip(lines, ["relu", "tanh"], strict=True):
        assert np.array_equal(line.get_xdata(), SCALES)
        for scale, drawn in zip(SCALES, np.asarray(line.get_ydata()), strict=True):
            runs = of(two_axes, scale=scale, nonlinearity=nonlinearity)
            losses = [run.summary["final_loss"] for run in runs if run.summary["final_loss"] is not None]
            assert drawn == pytest.approx(np.median(losses))
    (mark,) = [line for line in axes.get_lines() if line.get_label() == "_diverged"]
    assert np.asarray(mark.get_xdata()).tolist() == [2.0]
    assert summarise([1.0, 2.0, 3.0, float("nan"), 4.0, 5.0]) == (2.0, 3.0, 4.0)
    assert np.isnan(summarise([float("nan")])).all()


def test_flows_are_medians_of_the_first_and_the_last_record(two_axes: Collection) -> None:
    drawn = panels(draw(two_axes, Wish(kind="flow")))
    places = [(record, name) for record in (0, -1) for name in ("relu", "tanh")]
    for axes, (record, name) in zip(drawn, places, strict=True):
        for scale in SCALES:
            runs = of(two_axes, scale=scale, nonlinearity=name)
            alive = [run for run in runs if record == 0 or run.status == "completed"]
            expected = np.median([run.metrics["grad_norm"][record, 0] for run in alive], axis=0)
            (line,) = [line for line in axes.get_lines() if line.get_label() == str(scale)]
            assert np.allclose(np.asarray(line.get_ydata()), expected, rtol=1e-15)
    assert drawn[3].get_title(loc="left") == "nonlinearity = tanh, last record\n1 of 7 diverged before it"


def test_a_diverged_loss_is_beyond_every_number_in_a_median(tmp_path: Path) -> None:
    study = tmp_path / "study"
    runs = [make_run(study, seed=seed, diverged_at=20 if seed else None) for seed in range(3)]
    collection = Collection("study", runs)
    (placing,) = place_figures(collection, Wish(kind="loss", hue="seed"))
    with using(STYLE):
        figure = draw_sweep(collection, Placing("loss", None, None, None, None), STYLE, print)
    axes = panels(figure)[0]
    middle = np.asarray(axes.get_lines()[0].get_ydata())
    expected = np.median([run.metrics["loss"] for run in runs], axis=0)
    assert placing.hue == "seed"
    assert np.allclose(middle[:20], expected[:20])
    assert np.isinf(middle[20:]).all()
    (cross,) = [line for line in axes.get_lines() if line.get_label() == "_diverged"]
    assert np.asarray(cross.get_xdata()).tolist() == [19]


def test_a_median_takes_zeros_and_infinities_and_leaves_nan_out() -> None:
    values = np.array([[0.0, np.nan, np.nan], [0.0, 1.0, np.nan], [5.0, np.inf, np.nan]])
    assert np.array_equal(median(values), [0.0, np.inf, np.nan], equal_nan=True)


def test_a_phase_diagram_has_the_median_of_every_cell_and_marks_the_others(tmp_path: Path) -> None:
    study = tmp_path / "study"
    whole: dict[str, Any] = {"seed": 0, "model__weight_scale": 1.0, "model__nonlinearity": "tanh"}
    runs = [
        make_run(study, **whole),
        make_run(study, **{**whole, "seed": 1}),
        make_run(study, **{**whole, "seed": 2, "diverged_at": 25}),
        make_run(study, **{**whole, "model__weight_scale": 2.0, "diverged_at": 25}),
        make_run(study, **{**whole, "model__nonlinearity": "relu"}),
    ]
    collection = Collection("study", runs)
    placing = Placing("phase", "model.weight_scale", "model.nonlinearity", None, None, ("final_loss",))
    medians, kinds, some = cell_table(collection, placing, "final_loss", collection.runs)
    two = [run.summary["final_loss"] for run in runs[:2]]
    expected = [[runs[4].summary["final_loss"], np.nan], [np.median(two), np.nan]]
    assert np.allclose(medians, expected, equal_nan=True)
    assert kinds.tolist() == [[-1, 2], [-1, 0]]
    assert some.tolist() == [[False, False], [True, False]]
    figure = draw(collection, Wish(kind="phase", hue="final_loss"))
    mesh = panels(figure)[0].collections[0]
    assert isinstance(mesh, QuadMesh)
    assert np.allclose(np.ma.filled(cells(mesh), np.nan).reshape(2, 2), expected, equal_nan=True)
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["all diverged", "no run", "some diverged"]


def test_maps_of_gradients_have_their_middle_where_nothing_vanishes_and_nothing_explodes() -> None:
    slopes, _ = make_norm(np.array([-0.5, 2.0]), "final_gradient_slope")
    ratios, _ = make_norm(np.array([1e-6, 10.0]), "final_gradient_ratio")
    assert (float(slopes(0.0)), float(ratios(1.0))) == pytest.approx((0.5, 0.5))
    assert (slopes.vmin, slopes.vmax) == (-2.0, 2.0)
    assert map_of("final_gradient_ratio", STYLE) == "RdBu_r"  # red, its upper end, above 1: exploding
    assert map_of("final_gradient_slope", STYLE) == "RdBu"  # red, its lower end, below 0: exploding
    assert make_norm(np.array([1.0, 2.0]), "final_loss")[1] is False


def test_a_key_that_another_determines_is_no_axis_of_its_own(tmp_path: Path) -> None:
    study = tmp_path / "study"
    runs = [make_run(study, model__cell=cell, model__nonlinearity=None) for cell in ("gru", "lstm")]
    runs.append(make_run(study, model__nonlinearity="tanh"))
    collection = Collection("study", runs)
    assert collection.axes == {"model.cell": ("elman", "gru", "lstm")}
    assert collection.bound == {"model.cell": ["model.nonlinearity"]}


def test_runs_of_several_studies_are_told_apart_by_name(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "one", training__batches=20), make_run(tmp_path / "two", model__layers=2)]
    collection = Collection("one, two", runs)
    assert collection.axes == {"run": ("one", "two")}
    figure = draw(collection, Wish(kind="loss"))
    (axes,) = panels(figure)
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()][:2] == ["one", "two"]
    assert np.allclose(np.asarray(axes.get_lines()[0].get_ydata()), runs[0].metrics["loss"])


def test_a_run_whose_arrays_are_damaged_is_named_and_left_out(tmp_path: Path) -> None:
    runs = make_sweep(tmp_path / "study", **TWO_AXES)
    path = runs[3].path / "metrics.npz"
    path.write_bytes(b"PK" + bytes(path.stat().st_size - 2))
    complaints: list[str] = []
    collection = Collection("study", runs)
    (placing,) = place_figures(collection, Wish(kind="flow"))
    with using(STYLE):
        draw_sweep(collection, placing, STYLE, complaints.append)
    (complaint,) = complaints
    assert complaint.startswith(f"left out: {path} is damaged (")
    assert len(collection.runs) == len(runs) - 1
