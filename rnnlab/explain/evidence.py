"""What a run says when it is asked: arrays that it has recorded, and others that are measured for the question.

Only the first and the last record are asked for, whose weights every run folder holds. Nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rnnlab.experiment import prepare
from rnnlab.explain.finding import Source
from rnnlab.flow import GROUPS, Group, Problem, measure
from rnnlab.flow.declaring import no_slopes
from rnnlab.flow.groups.jacobians import gains
from rnnlab.flow.quantity import Sizes
from rnnlab.nets import Architecture
from rnnlab.store import Run
from rnnlab.training import FRESH, make_stream

if TYPE_CHECKING:
    from torch import Tensor

MOST_OPERATIONS = 2e11
"""Of what is measured for a question, some ten seconds: for longer sequences fewer of them are taken."""


@dataclass(frozen=True)
class Moment:
    """A record that is explained: its place in what is measured here, in the run's records, and its update."""

    place: int
    record: int
    update: int

    @property
    def label(self) -> str:
        """What a sentence begins with."""
        return f"update {self.update}"


class Evidence:
    """What is known of a run at its first and its last record.

    Attributes:
        run: the finished run.
        prepared: its net before training, and its probe sequences.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.prepared = run, prepare(run.config)
        self._found: dict[str, dict[str, np.ndarray]] = {}
        self.sequences: dict[str, int] = {}

    @property
    def architecture(self) -> Architecture:
        """The shape of the net."""
        return self.prepared.architecture

    @property
    def timesteps(self) -> int:
        """T."""
        return int(self.prepared.probe_inputs_BTI.shape[1])

    @cached_property
    def moments(self) -> list[Moment]:
        """The first record, and the last one where training went on to it: not after a divergence."""
        steps_R = self.run.metrics["step"]
        records = [0] if len(steps_R) == 1 or self.run.record.diverged_at is not None else [0, len(steps_R) - 1]
        return [Moment(place, record, int(steps_R[record])) for place, record in enumerate(records)]

    @cached_property
    def problem(self) -> Problem:
        """The weights of these records on the probe sequences."""
        prepared, weights = self.prepared, self.run.weights
        when = ("initial", "final")[: len(self.moments)]
        names = list(self.architecture.parameter_shapes)
        return Problem(
            prepared.architecture,
            {name: np.stack([weights[f"{each}/{name}"] for each in when]) for name in names},
            prepared.probe_inputs_BTI,
            prepared.probe_targets,
            prepared.recipe.sequence_loss,
            lambda count: prepared.config.task.sample(make_stream(prepared.config.seed, FRESH), count)[0],
        )

    @cached_property
    def has_only_last_loss(self) -> bool:
        """Whether the loss is at the last timestep only, so that every gradient has come all the way from there."""
        return not self.problem.loss_gradient_STBO[:, :-1].any()

    @cached_property
    def from_the_end(self) -> Problem:
        """The same with the loss at the last timestep, or where there are others, with the last prediction for it."""
        return self.problem if self.has_only_last_loss else replace(self.problem, sequence_loss=_last_prediction)

    def get(self, name: str) -> np.ndarray | None:
        """Give an array by its name, (moments, ...); None where the cell has no such thing."""
        group = _group_of(name)
        stored = self._stored(group)
        return stored[name] if name in stored else self._measured(group).get(name)

    def mean(self, name: str, moment: Moment) -> float:
        """Give the mean of an array of layer 0 at one record; NaN where the cell has no such thing."""
        array = self.get(name)
        return float("nan") if array is None else float(array[moment.place, 0].mean())

    def source(self, name: str) -> Source:
        """Say where an array comes from."""
        group = _group_of(name)
        recorded = group.file in self.run.record.files and name in self.run.group(group.name)
        return Source(group.file, name, recorded)

    def sequences_of(self, name: str) -> int:
        """Give how many probe sequences an array was measured on."""
        return self.sequences.get(_group_of(name).name, len(self.prepared.probe_inputs_BTI))

    def _stored(self, group: Group) -> dict[str, np.ndarray]:
        """Give the arrays that the run folder has of a group, at the moments; none where one of them is missing."""
        if group.file not in self.run.record.files:
            return {}
        arrays = self.run.group(group.name)
        rows = [np.flatnonzero(arrays["step"] == moment.update) for moment in self.moments]
        if not all(row.size for row in rows):
            return {}
        declared = {quantity.name for quantity in group.quantities}
        chosen = [int(row[-1]) for row in rows]
        return {name: array[chosen] for name, array in arrays.items() if name in declared and array.ndim > 1}

    def _measured(self, group: Group) -> dict[str, np.ndarray]:
        """Measure a group, of as many probe sequences as can be afforded."""
        if group.name not in self._found:
            count, problem = self._affordable(group), self.problem
            if count < len(problem.inputs_BTI):
                problem = replace(problem, inputs_BTI=problem.inputs_BTI[:count], targets=problem.targets[:count])
                self.sequences[group.name] = count
            with np.errstate(over="ignore", invalid="ignore"):
                measured = measure(problem, {group.name: range(len(self.moments))})
            self._found[group.name] = measured.groups[group.name]
        return self._found[group.name]

    @cached_property
    def gains(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The gain of each step back by the nonlinearity and by W_hh, (moments, L, T - 1); None where W_hh is not all.

        Of their group these alone, without the products of Jacobians, which would cost more than everything else.
        """
        names = ("gain_nonlinearity", "gain_matrix")
        if no_slopes(self.architecture.cell):
            return None
        stored = self._stored(_group_of(names[0]))
        if set(names) <= stored.keys():
            return stored[names[0]], stored[names[1]]
        nonlinearity, matrix = gains(self.problem)
        return nonlinearity.numpy(), matrix.numpy()

    def _affordable(self, group: Group) -> int:
        shape, architecture = self.prepared.probe_inputs_BTI.shape, self.architecture
        sequences, timesteps = shape[:2]
        parameters = self.prepared.initial_P.size
        sizes = Sizes(
            records=len(self.moments),
            layers=architecture.layers,
            timesteps=timesteps,
            hidden_size=architecture.hidden_size,
            parameters=len(architecture.parameter_shapes),
            sequences=sequences,
            batches=0,
        )
        per_sequence = group.training_steps(sizes) * 6.0 * timesteps * parameters
        return int(min(sequences, max(1, MOST_OPERATIONS // per_sequence)))


def _group_of(name: str) -> Group:
    return next(group for group in GROUPS.values() if any(each.name == name for each in group.quantities))


def _last_prediction(predictions: Tensor, _targets: Tensor) -> Tensor:
    """Give the sum of the outputs at the last timestep, (..., B): what comes back from there, whatever the loss."""
    return predictions[..., -1, :].sum(dim=-1)
