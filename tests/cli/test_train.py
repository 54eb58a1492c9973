"""rnnlab train: what it makes, says and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rnnlab.config import identity, load_config, write_config
from rnnlab.store import open_run
from rnnlab.training import make_engine
from tests.cli.conftest import DIVERGING, Call
from tests.store.samples import contents, holder


def test_a_run_is_made_and_shown(call: Call) -> None:
    result = call("train", "tiny.yaml")
    (folder,) = Path("runs/tiny").glob("*-*")
    assert folder.name == f"default-{identity(load_config('tiny.yaml'))[:12]}"
    assert result.code == 0
    assert result.err == ""
    lines = result.out.splitlines()
    assert lines[0].startswith("completed in ")
    assert lines[0].endswith(f" ({make_engine().name} engine, cpu)")
    assert lines[2].startswith("final loss ")
    assert "||dL/dh_t||, bars on a logarithmic scale" in lines
    assert lines[-2:] == [str(folder), f"next: rnnlab show {folder}"]
    assert open_run(folder).info["command"] == "rnnlab train tiny.yaml"


def test_a_second_time_says_that_it_exists(call: Call, tiny: Path) -> None:
    before = contents(Path("runs"))
    result = call("train", "tiny.yaml")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{tiny} exists: completed in ")
    assert result.out.endswith(" Nothing to do; --force makes it again.\n")
    assert contents(Path("runs")) == before


def test_force_makes_it_again(call: Call, tiny: Path) -> None:
    before = (tiny / "run.json").read_bytes()
    assert call("train", "tiny.yaml", "--force").code == 0
    assert (tiny / "run.json").read_bytes() != before


def test_overrides_stand_in_the_label(call: Call) -> None:
    assert call("train", "tiny.yaml", "seed=3", "model.weight_scale=1.5", "name=mine", "-q").code == 0
    (folder,) = Path("runs/mine").glob("*-*")
    assert folder.name.rpartition("-")[0] == "seed=3,weight_scale=1.5"
    assert (open_run(folder).info["seed"], open_run(folder).config.model.weight_scale) == (3, 1.5)


def test_an_override_that_changes_nothing_is_the_same_run(call: Call, tiny: Path) -> None:
    assert call("train", "tiny.yaml", "seed=0").out.startswith(f"{tiny} exists")


def test_quiet_prints_nothing(call: Call) -> None:
    for _ in range(2):
        result = call("train", "tiny.yaml", "--quiet")
        assert (result.code, result.out, result.err) == (0, "", "")


def test_quiet_does_not_hide_errors(call: Call) -> None:
    result = call("train", "missing.yaml", "--quiet")
    assert result.code == 2
    assert "missing.yaml" in result.err
    assert result.out == ""


def test_json_is_the_run_and_its_path(call: Call) -> None:
    result = call("train", "tiny.yaml", "--json")
    value = json.loads(result.out)
    assert result.code == 0
    run = open_run(value.pop("path"))
    assert value == run.info


def test_a_dry_run_makes_nothing(call: Call) -> None:
    result = call("train", "tiny.yaml", "--dry-run", "seed=7")
    config = load_config("tiny.yaml", ["seed=7"])
    assert result.code == 0
    assert result.out == f"to be made: runs/tiny/seed=7-{identity(config)[:12]}\n\n{write_config(config)}"
    assert not Path("runs").exists()


def test_a_dry_run_says_what_exists(call: Call, tiny: Path) -> None:
    assert call("train", "tiny.yaml", "-n").out.startswith(f"exists already: {tiny}\n")


def test_a_diverged_run_is_done(call: Call) -> None:
    result = call("train", "tiny.yaml", *DIVERGING, "training.batches=40")
    assert result.code == 0
    assert result.err == ""
    assert result.out.startswith("diverged at update ")
    assert ", overflow in " in result.out.splitlines()[0]
    assert call("show", "runs/diverging").code == 0
    assert call("ls", "runs/diverging").out.splitlines()[1].split()[1] == "diverged"


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_every_cell_is_shown(call: Call, cell: str) -> None:
    result = call("train", "tiny.yaml", f"model.cell={cell}", "model.layers=2")
    assert result.code == 0
    assert f"no single matrix governs {cell}" in result.out
    assert "||dL/dh_t||, layer 1, bars on a logarithmic scale" in result.out


def test_the_runs_folder_is_an_option_and_a_variable(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("train", "tiny.yaml", "-q", "--runs", "a").code == 0
    monkeypatch.setenv("RNNLAB_RUNS", "b")
    assert call("train", "tiny.yaml", "-q").code == 0
    assert call("train", "tiny.yaml", "-q", "--runs", "c").code == 0
    assert [len(list(Path(name, "tiny").glob("*-*"))) for name in "abc"] == [1, 1, 1]
    assert not Path("runs").exists()


def test_a_config_error_is_told_with_its_place(call: Call) -> None:
    Path("wrong.yaml").write_text("name: x\nmodel:\n  hidden_sise: 3\n  cell: lstmm\n")
    result = call("train", "wrong.yaml")
    assert result.code == 2
    assert result.out == ""
    first, second = result.err.splitlines()
    assert first.startswith("wrong.yaml:3:3: unknown key")
    assert "hidden_size" in first
    assert second.startswith("wrong.yaml:4:9: ")
    assert "Did you mean 'lstm'?" in second
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--engine", "jax"], "there is no engine 'jax'; valid: auto, torch, native"),
        (["--device", "tpu"], "there is no device 'tpu'; valid: cpu, cuda, auto"),
    ],
)
def test_an_engine_or_a_device_that_is_not_there_is_a_usage_error(
    call: Call, arguments: list[str], sentence: str
) -> None:
    result = call("train", "tiny.yaml", *arguments)
    assert (result.code, result.out) == (2, "")
    assert sentence in result.err
    assert not Path("runs").exists()


def test_a_run_held_by_another_process_is_code_75(call: Call) -> None:
    with holder(Path("runs/tiny").absolute(), identity(load_config("tiny.yaml"))) as process:
        result = call("train", "tiny.yaml")
        assert (result.code, result.out) == (75, "")
        assert f"process {process.pid} on " in result.err
    assert call("train", "tiny.yaml").code == 0


def test_a_damaged_run_is_named_and_force_mends_it(call: Call, tiny: Path) -> None:
    (tiny / "metrics.npz").unlink()
    result = call("train", "tiny.yaml")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"{tiny} is damaged: metrics.npz is missing. Look at it and remove it, or make it again with --force\n"
    )
    assert call("train", "tiny.yaml", "--force").code == 0
    open_run(tiny).verify()


def test_a_study_path_that_is_a_file_is_a_sentence(call: Call) -> None:
    Path("runs").mkdir()
    Path("runs/tiny").touch()
    result = call("train", "tiny.yaml")
    assert (result.code, result.out) == (1, "")
    assert result.err == ("rnnlab: runs/tiny: File exists; nothing finished is lost, and the same command goes on\n")
    assert call("train", "tiny.yaml", "--runs", "tiny.yaml").code == 1


def test_names_beyond_ascii_are_written_with_escapes_where_they_cannot_be_shown(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import sys

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert call("train", "tiny.yaml", "name=größe").code == 0
    assert (Path("runs") / "größe").is_dir()
