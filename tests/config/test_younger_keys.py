"""A key that is added later changes nothing for what exists: not an identity, not how an old run is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field

from rnnlab.component import AddedLater, key
from rnnlab.config import canonical_json, config_from_mapping, identity, load_sweep
from rnnlab.config.later import only_follows, with_younger_keys
from rnnlab.nets import CELLS, Elman
from rnnlab.store import open_study
from rnnlab.tasks import TASKS
from rnnlab.tasks.cumulative_average import CumulativeAverage
from tests.checksums import CONFIGS, shipped
from tests.store.samples import make_run

IDENTITIES = {
    "cells.yaml": "f01c504e5f3296ca",
    "cumulative_average.yaml": "291e451b97f721fe",
    "depth.yaml": "fadaf357e8e07173",
    "exploding.yaml": "835441167f7e4d5d",
    "gru.yaml": "73e7c419af3c934d",
    "labs/bigram.yaml": "2e9e911e8b858191",
    "labs/bigram_learned.yaml": "e79bf8bbb62f24dd",
    "labs/gradients.yaml": "ab695c502885ce1d",
    "labs/phonemes.yaml": "70cf097e7dddc017",
    "labs/random_labels.yaml": "6e52d92b3b0949eb",
    "labs/sentiment.yaml": "6c734ded434bdb7e",
    "last_timestep_only.yaml": "a8b95c7154a304f7",
    "last_vs_all.yaml": "165694d2c560d8f3",
    "lstm.yaml": "9e8af40a449d4120",
    "nightly.yaml": "6626eea59e9a73cf",
    "sequence_length.yaml": "23c6e125eedd01f9",
    "two_layers.yaml": "e07b16ec327d0e80",
    "vanishing.yaml": "ac6d2fa345103112",
    "weight_scale.yaml": "5e60f7e8e2dc3211",
}
"""Checksums of the identities of all runs of each config that was there before any key was added later."""


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.relative_to(CONFIGS).as_posix())
def test_no_run_of_a_shipped_config_has_become_a_stranger(path: Path) -> None:
    before = IDENTITIES.get(path.relative_to(CONFIGS).as_posix())
    if before is None:
        pytest.skip("this config is younger than the keys")
    identities = "".join(identity(run.config) for run in load_sweep(path, []).walk())
    assert hashlib.sha256(identities.encode()).hexdigest()[:16] == before


@dataclass(frozen=True)
class Shifted(Elman):
    """An Elman cell that gained two keys."""

    name: ClassVar[str] = "shifted"
    shift: float = key(0.5, description="Was there from the beginning.")
    later_shift: float = key(0.25, description="Came later.", added_later=True)


class Average(CumulativeAverage):
    """A task that gained a key."""

    kind: Literal["average"] = "average"  # type: ignore[assignment]
    loudness: Annotated[float, AddedLater()] = Field(1.0, description="Came later.")


@pytest.fixture(autouse=True)
def _declared() -> Iterator[None]:
    with CELLS.extended(Shifted), TASKS.extended(Average):
        yield


def content(**sections: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(canonical_json(config_from_mapping({"name": "x", **sections})))
    return read


def test_a_younger_key_of_a_component_is_left_out_while_it_holds_its_default() -> None:
    assert content(model={"cell": "shifted"})["model"] == {
        **content()["model"],
        "cell": "shifted",
        "shift": 0.5,
    }
    assert content(model={"cell": "shifted", "later_shift": 0.5})["model"]["later_shift"] == 0.5


def test_a_younger_key_of_a_task_is_left_out_while_it_holds_its_default() -> None:
    assert "loudness" not in content(task={"kind": "average"})["task"]
    assert content(task={"kind": "average", "loudness": 2})["task"]["loudness"] == 2.0


def test_a_stored_config_that_lacks_a_younger_key_is_read_as_having_its_default() -> None:
    stored = {"name": "x", "task": {"kind": "average"}, "model": {"cell": "shifted", "shift": 1.0}}
    read = with_younger_keys(stored)
    assert read["task"]["loudness"] == 1.0
    assert read["model"]["later_shift"] == 0.25
    assert "loudness" not in stored["task"], "what was read is not changed itself"
    assert with_younger_keys(read) is read
    assert with_younger_keys({"model": {"cell": "elman"}})["model"]["later_shift"] is None, "it applies to no other"


def test_what_cannot_be_made_sense_of_is_left_as_it_is() -> None:
    odd: dict[str, Any] = {"name": "x", "task": {"kind": "gone"}, "model": None, "unheard": {"of": 1}}
    assert with_younger_keys(odd) is odd


def test_an_old_run_is_compared_with_a_new_one_as_if_it_had_the_key(tmp_path: Path) -> None:
    old, new = {"cell": "shifted"}, {"cell": "shifted", "later_shift": 0.25}
    make_run(tmp_path / "study", 0, config={"name": "study", "seed": 0, "model": old})
    make_run(tmp_path / "study", 1, config={"name": "study", "seed": 1, "model": new})
    assert open_study(tmp_path / "study").axes == {"seed": (0, 1)}
    make_run(tmp_path / "study", 2, config={"name": "study", "seed": 0, "model": {**new, "later_shift": 0.5}})
    assert open_study(tmp_path / "study").axes == {"model.later_shift": (0.25, 0.5), "seed": (0, 1)}


def test_a_key_follows_its_component_where_one_has_the_default_and_the_other_has_none() -> None:
    assert only_follows("model.leak", None, 0.5)
    assert not only_follows("model.leak", None, 0.25)
    assert not only_follows("model.leak", 0.5, 0.25)
    assert not only_follows("model.leak", [0.5], {})  # as of a run.json that somebody wrote into
    assert not only_follows("model.hidden_size", None, 32)
