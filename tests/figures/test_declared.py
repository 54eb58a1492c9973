"""A quantity, a summary number and a kind of figure are drawn because they are declared: here all from this file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest
from matplotlib.axes import Axes

from rnnlab.figures.collection import Collection
from rnnlab.figures.kind import RUN_KINDS, SWEEP_KINDS, Panels, RunKind, SweepKind
from rnnlab.figures.page import make_page
from rnnlab.figures.placing import place_figures
from rnnlab.figures.run_figures import draw_run
from rnnlab.figures.style import STYLES, Style, using
from rnnlab.figures.subject import Subject
from rnnlab.figures.sweep_figures import draw_sweep
from rnnlab.figures.wish import Placing, Wish
from rnnlab.flow.group import GROUPS, Group
from rnnlab.flow.quantity import LAYER, PROBE, RECORD, Axis, Quantity, Sizes, Summary, Table
from rnnlab.store.atomic import npz_bytes
from tests.cli.conftest import Call
from tests.figures.made import assert_readable, make_run, make_sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnlab.flow.problem import Problem
    from rnnlab.store import Run

STYLE = STYLES["screen"]
DELAYS = Table("delays", (RECORD, LAYER, Axis("delay", "K", "delay_from_0", "delay k")))
EXPONENTS = Table("exponents", (RECORD, Axis("exponent", "E", "exponent_from_1", "exponent", first=1)))
HORIZONS = Table("horizons", (RECORD, LAYER, Axis("horizon", "D", "horizon", "horizon (steps)", values="horizons")))
HEADS = Table("heads", (RECORD, Axis("head", "A", "head", "head", values="head_names")))
POLES = Table("poles", (RECORD, Axis("pole", "Q", "pole_from_1", "pole", first=1)))


class Delays(Group):
    """A group of every form, with records of its own."""

    name: ClassVar[str] = "delays"
    quantities: ClassVar[tuple[Quantity, ...]] = (
        Quantity("delay_norm", "||dL/dh|| by delay", DELAYS, "of no meaning", scale="log"),
        Quantity("slopes", "slopes", EXPONENTS, "of no meaning"),
        Quantity("drift", "drift", HORIZONS, "of no meaning", scale="signed-log"),
        Quantity("horizons", "horizon", HORIZONS, "which", is_axis=True),
        Quantity("layer_norm", "||W||", Table("layers", (RECORD, LAYER)), "of no meaning"),
        Quantity("dimension", "dimension", PROBE, "of no meaning", why_absent=lambda _cell: "it was a bad day"),
        Quantity("head_norm", "||head||", HEADS, "of no meaning", scale="log"),
        Quantity("head_names", "head", HEADS, "which", dtype="U", is_axis=True),
        Quantity("poles", "poles of W_hh", POLES, "of no meaning", scale="complex", dtype="c16"),
    )
    summaries: ClassVar[tuple[Summary, ...]] = (
        Summary("final_dimension", "dimension of what is kept", "of no meaning", lambda _a, _f: None, headline=True),
    )

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Measure nothing: the tests have arrays of their own."""
        raise NotImplementedError

    def training_steps(self, sizes: Sizes) -> float:
        """Cost nothing."""
        return 0.0


def delay_arrays() -> dict[str, np.ndarray]:
    """Give arrays of all but one quantity, at three records."""
    generator = np.random.default_rng(3)
    return {
        "step": np.array([0, 20, 40]),
        "delay_norm": generator.uniform(0.1, 1, (3, 1, 6)) * 0.1 ** np.arange(6),
        "slopes": generator.normal(size=(3, 4)),
        "drift": generator.normal(size=(3, 1, 3)) * [1e-3, 1, 100],
        "horizons": np.array([1.0, 10.0, 100.0]),
        "layer_norm": generator.uniform(size=(3, 1)),
        "head_norm": generator.uniform(0.1, 1, (3, 2)),
        "head_names": np.array(["left", "right"]),
        "poles": generator.normal(size=(3, 4)) + 1j * generator.normal(size=(3, 4)),
    }


