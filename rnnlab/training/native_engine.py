"""The native engine: every net a loop of its own in compiled code (rnnlab/training/native/), on the CPU, in float32.

A net's result depends on nothing but the net: not on the stack, the cuts, or what runs beside. The equations are those
of rnnlab.nets.cells and rnnlab.training.optimizers, with the backward pass through time written by hand.

S stack, B sequences in a batch, T timesteps, I inputs, O outputs, P parameters, N batches drawn at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from rnnlab.nets import GRU, LSTM, Cell, Elman
from rnnlab.nets.cells.leaky import LeakyElman
from rnnlab.tasks.losses import CrossEntropy, MeanSquaredError
from rnnlab.training import native_library
from rnnlab.training.batches import Batches
from rnnlab.training.errors import EngineError
from rnnlab.training.needs import Needs
from rnnlab.training.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from rnnlab.training.state import NetState, Recipe, last_losses

_BLOCK_BYTES = 256 * 2**10
"""Batches are drawn some at a time: enough to hide numpy's overhead, few enough to stay in the cache."""


_KNOWN: dict[str, tuple[type, ...]] = {
    "cell": (Elman, LSTM, GRU, LeakyElman),
    "loss": (MeanSquaredError, CrossEntropy),
    "optimizer": (SGD, Adam, RMSprop, AdamW),
}
"""What the kernel has code for: these very classes, since another that bears the name need not have the equation."""


def why_not(needs: Needs, library: native_library.Library | None = None) -> str | None:
    """Say why the native engine cannot train something, and what to do, or None where it can.

    Raises:
        EngineError: it is not here at all.
    """
    numbers = (library or native_library.load()).numbers
    for kind, component in (("cell", needs.cell), ("loss", needs.loss), ("optimizer", needs.optimizer)):
        name = str(getattr(component, "name", component))
        if type(component) not in _KNOWN[kind] or name not in numbers[kind]:
            whose = f" of {type(component).__module__}" if name in numbers[kind] else ""
            return _unknown(kind, f"'{name}'{whose}", numbers[kind])
    if needs.truncate is not None:
        return "the native engine does not truncate backpropagation (training.truncate); use --engine torch"
    if needs.regulariser.weight != 0:
        return f"the native engine does not know the regulariser '{needs.regulariser.name}'; use --engine torch"
    sigma = _nonlinearity(needs.cell)
    return None if sigma in numbers["nonlinearity"] else _unknown("nonlinearity", f"'{sigma}'", numbers["nonlinearity"])


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    return f"the native engine does not know the {kind} {name}, only {', '.join(known)}; use --engine torch"


class NativeEngine:
    """Trains with the compiled kernel."""

    name = "native"
    device = "cpu"
    any_stack = True

    def __init__(self, instructions: str | None = None) -> None:
        """Load the kernel, with the best instruction set of this processor or a given one.

        Raises:
            EngineError: it is not built or switched off; the message says what to do.
        """
        self._library = native_library.load(instructions)
        self.details = {"instructions": self._library.instructions, "kernel": self._library.build}

    def supports(self, recipe: Recipe) -> str | None:
        """Say why it cannot train this, or None where it can."""
        return why_not(recipe.needs, self._library)

    def open(self, recipe: Recipe, states: Sequence[NetState]) -> NativeSession:
        """Begin with the given states."""
        return NativeSession(self._library, recipe, states)


