"""One run as figures need it: which records were made, which of them are drawn, what it is called."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from rnnlab.figures.style import pick

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.store import Run
    from rnnlab.tasks import Task

_CURVES = 6
_LAYERS = 4
_LONGEST_TITLE = 90  # characters


class Subject:
    """A run, read once."""

    def __init__(self, run: Run) -> None:
        self.run, self.metrics, self.info = run, run.metrics, run.info
        self.config: dict[str, Any] = run.info["config"]

    @property
    def layers(self) -> int:
        """L."""
        return int(self.metrics["grad_norm"].shape[1])

    @property
    def shown_layers(self) -> list[int]:
        """The layers that are drawn: all, or four of many, with the lowest and the highest."""
        return pick(self.layers, _LAYERS)

    @property
    def timesteps(self) -> int:
        """T."""
        return int(self.metrics["grad_norm"].shape[2])

    @property
    def cell(self) -> str:
        """The name of its cell."""
        return str(self.config["model"]["cell"])

    @cached_property
    def steps_R(self) -> np.ndarray:
        """The updates made at the records that were made: those after divergence hold nothing but NaN."""
        steps_R: np.ndarray = self.metrics["step"]
        diverged_at = self.info["diverged_at"]
        return steps_R if diverged_at is None else steps_R[steps_R <= diverged_at]

    @property
    def records(self) -> int:
        """How many records were made."""
        return len(self.steps_R)

    @property
    def curves(self) -> list[int]:
        """The records that are drawn as curves."""
        return pick(self.records, _CURVES)

    @cached_property
    def task(self) -> Task:
        """What it was trained on."""
        from rnnlab.tasks import TASKS

        section = self.config["task"]
        return TASKS[section["kind"]].model_validate(section)

    @property
    def last_timestep_only(self) -> bool:
        """Whether the loss is taken at the last timestep only."""
        return self.task.loss.last_timestep_only

    @property
    def loss_name(self) -> str:
        """What the loss is, with its unit if it has one."""
        return f"{self.task.loss.name}" if "(" in self.task.loss.name else f"loss ({self.task.loss.name})"

    @property
    def title(self) -> str:
        """Study, label and what became of it."""
        label = self.run.path.name.rpartition("-")[0]
        name = f"{self.config['name']}: {label}" if label not in {"", "default"} else str(self.config["name"])
        name = name if len(name) <= _LONGEST_TITLE else f"{name[: _LONGEST_TITLE - 1]}…"
        return plain(name)

    @property
    def subtitle(self) -> str:
        """The net, the task, and the divergence if there was one."""
        model, task = self.config["model"], self.config["task"]
        layers = f"{self.layers} layer{'s' if self.layers > 1 else ''}"
        nonlinearity = f" {model['nonlinearity']}" if model.get("nonlinearity") else ""
        where = "loss at the last timestep" if self.last_timestep_only else "loss at every timestep"
        words = [
            f"{self.cell}{nonlinearity}, {layers} of {model['hidden_size']}",
            f"{task['kind']}, T = {self.timesteps}, {where}",
        ]
        if self.info["diverged_at"] is not None:
            words.append(f"diverged at update {self.info['diverged_at']} of {self.config['training']['batches']}")
        return "; ".join(words)


def plain(text: str) -> str:
    """Write a text so that matplotlib draws it as it is, dollar signs and control characters too."""
    printable = "".join(c if c.isprintable() or c == "\N{NO-BREAK SPACE}" else "?" for c in text)
    return printable.replace("$", r"\$")
