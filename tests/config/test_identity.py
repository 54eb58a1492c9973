"""Identity counts what determines the result and nothing else; a config survives its own YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.config import (
    Config,
    canonical_json,
    config_from_mapping,
    flatten,
    identity,
    label,
    load_config,
    write_config,
)
from rnnlab.config.document import read_document
from rnnlab.config.scalars import Scalar
from tests.config.conftest import Write


def config(**sections: Any) -> Config:
    return config_from_mapping({"name": "x", **sections})


def test_the_canonical_json_of_the_defaults_never_changes() -> None:
    """A change here makes every finished run a stranger: then raise FORMAT_VERSION."""
    assert canonical_json(config()) == (
        '{"format":1,"model":{"bias_scale":1.0,"cell":"elman","hidden_size":32,"init":"uniform","layers":1,'
        '"nonlinearity":"tanh","weight_scale":1.0},"record":{"every":100,"sequences":32,"weights":false},"seed":0,'
        '"task":{"kind":"cumulative-average","last_timestep_only":false,"seq_len":10},"training":{"batch_size":32,'
        '"batches":5000,"clip_norm":null,"learning_rate":0.0001,"optimizer":"adam"}}'
    )
    assert identity(config()) == "38d0878c07c4ec3dec8f84c77aa62326125cf965c35fdc47e1ede0d53ca8aaf3"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "a"}, {"name": "b"}),
        ({}, {"sweep": {"seeds": 3}}),
        ({"model": {"weight_scale": 2}}, {"model": {"weight_scale": 2.0}}),
        ({"model": {"weight_scale": 0.0}}, {"model": {"weight_scale": -0.0}}),
        ({"model": {"cell": "gru", "nonlinearity": "relu"}}, {"model": {"cell": "gru"}}),
        ({"model": {"init": "gaussian", "bias_scale": 3}}, {"model": {"init": "gaussian"}}),
        (
            {"training": {"batches": 0, "batch_size": 1, "optimizer": "sgd", "learning_rate": 1, "clip_norm": 1}},
            {"training": {"batches": 0}, "record": {"every": 7}},
        ),
    ],
)
def test_what_does_not_determine_the_result(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert identity(config(**one)) == identity(config(**other))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"task": {"seq_len": 11}},
        {"task": {"last_timestep_only": True}},
        {"model": {"cell": "lstm"}},
        {"model": {"nonlinearity": "relu"}},
        {"model": {"hidden_size": 33}},
        {"model": {"layers": 2}},
        {"model": {"init": "gaussian"}},
        {"model": {"weight_scale": 1.0000000000000002}},
        {"model": {"bias_scale": 2}},
        {"training": {"batches": 0}},
        {"training": {"batch_size": 33}},
        {"training": {"optimizer": "sgd"}},
        {"training": {"learning_rate": 2e-4}},
        {"training": {"clip_norm": 1}},
        {"record": {"every": 99}},
        {"record": {"sequences": 33}},
        {"record": {"weights": True}},
    ],
)
def test_what_determines_the_result(change: dict[str, Any]) -> None:
    assert identity(config(**change)) != identity(config())


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "default"),
        ({"model.weight_scale": 1.5, "seed": 3}, "weight_scale=1.5,seed=3"),
        ({"model.weight_scale": 1.0, "training.learning_rate": 1e-05}, "weight_scale=1.0,learning_rate=1e-05"),
        ({"record.weights": True, "training.clip_norm": None}, "weights=true,clip_norm=null"),
        ({"a.x": 1, "b.x": 2, "y": 3}, "a.x=1,b.x=2,y=3"),
        ({"model.init": "a b/é"}, "init=a_b__"),
        ({"task.file": "/data/of/mine.npz"}, "file=mine.npz"),
        ({"model.init": "x" * 100}, "init=" + "x" * 75),
    ],
)
def test_labels(values: Mapping[str, Scalar], text: str) -> None:
    assert label(values) == text


positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
finite = st.floats(allow_nan=False, allow_infinity=False)
count = st.integers(1, 1000)
configs = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z0-9_][a-z0-9._-]{0,10}", fullmatch=True),
        "seed": st.integers(0, 2**32 - 1),
        "task": st.fixed_dictionaries({"seq_len": count, "last_timestep_only": st.booleans()}),
        "model": st.fixed_dictionaries(
            {
                "cell": st.sampled_from(["elman", "lstm", "gru"]),
                "nonlinearity": st.sampled_from(["tanh", "relu", "identity"]),
                "hidden_size": st.integers(1, 50),
                "init": st.sampled_from(["uniform", "gaussian", "identity"]),
                "weight_scale": finite,
                "bias_scale": finite,
            }
        ),
        "training": st.fixed_dictionaries(
            {"batches": st.integers(0, 1000), "learning_rate": positive, "clip_norm": st.none() | positive}
        ),
        "record": st.fixed_dictionaries({"every": count, "weights": st.booleans()}),
    }
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(configs)
def test_a_config_survives_its_own_yaml(data: dict[str, Any]) -> None:
    original = config_from_mapping(data)
    document = read_document(write_config(original), "a.yaml")
    assert not document.problems
    assert isinstance(document.data, dict)
    again = config_from_mapping(document.data)
    assert again == original
    assert identity(again) == identity(original)
    assert [str(v) for v in flatten(again).values()] == [str(v) for v in flatten(original).values()]


def test_the_yaml_of_a_config_is_a_config_file(write: Write) -> None:
    original = config(name="001", model={"cell": "lstm"}, training={"learning_rate": 1e-5})
    text = write_config(original)
    assert text.splitlines()[:5] == ["name: '001'", "seed: 0", "task:", "  kind: cumulative-average", "  seq_len: 10"]
    assert "  nonlinearity: null\n" in text
    assert "  learning_rate: 1.0e-05\n" in text
    assert load_config(write(text)) == original
