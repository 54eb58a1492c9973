"""The names that `rnnlab` gives: each resolves, none costs anything before it is used, and `train` takes any config."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rnnlab
from rnnlab.config import ConfigError, load_config
from tests.cli.conftest import CONFIG
from tests.store.samples import contents
from tests.studies.small import SMALL, small


@pytest.mark.parametrize("name", rnnlab.__all__)
def test_every_public_name_resolves_and_is_described(name: str) -> None:
    assert getattr(rnnlab, name).__doc__
    assert name in dir(rnnlab)


def test_importing_rnnlab_imports_nothing_heavy() -> None:
    script = (
        "import sys, rnnlab; print({'torch', 'numpy', 'pydantic', 'matplotlib', 'yaml', 'typer'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError) as refused:
        _ = rnnlab.trane
    assert str(refused.value) == "module 'rnnlab' has no attribute 'trane'"


def test_train_takes_a_mapping_a_path_and_a_config(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(CONFIG.replace("name: tiny", "name: study"))
    by_mapping = rnnlab.train(SMALL, runs=tmp_path / "a")
    assert by_mapping.status == "completed"
    by_path = rnnlab.train(file, runs=tmp_path / "b")
    by_text = rnnlab.train(str(file), runs=str(tmp_path / "c"))
    by_config = rnnlab.train(load_config(file), runs=tmp_path / "d")
    files = [(run.path / "metrics.npz").read_bytes() for run in (by_mapping, by_path, by_text, by_config)]
    assert len(set(files)) == 1
    assert {run.path.name for run in (by_mapping, by_path, by_text, by_config)} == {by_mapping.path.name}


def test_train_takes_overrides_and_finds_what_exists(tmp_path: Path) -> None:
    run = rnnlab.train(SMALL, ["seed=3"], runs=tmp_path)
    assert (run.info["seed"], run.path.name.partition("-")[0]) == (3, "seed=3")
    before = contents(tmp_path)
    assert rnnlab.train(SMALL, ["seed=3"], runs=tmp_path).path == run.path
    assert contents(tmp_path) == before
    assert rnnlab.open_run(run.path).identity == run.identity
    with pytest.raises(ValueError, match="a loaded config has been read with its own"):
        rnnlab.train(small(), ["seed=3"], runs=tmp_path)


def test_train_tells_what_is_wrong_with_a_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hidden_sise"):
        rnnlab.train(SMALL, ["model.hidden_sise=3"], runs=tmp_path)
    assert list(tmp_path.iterdir()) == []
