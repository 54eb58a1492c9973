"""The figure of each group of quantities draws what the group's file holds, can be read, and says what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from rnnlab.config import config_from_mapping
from rnnlab.figures.kind import RUN_KINDS
from rnnlab.figures.run_figures import draw_run
from rnnlab.figures.style import STYLES, using
from rnnlab.figures.subject import Subject
from rnnlab.flow.group import GROUPS
from rnnlab.flow.mean_field import mean_field
from rnnlab.store import Run, open_run
from rnnlab.studies.remeasuring import add_quantities
from rnnlab.studies.run import run_one
from tests.cli.conftest import Call
from tests.figures.made import assert_readable, make_run

STYLE = STYLES["screen"]
MEASURED = [name for name, group in GROUPS.items() if not group.by_default]
CASES: dict[str, dict[str, Any]] = {
    "elman": {},
    "lstm of two layers": {"model": {"cell": "lstm", "layers": 2}, "task": {"last_timestep_only": True}},
    "gru of one record": {"model": {"cell": "gru"}, "training": {"batches": 0}},
    "relu of many records": {
        "model": {"nonlinearity": "relu", "weight_scale": 0.5, "hidden_size": 2},
        "task": {"last_timestep_only": True},
        "record": {"every": 1},
    },
    "clipped": {"training": {"clip_norm": 0.1}},
    "orthogonal": {
        "model": {"init": "orthogonal", "nonlinearity": "identity"},
        "task": {"last_timestep_only": True},
        "training": {"batches": 0},
    },
    "gaussian": {"model": {"init": "gaussian", "weight_scale": 1.5}, "training": {"batches": 3}},
    "one timestep": {"task": {"seq_len": 1}},
    "diverged": {"training": {"learning_rate": 1e30, "optimizer": "sgd"}},
}
SMALL: dict[str, dict[str, Any]] = {
    "task": {"seq_len": 6},
    "model": {"hidden_size": 5},
    "training": {"batches": 40, "batch_size": 4},
    "record": {"every": 10, "sequences": 4},
}


class Made(dict[str, Run]):
    """A run of each case with all groups, made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __missing__(self, name: str) -> Run:
        changed = {key: {**SMALL.get(key, {}), **CASES[name].get(key, {})} for key in {*SMALL, *CASES[name]}}
        run = run_one(config_from_mapping({"name": name.replace(" ", "-"), **changed}), runs=self.folder).run
        add_quantities(run, MEASURED)
        self[name] = open_run(run.path)
        return self[name]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("groups"))


def draw(run: Run, kind: str, style: str = "screen", *, readable: bool = False) -> list[Axes]:
    """Draw a figure, see that it can be read if that is asked for, and give its panels."""
    with using(STYLES[style]):
        figure = draw_run(Subject(run), STYLES[style], kind)
        if readable:
            assert_readable(figure)
    return panels(figure)


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.findobj(Axes) if isinstance(axes, Axes) and axes.get_label() != "<colorbar>"]


def curve(axes: Axes, label: str) -> np.ndarray:
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return np.asarray(line.get_ydata())


def titles(drawn: list[Axes]) -> list[str]:
    return [axes.get_title(loc="left") for axes in drawn]


@pytest.mark.parametrize("kind", MEASURED)
@pytest.mark.parametrize("name", ["elman", "lstm of two layers", "relu of many records", "one timestep", "diverged"])
def test_every_group_of_every_net_can_be_read(runs: Made, name: str, kind: str) -> None:
    assert draw(runs[name], kind, readable=True)


@pytest.mark.parametrize("kind", MEASURED)
def test_what_was_not_measured_names_the_command_that_does(tmp_path: Path, kind: str) -> None:
    (axes,) = draw(make_run(tmp_path / "study"), kind, "paper", readable=True)
    said = " ".join(axes.texts[0].get_text().split())
    assert said == f"No {kind}: it was not recorded; to record it, run rnnlab measure PATH --quantities {kind}."


def test_a_group_that_the_cell_cannot_have_says_why(runs: Made) -> None:
    (axes,) = draw(runs["lstm of two layers"], "bounds")
    assert axes.texts[0].get_text().replace("\n", " ") == "No bounds: no single matrix governs an LSTM."


