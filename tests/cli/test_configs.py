"""init, validate and doctor, and the configs that are shipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnnlab import nested
from rnnlab.cli.init import question
from rnnlab.config import canonical_json, describe_keys, load_config, load_sweep, write_config
from rnnlab.shipped import shipped_configs
from tests.cli.conftest import Call

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))


def test_init_lists_every_shipped_config_with_its_question(call: Call) -> None:
    result = call("init")
    assert (result.code, result.err) == (0, "")
    listed = [line.split()[0] for line in result.out.splitlines()[1:]]
    assert listed == [file.relative_to(CONFIGS).with_suffix("").as_posix() for file in FILES]
    for file in FILES:
        assert question(file) in result.out


def test_init_copies_a_config_and_never_over_another(call: Call) -> None:
    result = call("init", "vanishing")
    assert (result.code, result.err) == (0, "")
    assert result.out == "vanishing.yaml\nnext: rnnlab train vanishing.yaml\n"
    assert Path("vanishing.yaml").read_bytes() == (CONFIGS / "vanishing.yaml").read_bytes()
    Path("vanishing.yaml").write_text("mine")
    result = call("init", "vanishing")
    assert (result.code, result.out) == (2, "")
    assert result.err == "vanishing.yaml exists; name another file, or replace it with --force\n"
    assert Path("vanishing.yaml").read_text() == "mine"
    assert call("init", "vanishing", "--force").code == 0
    assert call("init", "last-timestep-only.yaml", "new/mine.yaml").code == 0
    assert Path("new/mine.yaml").read_bytes() == (CONFIGS / "last_timestep_only.yaml").read_bytes()
    assert call("init", "lstm", "new").out.startswith("new/lstm.yaml\n")


def test_init_of_an_unknown_name_lists_what_there_is(call: Call) -> None:
    result = call("init", "vanish")
    assert (result.code, result.out) == (2, "")
    valid = ", ".join(shipped_configs())
    assert result.err == f"there is no config 'vanish'; valid: {valid}. Did you mean 'vanishing'?\n"


def test_validate_prints_the_config_in_full(call: Call) -> None:
    result = call("validate", "tiny.yaml", "seed=4")
    assert (result.code, result.err) == (0, "")
    assert result.out == write_config(load_config("tiny.yaml", ["seed=4"]))
    result = call("validate", "tiny.yaml", "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_validate_tells_every_error(call: Call) -> None:
    Path("wrong.yaml").write_text("seed: -1\ntraining: {batches: no}\n")
    result = call("validate", "wrong.yaml", "model.layer=2")
    assert (result.code, result.out) == (2, "")
    assert len(result.err.splitlines()) == 3


def test_validate_without_a_file_says_what_to_give(call: Call) -> None:
    result = call("validate")
    assert (result.code, result.out) == (2, "")
    assert "name a CONFIG, or give --schema, --keys or --quantities" in result.err


def test_the_schema_is_json_schema(call: Call) -> None:
    schema = json.loads(call("validate", "--schema").out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"name", "seed", "task", "model", "training", "record", "sweep"} <= set(schema["properties"])


def test_keys_lists_every_key_with_its_meaning(call: Call) -> None:
    lines = call("validate", "--keys").out.splitlines()
    assert [line.split()[0] for line in lines[::2]] == [key.key for key in describe_keys()]
    assert all(line.startswith("    ") for line in lines[1::2])


def test_doctor_says_what_there_is(call: Call) -> None:
    result = call("doctor")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("python ")
    facts = json.loads(call("doctor", "--json").out)
    assert {"python", "rnnlab", "torch", "numpy", "cores", "memory", "runs", "advice"} <= set(facts)
    assert not Path("runs").exists()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_config_is_valid_and_opens_with_its_question(file: Path) -> None:
    first = file.read_text().splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith("?")
    config = load_config(file)
    assert config.name == file.stem.replace("_", "-") or file.parent != CONFIGS
    load_sweep(file)


def _scalars(value: dict[str, Any], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key, item in value.items():
        keys += _scalars(item, f"{prefix}{key}.") if isinstance(item, dict) else [f"{prefix}{key}"]
    return keys


def test_the_first_config_spells_every_key_of_a_first_study_one_a_line() -> None:
    """What it leaves out came later, and holds its default."""
    file = CONFIGS / "cumulative_average.yaml"
    written = _scalars(yaml.safe_load(file.read_text()))
    telling = nested.flatten(json.loads(canonical_json(load_config(file))))
    assert written == list(dict.fromkeys(key.key for key in describe_keys() if key.key in {"name", *telling}))
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(written) + len({key.partition(".")[0] for key in written if "." in key})
