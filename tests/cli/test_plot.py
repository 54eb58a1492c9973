"""rnnlab plot and the charts of rnnlab show: files, bytes, places, sentences, and runs that are not whole."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rnnlab.cli import charts
from rnnlab.store import list_runs, list_studies
from tests.cli.conftest import DIVERGING, Call
from tests.figures.made import make_run, make_sweep

SIGNATURES = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.fixture
def sweep(call: Call) -> Path:
    """Give a study of two axes and two seeds in the folder that `call` works in."""
    study = Path("runs/study")
    make_sweep(study, model__weight_scale=[0.5, 1.0, 2.0], model__nonlinearity=["relu", "tanh"])
    return study


def listing(folder: Path) -> dict[str, tuple[str, int]]:
    """Give the content and the time of change of every file below."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files}


def test_plot_of_a_run_writes_one_figure_beside_it_and_says_where(call: Call, tiny: Path) -> None:
    before = listing(tiny)
    result = call("plot", tiny)
    path = Path("runs/tiny/figures") / f"{tiny.name}.png"
    assert (result.code, result.out, result.err) == (0, f"{path}\n", "")
    assert path.read_bytes().startswith(SIGNATURES["png"])
    assert listing(tiny) == before


def test_figures_are_no_run_and_no_study(call: Call, tiny: Path) -> None:
    assert call("plot", tiny).code == 0
    assert [entry.path for entry in list_runs(Path("runs/tiny"))] == [tiny]
    assert list_studies(Path("runs")) == [Path("runs/tiny")]
    assert json.loads(call("ls", "--json").out)[0]["damaged"] == 0


def test_plot_of_a_study_with_one_run_is_that_of_the_run(call: Call, tiny: Path) -> None:
    assert call("plot", "runs/tiny", "--kind", "loss").out == call("plot", tiny, "--kind", "loss").out


def test_plot_of_a_diverged_run_that_training_made(call: Call) -> None:
    Path("tiny.yaml").write_text("name: tiny\ntask: {seq_len: 4}\nmodel: {hidden_size: 3}\nrecord: {every: 5}\n")
    assert call("train", "tiny.yaml", "-q", *DIVERGING, "training.batches=40").code == 0
    result = call("plot", "runs/diverging", "--kind", "predictions")
    assert (result.code, result.err) == (0, "")


def test_plot_of_a_sweep_writes_a_figure_of_every_kind(call: Call, sweep: Path) -> None:
    before = listing(sweep)
    result = call("plot", sweep)
    names = ["quantity", "flow", "loss", "phase"]
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [f"runs/study/figures/{name}.png" for name in names]
    after = listing(sweep)
    assert {path: after[path] for path in before} == before


@pytest.mark.parametrize("file_format", SIGNATURES)
def test_the_same_input_gives_the_same_bytes(call: Call, sweep: Path, file_format: str) -> None:
    run = list_runs(sweep)[0].path
    contents = []
    for out in ("one", "two"):
        assert call("plot", run, "--format", file_format, "--out", f"{out}/run").code == 0
        assert call("plot", sweep, "--format", file_format, "--out", f"{out}/phase", "--kind", "phase").code == 0
        contents.append({path.name: path.read_bytes() for path in sorted(Path(out).iterdir())})
    assert len(contents[0]) == 2
    assert contents[0] == contents[1]
    for content in contents[0].values():
        assert content.startswith(SIGNATURES[file_format])
        assert not re.search(rb"20\d\d-\d\d-\d\d|CreationDate", content)