def test_lags_are_drawn_with_the_horizons_of_the_summary(runs: Made) -> None:
    run = runs["elman"]
    norms, _, cosine, horizons = draw(run, "lags")
    assert (norms.get_yscale(), norms.get_xlabel(), cosine.get_xlabel()) == ("log", "lag k", "lag k")
    assert np.array_equal(curve(norms, "40"), run["lag_norm"][-1, 0])
    assert np.array_equal(curve(cosine, "0"), run["lag_truncated_cosine"][0, 0])
    for name in ("H50", "H95"):
        ends = curve(horizons, name)[[0, -1]]
        assert ends.tolist() == [run.summary[f"{when}_{name.lower()}"] for when in ("initial", "final")]


def test_both_parts_of_the_gain_stand_in_one_panel(runs: Made) -> None:
    run = runs["elman"]
    products, _, _, gains = draw(run, "jacobians")
    assert np.array_equal(curve(products, "product_log_rms 40"), run["product_log_rms"][-1, 0])
    assert np.array_equal(curve(gains, "gain_matrix 0"), run["gain_matrix"][0, 0])
    assert gains.get_xlabel() == "timestep t"
    assert len(draw(runs["gru of one record"], "jacobians")) == 3, "no single matrix, so no two parts"


def test_theory_stands_beside_gaussian_nets_alone(runs: Made) -> None:
    run = runs["gaussian"]
    weights = {name: array.astype(np.float64) for name, array in run.weights.items()}
    drive = np.einsum("bti,hi->bth", weights["probe/inputs"], weights["initial/weight_ih_l0"])
    exponent = mean_field(1.5, float(np.mean(drive**2))).exponent
    assert curve(draw(run, "lyapunov")[1], "mean field") == pytest.approx([exponent])
    assert curve(draw(run, "jacobians", readable=True)[0], "mean field") == pytest.approx(
        exponent * np.arange(5, -1, -1)
    )
    assert curve(draw(run, "bounds")[0], "rms in theory") == pytest.approx(exponent * np.arange(6))
    others = [line.get_label() for kind in ("lyapunov", "jacobians") for line in draw(runs["elman"], kind)[-1].lines]
    assert "mean field" not in others


def test_bounds_enclose_the_powers_and_the_steps_run_from_the_end(runs: Made) -> None:
    run = runs["elman"]
    first, last, _ = draw(run, "bounds")
    assert titles([first, last]) == ["Over k steps, update 0", "Over k steps, update 40"]
    for axes, record in ((first, 0), (last, -1)):
        low, power, high = (curve(axes, name) for name in ("rho^k", "||W^k||", "sigma^k"))
        assert np.all(low <= power + 1e-12)
        assert np.all(power <= high + 1e-12)
        assert np.array_equal(curve(axes, "steps of the net"), run["product_log_norm"][record, 0][::-1])


def test_exponents_have_their_error_bars_and_the_slope_beside_them(runs: Made) -> None:
    run = runs["elman"]
    spectrum, largest = draw(run, "lyapunov")
    (bars, _) = spectrum.containers
    assert isinstance(bars, ErrorbarContainer)
    data = bars.lines[0].get_ydata()
    assert np.array_equal(data, run["exponents"][0, 0])
    heights = [segment[1, 1] - segment[0, 1] for segment in bars.lines[2][0].get_segments()]
    assert heights == pytest.approx(2 * run["exponents_stderr"][0, 0])
    slopes = curve(largest, "minus the slope of ln ||dL/dh_t||")
    assert -slopes[[0, -1]] == pytest.approx(
        [run.summary["initial_gradient_slope"], run.summary["final_gradient_slope"]]
    )


def test_the_parts_of_a_gradient_at_one_update_share_a_panel(runs: Made) -> None:
    run = runs["lstm of two layers"]
    drawn = draw(run, "split")
    assert titles(drawn)[:2] == ["Parts of dL/dh_t, update 0, layer 0", "Parts of dL/dh_t, update 40, layer 0"]
    assert np.array_equal(curve(drawn[4], "backflow_norm"), run["backflow_norm"][-1, 1])
    assert "_exactly 0" in {line.get_label() for line in drawn[3].get_lines()}, "direct only at the last timestep"


def test_gates_have_one_scale_and_the_memory_time_of_the_summary(runs: Made) -> None:
    run = runs["lstm of two layers"]
    drawn = draw(run, "activity")[:5]
    assert titles(drawn)[:3] == [f"mean {gate}_t, layer 0" for gate in "ifo"]
    assert len({axes.get_ylim() for axes in drawn[:3]}) == 1
    (line,) = drawn[4].get_lines()
    ends = [run.summary["initial_memory_time"], run.summary["final_memory_time"]]
    assert np.asarray(line.get_ydata())[[0, -1]] == pytest.approx(ends)


