"""One run as figures need it: its quantities with the records they were made at, and what it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rnnlab.extensions import LOADER
from rnnlab.figures.forms import axis_across, places
from rnnlab.figures.names import plain
from rnnlab.flow.group import GROUPS, Group, find_quantity
from rnnlab.flow.quantity import LAYER, Quantity
from rnnlab.picking import pick

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.nets import Cell
    from rnnlab.registry import Registry
    from rnnlab.store import Run, RunRecord
    from rnnlab.tasks import Loss, Task

_CURVES = 6
_LAYERS = 4
_LONGEST_TITLE = 90  # characters


def group_of(quantity: str) -> Group:
    """Give the group that declares a quantity."""
    return next(group for group in GROUPS.values() if quantity in {each.name for each in group.quantities})


def known_cell(record: RunRecord) -> Cell | None:
    """Make the cell of a run; None where that takes code of somebody's own, which a picture does not execute."""
    from rnnlab.nets import CELLS, NONLINEARITIES, make_cell

    model = record.config["model"]
    chosen: list[tuple[Registry[Any], Any]] = [(CELLS, model["cell"]), (NONLINEARITIES, model.get("nonlinearity"))]
    is_known = all(name is None or _is_known(registry, str(name)) for registry, name in chosen)
    return make_cell(str(model["cell"]), model) if is_known else None


def _is_known(registry: Registry[Any], name: str) -> bool:
    """Tell whether rnnlab itself has something of that name."""
    return name in registry and not LOADER.has_declared(registry[name])


def why_absent(quantity: Quantity, record: RunRecord) -> str:
    """Say why a run has no such array."""
    if record.is_watched:
        is_base = quantity in GROUPS["base"].quantities
        return (
            "no module of the model that was watched has it" if is_base else "a Recorder keeps only what every run has"
        )
    cell = known_cell(record)
    group = group_of(quantity.name)
    command = f"rnnlab measure PATH --quantities {group.name}".replace(" ", "\N{NO-BREAK SPACE}")  # in one line
    how = "" if group.by_default else f"; to record it, run {command}"
    if cell is None:
        return f"it was not recorded, or the cell '{record.config['model']['cell']}' has none"
    return quantity.why_absent(cell) or f"it was not recorded{how}"


@dataclass(frozen=True)
class Recorded:
    """A quantity of a run.

    Attributes:
        quantity: its declaration.
        array: its values, records first.
        steps_R: the updates made at the records of its group that were made: those after divergence are all NaN.
        every_step_R: at all records.
        arrays: all of its group.
    """

    quantity: Quantity
    array: np.ndarray
    steps_R: np.ndarray
    every_step_R: np.ndarray
    arrays: Mapping[str, np.ndarray]

    @property
    def records(self) -> int:
        """How many records were made."""
        return len(self.steps_R)

    @property
    def curves(self) -> list[int]:
        """The records that are drawn as curves."""
        return pick(self.records, _CURVES)

    def of_layer(self, layer: int) -> np.ndarray:
        """Give the values of a layer, records first; of the whole net, where the quantity has no layers."""
        return self.array[:, layer] if LAYER in self.quantity.axes else self.array

    def across(self) -> np.ndarray:
        """Give the numbers along the axis that curves run along."""
        return places(axis_across(self.quantity), self.array.shape[-1], self.arrays)


