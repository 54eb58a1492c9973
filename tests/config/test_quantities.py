"""The key record.quantities: groups by name, in any of the ways that a person writes them, and no part of identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnlab.config import ConfigError, config_from_mapping, identity, load_config, load_sweep, write_config


def quantities(value: object) -> str | None:
    return config_from_mapping({"name": "study", "record": {"quantities": value}}).record.quantities


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (None, None),
        ([], None),
        ("lags", "lags"),
        (["activity", "lags", "lags"], "lags, activity"),
        ("activity,lags", "lags, activity"),
        ("all", "all"),
        (["lags", "all"], "all"),
    ],
)
def test_groups_are_written_as_a_list_or_with_commas(written: object, meant: str | None) -> None:
    assert quantities(written) == meant


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("lag", "there is no group of quantities 'lag'; valid: exponent, lags, .*Did you mean 'lags'?"),
        (["lags", "base"], "there is no group of quantities 'base'"),
        (3, "got 3; valid: names of groups"),
        ([1], "got a list; valid: names of groups"),
    ],
)
def test_what_is_no_group_is_refused(written: object, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        quantities(written)


def test_they_are_no_part_of_what_a_run_is_and_of_no_label(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("name: study\n")
    plain, more = load_config(file), load_config(file, ["record.quantities=lags,bounds"])
    assert identity(plain) == identity(more)
    assert more.record.quantities == "lags, bounds"
    (run,) = load_sweep(file, ["record.quantities=[lags]"]).walk()
    assert run.values == {}


def test_they_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    config = config_from_mapping({"name": "study", "record": {"quantities": ["split", "lags"]}})
    file = tmp_path / "config.yaml"
    file.write_text(write_config(config))
    assert load_config(file) == config


def test_they_cannot_be_swept(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("name: study\nsweep:\n  axes:\n    record.quantities: [lags, bounds]\n")
    with pytest.raises(
        ConfigError, match=r"study.yaml:4:5: 'record.quantities' sets no runs apart and cannot be swept"
    ):
        load_sweep(file)
