"""Extensions in a config: their keys and choices, what they are to the identity, and every way they can be wrong."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from rnnlab.config import (
    Config,
    ConfigError,
    canonical_json,
    config_from_mapping,
    describe_keys,
    flatten,
    identity,
    load_config,
    load_run,
    load_sweep,
    write_config,
)
from rnnlab.experiment import architecture_of
from rnnlab.extensions import LOADER, ExtensionError
from rnnlab.nets import CELLS, NONLINEARITIES
from rnnlab.tasks import TASKS
from tests.extensions.own import CONFIG, OWN, STEP, with_step, write


def told(config: Path, *overrides: str) -> str:
    """Give what is wrong with a config, without its folder's name."""
    with pytest.raises((ConfigError, ExtensionError)) as caught:
        load_config(config, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{config.parent}/", "")


def test_its_keys_and_choices_are_those_of_any_config(tmp_path: Path) -> None:
    config = load_config(write(tmp_path), ["model.pull=0.25", "task.loudness=2.0", "model.init=halves"])
    assert (config.model.cell, config.model.init, config.task.kind) == ("pulled", "halves", "echo")
    rows = {row.key: row for row in describe_keys()}
    assert rows["model.pull"].type == "a number above 0 and of at most 1"
    assert rows["task.loudness"].description == "echo: The deviation of the inputs."
    assert told(tmp_path / "study.yaml", "model.pul=1").endswith("unknown key 'model.pul'. Did you mean 'model.pull'?")
    (tmp_path / "study.yaml").write_text(CONFIG.replace("pulled", "puled").replace("echo", "ecko"))
    text = told(tmp_path / "study.yaml")
    assert "study.yaml:2:14: task.kind: got 'ecko'; valid: " in text
    assert text.count("Did you mean 'echo'?") == text.count("Did you mean 'pulled'?") == 1


def test_an_override_may_choose_what_it_declares_and_an_axis_may_run_over_its_keys(tmp_path: Path) -> None:
    sweep = load_sweep(write(tmp_path), ["model.pull=0.1,0.2", "model.cell=pulled,elman", "model.nonlinearity=arctan"])
    runs = sweep.expand().runs
    assert [run.values["model.pull"] for run in runs] == [0.1, None, 0.2]
    assert len({run.identity for run in runs}) == 3


def test_the_content_is_the_identity_and_neither_name_nor_place_is(tmp_path: Path) -> None:
    before = load_config(write(tmp_path / "a"))
    elsewhere = load_config(write(tmp_path / "b"))
    assert identity(elsewhere) == identity(before)
    (tmp_path / "b" / "own.py").rename(tmp_path / "b" / "other.py")
    (tmp_path / "b" / "study.yaml").write_text(CONFIG.replace("own.py", "other.py"))
    assert identity(load_config(tmp_path / "b" / "study.yaml")) == identity(before)
    assert "own" not in canonical_json(before)
    edited = load_config(write(tmp_path / "a", f"{OWN}\n# edited\n"))
    assert identity(edited) != identity(before)
    assert flatten(edited)["extensions.own"] != flatten(before)["extensions.own"]


def test_a_config_without_extensions_is_what_it_was(tmp_path: Path) -> None:
    without = config_from_mapping({"name": "x", "extensions": []})
    assert without == config_from_mapping({"name": "x"})
    assert "extensions" not in canonical_json(without) + write_config(without) + without.model_dump_json()
    assert not [key for key in flatten(without) if key.startswith("extensions")]


def test_a_config_is_written_and_read_again(tmp_path: Path) -> None:
    config = load_config(write(tmp_path))
    (tmp_path / "again.yaml").write_text(write_config(config))
    assert load_config(tmp_path / "again.yaml") == config
    assert Config.model_validate_json(config.model_dump_json()) == config
    assert hash(config) == hash(load_config(tmp_path / "study.yaml"))
    assert "extensions:\n  - 'extensions/own.py'\n" in write_config(config, with_copies=True)


def test_more_may_be_named_than_a_config_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path, config=CONFIG.replace("extensions: [own.py]\n", ""))
    monkeypatch.chdir(tmp_path)
    read = load_run(config, ["model.pull=0.25"], ["own.py"])
    assert read.changed == {"model.pull": 0.25}
    assert identity(read.config) == identity(load_config(write(tmp_path / "b"), ["model.pull=0.25"]))
    assert load_config(config, extensions=["own.py", tmp_path / "own.py"]).extensions == read.config.extensions
    with pytest.raises(
        ExtensionError, match=r"^extension awn\.py: there is no file .*awn\.py\. Did you mean 'own\.py'"
    ):
        load_config(config, extensions=["awn.py"])