class Subject:
    """A run, read once."""

    def __init__(self, run: Run) -> None:
        self.run, self.metrics, self.record = run, run.metrics, run.record
        self.config: dict[str, Any] = run.record.config

    def recorded(self, quantity: Quantity | str) -> Recorded | None:
        """Give a quantity of the run; None where it has no such array."""
        name = quantity if isinstance(quantity, str) else quantity.name
        group = group_of(name)
        arrays = self.run.group(group.name) if group.file in self.record.files else {}
        if name not in arrays:
            return None
        every_step_R = arrays.get("step", self.metrics["step"])
        diverged_at = self.record.diverged_at
        made = every_step_R if diverged_at is None else every_step_R[every_step_R <= diverged_at]
        return Recorded(find_quantity(name), arrays[name], made, every_step_R, arrays)

    def require(self, quantity: Quantity | str) -> Recorded:
        """Give a quantity that the run is known to have."""
        recorded = self.recorded(quantity)
        assert recorded is not None
        return recorded

    def why_absent(self, quantity: Quantity) -> str:
        """Say why there is no such array."""
        return why_absent(quantity, self.record)

    @property
    def layers(self) -> int:
        """L."""
        return int(self.metrics["grad_norm"].shape[1])

    @property
    def shown_layers(self) -> list[int]:
        """The layers that are drawn: all, or four of many, with the lowest and the highest."""
        return pick(self.layers, _LAYERS)

    def layer_words(self, quantity: Quantity, layer: int) -> str:
        """Give the end of a title: which layer, where there are several."""
        return f", {self.record.layer_name(layer)}" if self.layers > 1 and LAYER in quantity.axes else ""

    def why_lacking(self, quantity: Quantity, layer: int) -> str | None:
        """Say that one layer of a watched model has no such quantity, where others have it; None where it has."""
        import numpy as np

        if not self.record.is_watched or not np.isnan(self.require(quantity).of_layer(layer)).all():
            return None
        return f"{self.record.layer_name(layer)} has no {quantity.symbol}."

    @property
    def timesteps(self) -> int:
        """T."""
        return int(self.metrics["grad_norm"].shape[-1])

    @property
    def cell(self) -> str:
        """The name of its cell."""
        return str(self.config["model"]["cell"])

    @cached_property
    def task(self) -> Task | None:
        """What it was trained on; None where that takes code of somebody's own, which a picture does not execute."""
        from pydantic import ValidationError

        from rnnlab.store import DamagedRunError
        from rnnlab.store.record import problem_of
        from rnnlab.tasks import TASKS

        section = self.config["task"]
        if not _is_known(TASKS, section["kind"]):
            return None
        try:
            return TASKS[section["kind"]].model_validate(section)
        except ValidationError as error:
            raise DamagedRunError(
                f"{self.run.path / 'run.json'} is damaged: {problem_of(error)}", self.run.path
            ) from None

    @property
    def last_timestep_only(self) -> bool:
        """Whether the loss is taken at the last timestep only."""
        return (
            bool(self.config["task"].get("last_timestep_only")) if self.task is None else self._loss.last_timestep_only
        )

    @property
    def _loss(self) -> Loss:
        assert self.task is not None
        return self.task.loss

    @property
    def loss_name(self) -> str:
        """What the loss is, with its unit if it has one."""
        if self.record.is_watched or self.task is None:
            return "loss"
        return f"{self._loss.name}" if "(" in self._loss.name else f"loss ({self._loss.name})"

    @property
    def title(self) -> str:
        """Study, label and what became of it."""
        label = self.run.path.name.rpartition("-")[0].replace(",", ", ")  # so that it can be broken into lines
        name = f"{self.config['name']}: {label}" if label not in {"", "default"} else str(self.config["name"])
        name = name if len(name) <= _LONGEST_TITLE else f"{name[: _LONGEST_TITLE - 1]}…"
        return plain(name)

    @property
    def subtitle(self) -> str:
        """The net, the task, and the divergence if there was one."""
        if self.record.is_watched:
            return self._watched_subtitle
        model, task = self.config["model"], self.config["task"]
        layers = f"{self.layers} layer{'s' if self.layers > 1 else ''}"
        nonlinearity = f" {model['nonlinearity']}" if model.get("nonlinearity") else ""
        words = [
            f"{self.cell}{nonlinearity}, {layers} of {model['hidden_size']}",
            f"{task['kind']}, T = {self.timesteps}" + ("" if self.task is None else f", loss {self._loss.where}"),
        ]
        if self.record.diverged_at is not None:
            words.append(f"diverged at update {self.record.diverged_at} of {self.config['training']['batches']}")
        return "; ".join(words)

    @property
    def _watched_subtitle(self) -> str:
        watched, diverged_at = self.config["watched"], self.record.diverged_at
        layers = f"{self.layers} layer{'s' if self.layers > 1 else ''}"
        words = [f"{watched['model']}, {layers}", f"watched every {watched['every']} updates"]
        words += [] if diverged_at is None else [f"diverged at update {diverged_at}"]
        words += ["unfinished"] if self.record.status == "unfinished" else []
        return plain("; ".join(words))
