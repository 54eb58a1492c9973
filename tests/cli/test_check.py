"""`rnnlab check`: its table, its verdict, its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rnnlab.audit.check as check_module
from rnnlab.audit.automatic import by_modules
from rnnlab.audit.second_ways import SECOND_WAYS
from rnnlab.flow.group import GROUPS
from rnnlab.training import available_engines
from tests.audit.test_check import spoil
from tests.cli.conftest import Call


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text("task: {seq_len: 4}\nmodel: {hidden_size: 3, layers: 2}\nrecord: {sequences: 2}\n")
    return str(path)


def test_right_gradients_are_cleared(call: Call, config: str) -> None:
    result = call("check", config)
    assert result.code == 0
    assert "All ways agree to" in result.out
    assert "dL/dh layer 1" in result.out
    assert max(map(len, result.out.splitlines())) <= 100


def test_a_wrong_way_is_named_and_the_exit_code_is_1(call: Call, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(check_module.WAYS, "modules", spoil(by_modules, ("dL/dh", 1)))
    result = call("check", config)
    assert result.code == 1
    assert "WRONG: modules" in result.out
    assert result.out.rstrip().endswith("wrong: modules")


def test_json_says_the_same(call: Call, config: str) -> None:
    report = json.loads(call("check", config, "--json").out)
    assert report["agrees"] is True
    engines = [(name, "float32") for name in available_engines()]
    engines += [(name, "float64") for name, _ in engines if name == "native"]
    assert [(step["engine"], step["precision"]) for step in report["engines"]] == engines
    assert {row["name"] for row in report["quantities"]} >= {"dL/dh layer 0", "weight_hh_l1", "readout_bias"}


def test_every_group_of_quantities_has_a_row_and_a_wrong_one_is_named(
    call: Call, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnlab.flow.groups.lags._share", lambda part, _whole: part[:, 0])
    result = call("check", config)
    assert (result.code, result.out.splitlines()[-1]) == (1, "wrong: lags")
    rows = {
        line.split()[0]: line for line in result.out.partition("Groups of quantities")[2].splitlines()[2:-2]
    }  # between headings and the verdict
    assert list(rows) == [name for name in GROUPS if name in SECOND_WAYS]
    assert rows.pop("lags").endswith("WRONG: lag_share")
    assert {row.split()[-1] for row in rows.values()} == {"agree"}
    groups = json.loads(call("check", config, "--json").out)["groups"]
    assert [(group["name"], group["wrong"]) for group in groups if not group["agrees"]] == [("lags", ["lag_share"])]


def test_a_group_that_the_cell_has_not_is_not_checked(call: Call, config: str) -> None:
    assert "bounds: not checked: no single matrix governs an LSTM" in call("check", config, "model.cell=lstm").out
    report = json.loads(call("check", config, "model.cell=gru", "--json").out)
    assert report["groups_not_checked"] == {"bounds": "no single matrix governs a GRU"}


def test_a_tolerance_of_zero_finds_rounding(call: Call, config: str) -> None:
    assert call("check", config, "--tolerance", "0").code == 1