def test_another_version_takes_the_place_of_the_one_before_and_each_config_keeps_its_own(tmp_path: Path) -> None:
    first = load_config(write(tmp_path))
    assert CELLS["pulled"]().pull == 0.5  # type: ignore[attr-defined]
    second = load_config(write(tmp_path, OWN.replace("key(0.5", "key(0.75")))
    assert (first.model.model_dump()["pull"], second.model.model_dump()["pull"]) == (0.5, 0.75)
    cells = [architecture_of(config).cell for config in (first, second, first)]
    assert type(cells[0]) is type(cells[2]), "going back makes the very same class count"
    assert type(cells[0]) is not type(cells[1])
    write(tmp_path, OWN.replace("pulled", "drawn"), CONFIG.replace("pulled", "drawn"))
    load_config(tmp_path / "study.yaml")
    assert "drawn" in CELLS
    assert "pulled" not in CELLS


def test_a_config_has_no_keys_of_extensions_that_it_does_not_name(tmp_path: Path) -> None:
    """Such as a worker would not know, which is given no other extensions than those of its runs."""
    own = load_config(write(tmp_path))
    plain = config_from_mapping({"name": "x"})
    assert "model.pull" not in flatten(plain)
    with pytest.raises(ConfigError, match="unknown key 'pull' in model"):
        config_from_mapping({"name": "x", "model": {"pull": 0.5}})
    assert architecture_of(own).cell.name == "pulled"
    assert architecture_of(plain).cell.name == "elman"


def test_nothing_is_left_of_one_that_fails(tmp_path: Path) -> None:
    names = list(CELLS), list(TASKS), list(NONLINEARITIES)
    told(write(tmp_path, f"{OWN}\n1 / 0\n"))
    assert (list(CELLS), list(TASKS), list(NONLINEARITIES)) == names
    assert LOADER.used == []


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("x = (1,\n", "own.py:1:5: '(' was never closed"),
        ("import nothing_such\n", "own.py:1: ModuleNotFoundError: No module named 'nothing_such'\n    import nothing"),
        ("x = 1\n\nx.y\n", "own.py:3: AttributeError: 'int' object has no attribute 'y'\n    x.y"),
        ("raise SystemExit(3)\n", "own.py:1: SystemExit: 3\n    raise SystemExit(3)"),
        ("def f():\n    raise KeyError('a')\n\nf()\n", "own.py:2: KeyError: a\n    raise KeyError('a')"),
        (OWN.replace('str] = "pulled"', 'str] = "elman"'),
         "own.py:13: ValueError: there is already a cell 'elman'; choose another name\n    @CELLS.register"),
        (OWN.replace('    name: ClassVar[str] = "pulled"\n', ""),
         "own.py:13: AttributeError: type object 'Pulled' has no attribute 'name'\n    @CELLS.register"),
        (OWN.replace("pull: float", "layers: float"),
         "own.py: there is already a key model.layers; choose another name"),
        (OWN.replace("pull: float", "leak: float"), "own.py: the cell 'pulled' declares leak unlike another"),
        ("x = '\0'\n", "own.py: SyntaxError: source code string cannot contain null bytes"),
    ],
)  # fmt: skip
def test_a_fault_at_loading_is_told_with_its_file_and_line(tmp_path: Path, code: str, sentence: str) -> None:
    assert told(write(tmp_path, code)).startswith(sentence)


