"""Which run a config is: sha256 over the canonical JSON of all that determines its result, and a label for people."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlab.component import NO_IDENTITY
from rnnlab.config.common_keys import ALWAYS_WRITTEN, ModelKeys, Section, TrainingKeys
from rnnlab.config.later import without_younger_keys
from rnnlab.config.scalars import Scalar
from rnnlab.config.schema import Config
from rnnlab.config.sections import ModelSection, TrainingSection

FORMAT_VERSION = 1  # raised when the same config begins to mean another result
LONGEST_LABEL = 80  # characters
_WITHOUT_UPDATES = ("batch_size", "optimizer", "learning_rate", "clip_norm")


def identity(config: Config) -> str:
    """Give the identity of a run, 64 hexadecimal digits. Name and sweep do not count."""
    return hashlib.sha256(canonical_json(config).encode()).hexdigest()


def canonical_json(config: Config) -> str:
    """Write what determines a run's result: keys sorted, no spaces, and null for keys that cannot matter."""
    model, training, record = (
        _chosen(config.model, ModelKeys),
        _chosen(config.training, TrainingKeys),
        without_younger_keys(config.record),
    )
    deviation = config.model.bias_std
    if deviation == 0 or (deviation is None and not config.model.make_initialiser().draws_biases):
        model["bias_scale"] = None  # the biases are zero
    if config.training.batches == 0:
        training = {"batches": 0, **dict.fromkeys(_WITHOUT_UPDATES)}
        record["every"] = None
    for key in NO_IDENTITY:
        record.pop(key.removeprefix("record."), None)
    task = without_younger_keys(config.task)
    task = {key: value for key, value in task.items() if key not in config.task.not_determining}
    content = {
        "format": FORMAT_VERSION,
        "seed": config.seed,
        "task": _normal(task),
        "model": _normal(model),
        "training": _normal(training),
        "record": _normal(record),
    }
    if config.extensions:  # the contents, wherever they lie and whatever they are called
        content["extensions"] = sorted(config.extensions.values())
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _chosen(section: ModelSection | TrainingSection, always: type[Section]) -> dict[str, Any]:
    """Give the values of a section without the keys of components that were not chosen, which are null."""
    return {
        key: value
        for key, value in without_younger_keys(section).items()
        if value is not None or key in always.model_fields or key in ALWAYS_WRITTEN
    }


def _normal(section: Mapping[str, Any]) -> dict[str, Any]:
    """Make -0.0 equal to 0.0, as it is in every result."""
    return {key: value + 0.0 if isinstance(value, float) else value for key, value in section.items()}


def label(values: Mapping[str, Scalar]) -> str:
    """Name a run for people by what sets it apart: `weight_scale=1.5,seed=3`."""
    if not values:
        return "default"
    short = {key: key.rpartition(".")[2] for key in values}
    uses = Counter(short.values())
    parts = [f"{short[key] if uses[short[key]] == 1 else key}={_word(value)}" for key, value in values.items()]
    return re.sub(r"[^A-Za-z0-9._=,+-]", "_", ",".join(parts))[:LONGEST_LABEL]


def _word(value: Scalar) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, float):
        return repr(value)
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else str(value)
