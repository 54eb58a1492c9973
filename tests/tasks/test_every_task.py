"""What holds of every task without a file: how it draws, what knowing nothing costs, that every engine takes it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from rnnlab.config import config_from_mapping
from rnnlab.studies.run import run_one
from rnnlab.tasks import TASKS, CrossEntropy
from rnnlab.training import BATCHES, available_engines, make_stream

WITHOUT_A_FILE = [kind for kind, task in TASKS.items() if not task.model_fields.get("file")]


@pytest.mark.parametrize("kind", WITHOUT_A_FILE)
def test_sequences_do_not_depend_on_how_they_are_cut(kind: str) -> None:
    task, stream = TASKS[kind].model_validate({}), make_stream(3, BATCHES)
    whole = task.sample(make_stream(3, BATCHES), 9)
    parts = [task.sample(stream, count) for count in (1, 3, 5)]
    for which in (0, 1):
        assert np.array_equal(whole[which], np.concatenate([part[which] for part in parts]))


@pytest.mark.parametrize("kind", WITHOUT_A_FILE)
def test_sequences_have_the_promised_shapes_and_types(kind: str) -> None:
    task = TASKS[kind].model_validate({})
    inputs, targets = task.sample(make_stream(0, BATCHES), 3)
    assert inputs.shape == (3, task.seq_len, task.input_size)
    assert inputs.dtype == np.float32
    if isinstance(task.loss, CrossEntropy):
        assert targets.shape == (3, task.seq_len)
        assert targets.dtype == np.int64
        assert 0 <= targets.min() <= targets.max() < task.output_size
    else:
        assert targets.shape == (3, task.seq_len, task.output_size)
        assert targets.dtype == np.float32


@pytest.mark.parametrize("kind", WITHOUT_A_FILE)
def test_every_engine_trains_on_it_to_the_same_losses(kind: str, tmp_path: Path) -> None:
    config = config_from_mapping(
        {"name": "x", "task": {"kind": kind}, "model": {"hidden_size": 4}, "training": {"batches": 3, "batch_size": 5}}
    )
    runs = [run_one(config, runs=tmp_path / name, engine=name).run for name in available_engines()]
    losses = [run.metrics["loss"] for run in runs]
    assert np.isfinite(losses).all()
    assert np.allclose(losses, losses[0], rtol=1e-4)
    assert all(math.isfinite(floor) and floor >= 0 for floor in runs[0].record.floors.values())
