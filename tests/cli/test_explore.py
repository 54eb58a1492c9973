"""rnnlab explore: pictures without a display, a page without a window, and what goes wrong as a sentence."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import CONFIG, Call

_MAIN = "from rnnlab.cli.main import main; main()"
_NO_WINDOW = (
    "explore opens a window, and there is no display here, or nothing that could open one (tkinter, Qt); "
    "--web serves the same to a browser, and --save FILE writes the picture\n"
)
_FIRST_BYTES = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF-"}


def _environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in {"DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"}}
    return kept | more


@pytest.mark.parametrize("backend", [None, "tkagg", "nonsense"])
def test_without_a_display_it_says_so_and_what_to_do(tmp_path: Path, backend: str | None) -> None:
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _MAIN, "explore", "tiny.yaml"],
        check=False, capture_output=True, text=True, cwd=tmp_path, timeout=60,
        env=_environment(**({"MPLBACKEND": backend} if backend else {})),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (2, "", _NO_WINDOW)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_save_writes_the_picture_makes_folders_and_repeats_its_bytes(call: Call, ending: str) -> None:
    contents = []
    for name in ("a", "b"):
        file = Path(f"new/{name}/flow.{ending}")
        result = call("explore", "tiny.yaml", "--save", file, "--weight-scale", 1.5)
        assert (result.code, result.out, result.err) == (0, f"{file}\n", "")
        assert [path.name for path in file.parent.iterdir()] == [file.name]
        contents.append(file.read_bytes())
    assert contents[0] == contents[1]
    assert contents[0].startswith(_FIRST_BYTES[ending])


def test_save_takes_the_scales_the_overrides_and_any_case_of_the_ending(call: Call) -> None:
    pictures = {}
    for name, arguments in {
        "same": ["--weight-scale", "1", "--bias-scale", "1"],
        "config": [],
        "weights": ["--weight-scale", "-1.5"],
        "override": ["model.weight_scale=-1.5"],
        "biases": ["--bias-scale", "-5"],
        "layers": ["model.layers=2"],
    }.items():
        assert call("explore", "tiny.yaml", "--save", f"{name}.SVG", *arguments).code == 0
        pictures[name] = Path(f"{name}.SVG").read_bytes()
    assert pictures["same"] == pictures["config"]
    assert pictures["weights"] == pictures["override"]
    assert len(set(pictures.values())) == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--save", "flow.jpg"], "--save: got 'flow.jpg'; the name must end in one of .png, .svg, .pdf\n"),
        (["--save", "flow"], "--save: got 'flow'; the name must end in one of .png, .svg, .pdf\n"),
        (["--save", "folder.png"], "--save: folder.png is a folder; name a file\n"),
        (["--save", "a.png", "--web"], "--save writes a file and --web serves a page; choose one of them\n"),
        (["--port", "9000"], "--port goes with --web\n"),
        (["--weight-scale", "99"], "--weight-scale: got '99'; valid: a number from -5 to 5\n"),
        (["--save", "a.png", "--bias-scale", "-5.01"], "--bias-scale: got '-5.01'; valid: a number from -5 to 5\n"),
        (["--web", "--weight-scale", "nan"], "--weight-scale: got 'nan'; valid: a number from -5 to 5\n"),
        (["--save", "a.png", "--bias-scale", "inf"], "--bias-scale: got 'inf'; valid: a number from -5 to 5\n"),
        (["model.hiden_size=3"], "command line: model.hiden_size=3: unknown key"),
    ],
)
def test_what_goes_wrong_is_a_sentence(call: Call, arguments: list[str], sentence: str) -> None:
    Path("folder.png").mkdir()
    result = call("explore", "tiny.yaml", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(sentence)
    assert {path.name for path in Path().iterdir()} == {"tiny.yaml", "folder.png"}


def test_without_tornado_it_says_what_to_install(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tornado", None)
    monkeypatch.setitem(sys.modules, "tornado.web", None)
    result = call("explore", "tiny.yaml", "--web")
    assert (result.code, result.out, result.err) == (2, "", "--web needs tornado: pip install 'rnnlab[web]'\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_server_cleanly(tmp_path: Path, number: signal.Signals, code: int) -> None:
    pytest.importorskip("tornado")
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _MAIN, "explore", "tiny.yaml", "--web", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=_environment(),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                assert answer.status == 200
        finally:
            process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
    assert (process.returncode, out) == (code, "")
    assert err == "open this address in a browser; Ctrl-C ends it\n"
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=5)