def test_a_matplotlibrc_changes_nothing(call: Call, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    assert call("plot", tiny, "--kind", "loss", "--out", "one.png").code == 0
    with mpl.rc_context({"font.size": 20, "axes.grid": True, "savefig.bbox": "tight"}):
        assert call("plot", tiny, "--kind", "loss", "--out", "two.png").code == 0
        assert mpl.rcParams["font.size"] == 20
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()


def test_styles_differ_and_a_wrong_one_is_a_sentence(call: Call, tiny: Path) -> None:
    contents = set()
    for style in ("paper", "screen", "dark"):
        assert call("plot", tiny, "--kind", "loss", "--style", style, "--out", f"{style}.png").code == 0
        contents.add(Path(f"{style}.png").read_bytes())
    assert len(contents) == 3
    result = call("plot", tiny, "--style", "drak")
    assert (result.code, result.out) == (2, "")
    assert result.err == "--style: got 'drak'; valid: paper, screen, dark. Did you mean 'dark'?\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "bmp"], "--format: got 'bmp'; valid: png, svg, pdf\n"),
        (
            ["--kind", "flows"],
            "--kind: got 'flows'; valid: overview, loss, flow, map, eigenvalues, spectrum, hidden, predictions, "
            "lags, jacobians, lyapunov, split, bounds, activity, updates, probe_loss, grad_norm, grad_log_norm, "
            "grad_zero_share, grad_log_living, grad_log_low, grad_log_median, grad_log_high, hidden_norm, "
            "cell_grad_norm, singular_values, param_grad_norm, exponent, exponent_stderr. "
            "Did you mean 'flow'?\n",
        ),
        (["--hue", "seed"], "--hue chooses among the axes of several runs; RUN is one run\n"),
        (["--out", "RUN/picture"], "--out: got 'RUN/picture', which lies in the run folder HERE/RUN; choose a place "),
    ],
)
def test_what_a_run_cannot_give_is_a_sentence(call: Call, tiny: Path, arguments: list[str], message: str) -> None:
    result = call("plot", tiny, *(argument.replace("RUN", str(tiny)) for argument in arguments))
    expected = message.replace("RUN", str(tiny)).replace("HERE", str(Path.cwd()))
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(expected)
    assert not Path("runs/tiny/figures").exists()


def test_places_without_runs_are_sentences(call: Call, tiny: Path) -> None:
    Path("empty").mkdir()
    expected = {
        "nowhere": "there is no folder nowhere\n",
        "empty": "empty is not a run folder and holds none; rnnlab ls shows what there is\n",
        "runs": "runs holds studies, not runs; name one of them, e.g. runs/tiny\n",
        "tiny.yaml": "tiny.yaml is a file, not a run folder\n",
    }
    for path, message in expected.items():
        result = call("plot", path)
        assert (result.code, result.out, result.err) == (2, "", message)


def test_missing_and_damaged_runs_are_named_and_left_out(call: Call, sweep: Path) -> None:
    runs = [entry.path for entry in list_runs(sweep)]
    (runs[0] / "run.json").write_text("{")
    arrays = runs[1] / "metrics.npz"
    arrays.write_bytes(b"PK" + bytes(arrays.stat().st_size - 2))
    result = call("plot", sweep, "nowhere", "--kind", "loss", "--json")
    assert result.code == 0
    first, second, third = result.err.splitlines()
    assert first == f"left out: {runs[0]} is damaged: run.json is damaged (it is not the JSON that rnnlab writes)"
    assert second == "left out: there is no folder nowhere"
    assert third.startswith(f"left out: {arrays} is damaged (")
    (written,) = json.loads(result.out)
    assert Path(written["path"]).exists()
    assert (written["format"], written["runs"]) == ("png", 11)


def test_a_study_of_nothing_but_damage_draws_nothing(call: Call, tiny: Path) -> None:
    (tiny / "weights.npz").unlink()
    result = call("plot", "runs/tiny", "--kind", "loss")
    assert (result.code, result.out) == (2, "")
    assert result.err == f"{tiny} is damaged: weights.npz is missing\n"


def test_a_folder_that_is_still_growing_can_be_drawn(call: Call, sweep: Path) -> None:
    (sweep / ".0123456789ab").mkdir()
    (sweep / ".0123456789ab" / "metrics.npz").write_bytes(b"half")
    (sweep / "status.json").write_text("{}")
    result = call("plot", sweep, "--kind", "flow")
    assert (result.code, result.err) == (0, "")


def test_prefixes_name_files_and_make_folders(call: Call, sweep: Path) -> None:
    assert call("plot", sweep, "--kind", "flow", "--out", "a/b/picture").out == "a/b/picture-flow.png\n"
    assert call("plot", sweep, "--kind", "phase", "--out", "a/picture.png").out == "a/picture.png\n"
    assert call("plot", sweep, "--out", "a/all").out.splitlines()[-1] == "a/all-phase.png"
    assert call("plot", sweep, "--kind", "loss", "--out", "new/").out == "new/loss.png\n"
    shown = call("plot", sweep, "--y", "final_loss", "--x", "weight_scale")
    assert shown.out == "runs/study/figures/quantity,x=weight_scale,y=final_loss.png\n"
    assert call("plot", sweep, "--kind", "loss", "-q").out == ""