def test_the_flow_has_the_spread_over_sequences_at_both_ends_of_training(runs: Made) -> None:
    run = runs["elman"]
    (axes,) = draw(run, "flow", readable=True)
    first, last = (each for each in axes.collections if each.get_label() == "_80 % of the sequences")
    for band, record in ((first, 0), (last, -1)):
        corners = band.get_paths()[0].vertices
        low, high = (np.exp(run[name][record, 0]) for name in ("grad_log_low", "grad_log_high"))
        for t in range(6):
            here = np.asarray(corners)[np.asarray(corners)[:, 0] == t + 1, 1]
            assert (here.min(), here.max()) == pytest.approx((low[t], high[t]))
            assert axes.get_ylim()[0] < low[t] <= high[t] < axes.get_ylim()[1]


def test_the_flow_has_a_panel_of_zeros_where_a_gradient_is_exactly_zero(runs: Made) -> None:
    run = runs["relu of many records"]
    assert run["grad_zero_share"].max() > 0
    _, zeros = draw(run, "flow", readable=True)
    assert zeros.get_ylabel() == "share of dL/dh_t = 0"
    assert np.array_equal(curve(zeros, "40"), run["grad_zero_share"][-1, 0])


def test_the_flow_says_where_its_slope_is_not_the_exponent(runs: Made) -> None:
    run = runs["elman"]
    with using(STYLE):
        figure = draw_run(Subject(run), STYLE, "flow")
    heading = " ".join(figure.get_suptitle().split())
    assert f"exponent {run.summary['initial_exponent']:.2g}".replace("-", "\N{MINUS SIGN}") in heading
    assert "at update 0; slope" in heading
    assert heading.endswith(
        "the slope is no rate, since the loss of every timestep adds to dL/dh_t; over a long time gradients vanish"
    )
    others = make_notes(runs["one timestep"])
    assert others == [], "one timestep has no slope"


def test_the_norms_of_updates_stand_beside_the_limit_of_clipping(runs: Made) -> None:
    run = runs["clipped"]
    norms, factors = draw(run, "updates", readable=True)
    assert curve(norms, "each batch") == pytest.approx(run["update_norm"])
    assert set(curve(norms, "clipped at 0.1")) == {0.1}
    assert curve(factors, "each batch") == pytest.approx(run["clip_factor"])
    assert len(draw(runs["elman"], "updates")) == 1, "nothing was clipped"


@pytest.mark.parametrize(("kind", "panel"), [("jacobians", 0), ("jacobians", 2), ("lyapunov", 0), ("lyapunov", 1)])
def test_what_differs_by_rounding_alone_is_level(runs: Made, kind: str, panel: int) -> None:
    """All steps of an orthogonal linear net keep every length: no axis is stretched until rounding fills it."""
    low, high = draw(runs["orthogonal"], kind)[panel].get_ylim()
    assert high - low > 1.9


def test_a_sweep_takes_the_name_of_a_group_or_a_quantity_for_its_curves(call: Call) -> None:
    """As one run does; and any number of the index is drawn as colour or against an axis."""
    study = Path("runs/study")
    for scale in (0.5, 1.0):
        for layers in (1, 2):
            changed = {**SMALL, "model": {"hidden_size": 3, "weight_scale": scale, "layers": layers}}
            add_quantities(run_one(config_from_mapping({"name": "study", **changed})).run, ["lags", "lyapunov"])
    for arguments, name in (
        (["--kind", "lags"], "flow,y=lag_norm"),
        (["--kind", "lag-truncated-cosine"], "flow,y=lag_truncated_cosine"),
        (["--kind", "phase", "--hue", "final_attractor_dimension"], "phase,hue=final_attractor_dimension"),
        (["--y", "initial_h95"], "quantity,y=initial_h95"),
        (["--kind", "activity"], "flow,y=derivative_mean"),
    ):
        drawn = call("plot", study, *arguments)
        assert (drawn.code, drawn.out) == (0, f"runs/study/figures/{name}.png\n")
    assert "valid: quantity, flow, loss, phase" in call("plot", study, "--kind", "lag").err


def make_notes(run: Run) -> list[str]:
    return RUN_KINDS["flow"].notes(Subject(run))
