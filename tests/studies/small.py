"""Configs of nets that train in a fraction of a second, and what is compared of their runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlab.config import Config, config_from_mapping
from rnnlab.store import Run
from rnnlab.studies.hooks import Hooks

SMALL: dict[str, Any] = {
    "name": "study",
    "task": {"kind": "cumulative-average", "seq_len": 4},
    "model": {"hidden_size": 3},
    "training": {"batches": 12, "batch_size": 4, "learning_rate": 0.01},
    "record": {"every": 5, "sequences": 3},
}

ELMAN_ADAM = ("model.cell=elman", "training.optimizer=adam")
LSTM_SGD_CLIPPED = ("model.cell=lstm", "training.optimizer=sgd", "training.clip_norm=0.05")
UNSTABLE = ("model.nonlinearity=identity", "training.optimizer=sgd", "training.learning_rate=1.5")
"""A linear net at a rate that makes it oscillate ever wider; the loss overflows after some updates."""

DIVERGING = (*UNSTABLE, "training.batches=40")


def small(*overrides: str, **sections: Mapping[str, Any]) -> Config:
    """Give the small config, changed by `key=value`."""
    return config_from_mapping(SMALL | sections, overrides)


def result_bytes(folder: Path) -> tuple[bytes, bytes]:
    """Give what must never differ: the bytes of both archives."""
    return (folder / "metrics.npz").read_bytes(), (folder / "weights.npz").read_bytes()


def workspace_of(run: Run) -> Path:
    """Give the folder in which a run was made."""
    return run.path.parent / f".{run.identity[:12]}"


class StopAt:
    """Asks for a stop as soon as a step is reached."""

    def __init__(self, step: int) -> None:
        self._step, self.reached = step, 0

    def hooks(self) -> Hooks:
        return Hooks(
            on_progress=lambda progress: setattr(self, "reached", progress.step),
            should_stop=lambda: self.reached >= self._step,
        )