def test_several_runs_are_overlaid_and_two_overlays_have_two_names(call: Call) -> None:
    for name in ("one", "two", "three"):
        make_run(Path("runs") / name, training__learning_rate=len(name) / 10, model__layers=len(name))
    first = call("plot", "runs/one", "runs/two", "--kind", "loss")
    second = call("plot", "runs/one", "runs/three", "--kind", "loss")
    assert (first.code, second.code) == (0, 0)
    assert re.fullmatch(r"runs/one/figures/overlay-[0-9a-f]{6}-loss\.png\n", first.out)
    assert first.out != second.out


BARE = """
import sys
from rnnlab.cli.main import main
sys.argv = ["rnnlab", "plot", *sys.argv[1:]]
try:
    main()
finally:
    heavy = {"torch", "matplotlib.pyplot"} & set(sys.modules)
    assert not heavy, heavy
"""


def test_plot_needs_no_torch_no_display_no_home_and_no_stdout(call: Call, sweep: Path) -> None:
    runs = [str(entry.path) for entry in list_runs(sweep)][:1]
    for arguments, backend in ((runs, "module://matplotlib_inline.backend_inline"), ([str(sweep)], "TkAgg")):
        ended = subprocess.run(
            ["/bin/sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", BARE, *arguments],
            env={"PATH": os.defpath, "HOME": "/nonexistent", "MPLBACKEND": backend},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
    assert Path("runs/study/figures/phase.png").exists()


def test_show_draws_charts_that_keep_to_eighty_columns(call: Call, tiny: Path) -> None:
    lines = call("show", tiny).out.splitlines()
    loss = lines.index("training loss, logarithmic scale")
    flow = lines.index("||dL/dh_t||, logarithmic scale")
    assert lines[flow + 1 : flow + 3] == ["  ○ update 0", "  ● update 12"]
    assert lines[loss + 11].split() == ["0", "batch", "11"]
    assert lines[flow + 12].split() == ["1", "timestep", "t", "4"]
    assert max(map(len, lines[loss : loss + 12] + lines[flow : flow + 13])) <= 80


def test_a_chart_puts_the_largest_value_on_top_and_the_smallest_below() -> None:
    lines = charts.chart(
        [("falling", [100.0, 10.0, 1.0])], first=1, last=3, across="t", logarithmic=True, stream=_stream("utf-8")
    )
    assert lines[0] == "  ○ falling"
    rows = lines[1:9]
    assert [rows[0].split("|")[0].strip(), rows[-1].split("|")[0].strip()] == ["100", "1"]
    marks = {row.index("○"): i for i, row in enumerate(rows) if "○" in row}
    assert list(marks.values()) == [0, 3, 7]
    assert sorted(marks) == list(marks)


def test_a_chart_is_ascii_where_it_must_be_and_says_what_it_leaves_out() -> None:
    curves = [("one", [0.0, 1.0, float("nan")]), ("two", [float("inf"), 2.0, 2.0])]
    lines = charts.chart(curves, first=1, last=3, across="t", logarithmic=True, stream=_stream("ascii"))
    assert "\n".join(lines).isascii()
    assert lines[:2] == ["  o one   (not shown: 1 exactly 0, 1 NaN)", "  * two   (not shown: 1 infinite)"]
    nothing = charts.chart([("zero", [0.0])], first=1, last=1, across="t", logarithmic=True, stream=_stream("ascii"))
    assert nothing[-1] == "  nothing that a chart could show"


def test_a_chart_of_many_values_shows_means_and_the_ends_of_float64() -> None:
    values = [5e-324, *[1.0] * 998, 1.7e308]
    lines = charts.chart([("x", values)], first=0, last=999, across="t", logarithmic=True, stream=_stream("utf-8"))
    assert max(map(len, lines)) <= 80
    assert len(lines) == 11


def _stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)