@pytest.fixture(autouse=True)
def declared() -> Iterator[None]:
    """Declare the group for the length of a test."""
    with GROUPS.extended(Delays()):
        yield


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give a run that was measured."""
    return make_run(tmp_path / "study", files={"delays.npz": npz_bytes(delay_arrays())})


def panels(figure: Figure) -> list[Axes]:
    """Give all panels but the scales of colours."""
    return [axes for axes in figure.findobj(Axes) if isinstance(axes, Axes) and axes.get_label() != "<colorbar>"]


def draw(run: Run, name: str) -> list[Axes]:
    """Draw a figure of a run, and see that it can be read."""
    with using(STYLE):
        figure = draw_run(Subject(run), STYLE, name)
        assert_readable(figure)
    return panels(figure)


def test_curves_and_a_map_run_along_an_axis_that_nobody_knew(run: Run) -> None:
    curves, over_training = draw(run, "delay_norm")
    assert (curves.get_xlabel(), curves.get_ylabel(), curves.get_yscale()) == ("delay k", "||dL/dh|| by delay", "log")
    assert [line.get_label() for line in curves.get_lines()] == ["0", "20", "40"]
    assert np.array_equal(curves.get_lines()[2].get_xdata(), np.arange(6))
    assert np.array_equal(curves.get_lines()[2].get_ydata(), delay_arrays()["delay_norm"][2, 0])
    assert (over_training.get_xlabel(), over_training.get_ylabel()) == ("delay k", "update")
    assert over_training.get_title(loc="left") == "log10 ||dL/dh|| by delay"


def test_a_quantity_of_no_layer_is_counted_from_where_its_axis_begins(run: Run) -> None:
    curves, _ = draw(run, "slopes")
    assert (curves.get_xlabel(), curves.get_yscale()) == ("exponent", "linear")
    assert np.array_equal(curves.get_lines()[0].get_xdata(), [1, 2, 3, 4])


def test_an_axis_that_is_not_counted_has_the_numbers_of_its_array(run: Run) -> None:
    curves, _ = draw(run, "drift")
    assert (curves.get_xlabel(), curves.get_yscale()) == ("horizon (steps)", "symlog")
    assert np.array_equal(curves.get_lines()[0].get_xdata(), [1, 10, 100])


def test_numbers_of_a_layer_are_paths_over_the_updates(run: Run) -> None:
    (axes,) = draw(run, "layer_norm")
    (line,) = axes.get_lines()
    assert (axes.get_xlabel(), line.get_label()) == ("update", "layer 0")
    assert np.array_equal(line.get_xdata(), [0, 20, 40])


def test_an_axis_of_names_gives_a_line_a_name(run: Run) -> None:
    (axes,) = draw(run, "head_norm")
    assert [line.get_label() for line in axes.get_lines()] == ["left", "right"]


def test_complex_numbers_stand_in_the_plane(run: Run) -> None:
    (axes,) = draw(run, "poles")
    assert axes.get_title(loc="left") == "Poles of W_hh"
    assert len(axes.get_lines()) == 2


def test_what_was_not_measured_is_a_sentence(run: Run, tmp_path: Path) -> None:
    (axes,) = draw(run, "dimension")
    assert " ".join(axes.texts[0].get_text().split()) == "No dimension: it was a bad day."
    (axes,) = draw(make_run(tmp_path / "other"), "delay_norm")
    assert " ".join(axes.texts[0].get_text().split()) == "No ||dL/dh|| by delay: it was not recorded."


def test_the_curves_of_a_sweep_take_any_quantity(tmp_path: Path) -> None:
    scales = (0.5, 1.0)
    runs = [
        make_run(tmp_path / "study", model__weight_scale=scale, files={"delays.npz": npz_bytes(delay_arrays())})
        for scale in scales
    ]
    collection = Collection("study", runs)
    for name, label, x in (("delay-norm", "delay k", range(6)), ("drift", "horizon (steps)", (1, 10, 100))):
        (placing,) = place_figures(collection, Wish(y=name))
        with using(STYLE):
            figure = draw_sweep(collection, placing, STYLE, print)
            assert_readable(figure)
        for axes in panels(figure):
            assert axes.get_xlabel() == label
            assert [list(np.asarray(line.get_xdata())) for line in axes.get_lines()] == [list(x)] * 2


def test_a_summary_number_that_says_so_is_drawn_unasked(tmp_path: Path) -> None:
    collection = Collection("study", make_sweep(tmp_path / "study", model__weight_scale=[0.5, 1.0]))
    for run in collection.runs:
        run.record.summary["final_dimension"] = run.flat["model.weight_scale"]
    placing = place_figures(collection, Wish())[0]
    assert placing.summaries == ("final_loss", "final_gradient_slope", "final_dimension")
    with using(STYLE):
        figure = draw_sweep(collection, placing, STYLE, print)
    assert figure.axes[2].get_ylabel() == "dimension of what is kept"


def _draw_name(subject: Subject, style: Style) -> Figure:
    figure = make_page(style, 1, 2)
    figure.subplots().set_title(f"a run of {subject.layers} layer")
    return figure


class Names(SweepKind):
    """A kind that writes names."""

    name: ClassVar[str] = "names"
    help: ClassVar[str] = "what the runs are called"

    def is_meant(self, _collection: Collection, wish: Wish) -> bool:
        """Tell whether names go upward."""
        return wish.y == "names"

    def plan(self, _collection: Collection, _wish: Wish) -> Placing:
        """Choose nothing."""
        return Placing(self.name, None, None, None, None)

    def draw(self, collection: Collection, _placing: Placing, style: Style, panels: Panels) -> Figure:
        """Write the names."""
        figure = make_page(style, 1, 2)
        figure.subplots().set_title(f"{collection.name}: {len(panels[0][1])}")
        return figure


def test_a_kind_of_figure_is_drawn_listed_and_named_by_the_command(call: Call) -> None:
    study = Path("runs/study")
    run, *_ = make_sweep(study, model__weight_scale=[0.5, 1.0])
    with RUN_KINDS.extended(RunKind("name", "how it is called", _draw_name)), SWEEP_KINDS.extended(Names()):
        drawn = call("plot", run.path, "--kind", "name")
        assert drawn.out == f"runs/study/figures/{run.path.name}-name.png\n"
        assert Path(drawn.out.strip()).read_bytes().startswith(b"\x89PNG")
        assert call("plot", study, "--y", "names").out == "runs/study/figures/names,y=names.png\n"
        assert call("plot", study).out.splitlines()[-1] == "runs/study/figures/names.png"
        shown = call("plot", "--help").out
        assert "  name         how it is called\n" in shown
        assert "  names        what the runs are called\n" in shown
        assert "delay_norm" in shown
        assert "phase, names" in call("plot", study, "--kind", "flo").err
    assert "how it is called" not in call("plot", "--help").out


def test_the_command_takes_the_name_of_any_quantity(call: Call) -> None:
    run = make_run(Path("runs/study"))
    drawn = call("plot", run.path, "--kind", "grad_log_norm")
    assert (drawn.code, drawn.out) == (0, f"runs/study/figures/{run.path.name}-grad_log_norm.png\n")