class NativeSession:
    """A stack in training, one net after the other."""

    def __init__(self, library: native_library.Library, recipe: Recipe, states: Sequence[NetState]) -> None:
        if not states:
            raise ValueError("a stack needs at least one net")
        if len({state.step for state in states}) != 1:
            raise ValueError("all nets of a stack must stand at the same update")
        self._library, self._recipe, self._states = library, recipe, list(states)
        self._record_at = {int(step): index for index, step in enumerate(recipe.record_steps_R)}
        self._step = states[0].step
        self._batches = Batches(recipe, states)
        self._block_size = max(1, _BLOCK_BYTES // self._batches.bytes_of_one())
        inputs_BTI, _ = recipe.sample(np.random.default_rng(0), 1)
        self._kernel_recipe = kernel_recipe(library, recipe, inputs_BTI.shape[1])
        self._workspace = library.workspace(self._kernel_recipe)
        for state in self._states:
            _own_arrays(state, recipe.optimizer)

    @property
    def step(self) -> int:
        """Updates made so far."""
        return self._step

    def advance(self, updates: int) -> None:
        """Make so many more updates, or as many as are left."""
        stop = min(self._step + updates, self._recipe.batches)
        while self._step < stop and self._alive():
            count = min(stop - self._step, self._block_size)
            drawn = self._batches.draw_each(count)
            for _, targets in drawn:
                self._check_classes(targets)
            for state, stream in zip(self._states, self._batches.of_net_S, strict=True):
                self._train(state, *drawn[stream])
            self._step += count
        if not self._alive():
            self._step = self._recipe.batches
        if self._step == self._recipe.batches:
            for state in self._alive():
                self._record(state, self._step)

    def _check_classes(self, targets: np.ndarray) -> None:
        """Hold that classes are ones that the net has outputs for: the kernel takes them at their word."""
        outputs = self._recipe.architecture.output_size
        classes = isinstance(self._recipe.sequence_loss, CrossEntropy)
        if classes and (targets.min() < 0 or targets.max() >= outputs):
            raise ValueError(
                f"the task gave classes from {targets.min()} to {targets.max()}, "
                f"but the net has outputs for 0 to {outputs - 1}"
            )

    def _alive(self) -> list[NetState]:
        return [state for state in self._states if state.diverged_at is None]

    def _train(self, state: NetState, inputs_NBTI: np.ndarray, targets: np.ndarray) -> None:
        """Make an update of one net with each batch, and record on the way."""
        for start, stop in self._stretches(len(inputs_NBTI)):
            if state.diverged_at is not None:
                return
            step = self._step + start
            self._record(state, step)
            rates = self._rates(state, slice(step, step + stop - start))
            losses = self._library.train(
                self._kernel_recipe,
                self._net(state, step, rates),
                self._workspace,
                inputs_NBTI[start:stop],
                targets[start:stop],
            )
            state.losses[step : step + len(losses)] = losses
            if not math.isfinite(losses[-1]):
                state.diverged_at = step + len(losses) - 1

    def _stretches(self, count: int) -> Iterator[tuple[int, int]]:
        """Cut the next updates where weights are to be recorded before one."""
        cuts = [step - self._step for step in self._record_at if 0 < step - self._step < count]
        return zip([0, *cuts], [*cuts, count], strict=True)

    def _rates(self, state: NetState, updates: slice) -> np.ndarray | None:
        """Give the learning rate of each of these updates; None for a constant one."""
        factors_N = self._recipe.rate_factors_N
        return None if factors_N is None else np.ascontiguousarray(state.learning_rate * factors_N[updates])

    def _net(self, state: NetState, step: int, rates: np.ndarray | None) -> native_library.KernelNet:
        moments = [*state.moments.values(), None, None]
        first, second = (None if moment is None else moment.ctypes.data for moment in moments[:2])
        return native_library.KernelNet(
            state.parameters_P.ctypes.data,
            first,
            second,
            state.learning_rate,
            math.inf if state.clip_norm is None else state.clip_norm,
            step,
            self._recipe.optimizer.own_number,
            None if rates is None else rates.ctypes.data,
            state.update_norms[step:].ctypes.data,
        )

    def _record(self, state: NetState, step: int) -> None:
        """Keep the weights, if this is a recorded step."""
        record = self._record_at.get(step)
        if record is not None:
            state.snapshots_RP[record] = state.parameters_P

    def states(self) -> list[NetState]:
        """Give the states as they are now."""
        for index, state in enumerate(self._states):
            state.step = self._step
            state.stream = self._batches.stream(index)
        return self._states

    def last_losses(self) -> list[float]:
        """Give each net's most recent loss."""
        return last_losses(self._states, self._step)


def kernel_recipe(library: native_library.Library, recipe: Recipe, timesteps: int) -> native_library.KernelRecipe:
    """Put a recipe in the kernel's numbers.

    Raises:
        EngineError: it has no code for this cell, nonlinearity, loss or optimizer.
    """
    reason = why_not(recipe.needs, library)
    if reason:
        raise EngineError(reason)
    net, loss, numbers = recipe.architecture, recipe.sequence_loss, library.numbers
    assert isinstance(loss, MeanSquaredError | CrossEntropy)
    return native_library.KernelRecipe(
        cell=numbers["cell"][net.cell.name],
        nonlinearity=numbers["nonlinearity"][_nonlinearity(net.cell)],
        inputs=net.input_size,
        hidden=net.hidden_size,
        layers=net.layers,
        outputs=net.output_size,
        timesteps=timesteps,
        batch=recipe.batch_size,
        loss=numbers["loss"][loss.name],
        last_timestep_only=loss.last_timestep_only,
        optimizer=numbers["optimizer"][recipe.optimizer.name],
        leak=net.cell.leak if isinstance(net.cell, LeakyElman) else 1.0,
    )


def _nonlinearity(cell: Cell) -> str:
    """Name what an Elman net, leaky or not, has a choice of; of another cell the kernel does not look at it."""
    return str(cell.nonlinearity) if isinstance(cell, Elman) else "tanh"


def _own_arrays(state: NetState, optimizer: Optimizer) -> None:
    """Make the state's arrays what the kernel may write to: its own, contiguous, float32."""
    state.parameters_P = np.array(state.parameters_P, dtype=np.float32, order="C")
    state.update_norms = np.array(state.update_norms, dtype=np.float64, order="C")
    zeros_P = np.zeros_like(state.parameters_P)
    state.moments = {
        name: np.array(state.moments.get(name, zeros_P), dtype=np.float32, order="C") for name in optimizer.remembered
    }