def test_a_module_beside_the_file_is_not_found_and_that_is_explained(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("x = 1\n")
    text = told(write(tmp_path, "import helper\n"))
    assert text.startswith("own.py:1: ModuleNotFoundError: No module named 'helper'")
    assert text.endswith("Put what it needs of helper.py into it, or install that")


@pytest.mark.parametrize(
    ("extensions", "sentence"),
    [
        ("[owm.py]", "study.yaml:1:14: extensions: there is no file owm.py. Did you mean 'own.py'?"),
        (
            "own.py",
            "study.yaml:1:13: extensions: got 'own.py'; valid: a list of Python files and of names of installed",
        ),
        ("[3]", "study.yaml:1:14: extensions: got 3; valid: a list of Python files"),
        ("[study.yaml]", "study.yaml:1:14: extensions: there is no extension 'study.yaml'; "),
        ("[./study.yaml]", "study.yaml:1:14: extensions: study.yaml is no Python file; valid: a file whose name ends"),
        ("[sub/own.py, own.py]", "two extensions are called own: "),
        ("[nothing]", "study.yaml:1:14: extensions: there is no extension 'nothing'; "),
    ],
)
def test_faults_of_the_list_are_shown_where_it_stands(tmp_path: Path, extensions: str, sentence: str) -> None:
    write(tmp_path / "sub", f"{OWN}\n")
    assert sentence in told(write(tmp_path, config=CONFIG.replace("[own.py]", extensions)))


def test_what_a_person_may_think_of_and_cannot_do(tmp_path: Path) -> None:
    config = write(tmp_path)
    assert "code of your own is named by --extension FILE" in told(config, "extensions=[a.py]")
    config.write_text(f"{CONFIG}sweep: {{axes: {{extensions: [a.py, b.py]}}}}\n")
    assert "'extensions' cannot be swept" in told(config)
    config.write_text(CONFIG.replace("extensions", "extension"))
    assert "unknown key 'extension' at the top level. Did you mean 'extensions'?" in told(config)


def installed(folder: Path, version: str) -> None:
    """Lay a package out as an installer would."""
    package, about = folder / "fancy_cells", folder / f"fancy-{version}.dist-info"
    for each in (package, about):
        each.mkdir(parents=True)
    (package / "__init__.py").write_text("from fancy_cells import cells\n")
    (package / "cells.py").write_text(OWN)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fancy\nVersion: {version}\n")
    (about / "entry_points.txt").write_text("[rnnlab.extensions]\nfancy-cells = fancy_cells\n")


def test_an_installed_package_is_named_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path, config=CONFIG.replace("own.py", "fancy-cells"))
    assert "there is no extension 'fancy-cells'; none is installed" in told(config)
    installed(tmp_path / "site", "1.2")
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = load_config(config)
    assert found.extensions == {"fancy-cells": "fancy 1.2"}
    assert '"extensions":["fancy 1.2"]' in canonical_json(found)
    assert "extensions:\n  - fancy-cells\n" in write_config(found, with_copies=True)
    config.write_text(CONFIG.replace("own.py", "fancy-cell"))
    assert told(config).endswith("installed: fancy-cells; a file's name ends in .py. Did you mean 'fancy-cells'?")
    shutil.rmtree(tmp_path / "site")
    for name in [name for name in sys.modules if name.startswith("fancy_cells")]:
        del sys.modules[name]


def test_a_step_that_names_nothing_is_no_reason_not_to_load(tmp_path: Path) -> None:
    """What a step does shows when it is made; reading a config takes no step."""
    assert load_config(write(tmp_path, with_step("return nothing"))).model.cell == "pulled"
    assert STEP in OWN
