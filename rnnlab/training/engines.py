"""The one interface of all engines: open a session on a stack, advance it, take its states.

The caller owns the loop, and so decides when to save, to report and to stop. How the updates are cut into calls of
`advance` must never show in the results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rnnlab.training.choice import choose_engine
from rnnlab.training.native_engine import NativeEngine
from rnnlab.training.needs import Needs
from rnnlab.training.state import NetState, Recipe
from rnnlab.training.torch_engine import TorchEngine


class Session(Protocol):
    """A stack in training. All nets stand at the same update."""

    @property
    def step(self) -> int:
        """Updates made so far; `recipe.batches` when there is nothing left to do."""

    def advance(self, updates: int) -> None:
        """Make so many more updates, or as many as are left."""

    def states(self) -> list[NetState]:
        """Give the states as they are now, in the order in which the nets were given."""

    def last_losses(self) -> list[float]:
        """Give each net's most recent loss, NaN where there is none, for people to watch."""


class Engine(Protocol):
    """Something that can train."""

    name: str
    device: str
    details: dict[str, str]
    """What else the last digits depend on: `instructions`, the instruction set, and what the engine was built from."""
    any_stack: bool
    """Whether a net's bits are the same in any stack, so that only the nets that are wanted need training."""

    def supports(self, recipe: Recipe) -> str | None:
        """Say why it cannot train this, in a sentence that says what to do, or None where it can."""

    def open(self, recipe: Recipe, states: Sequence[NetState]) -> Session:
        """Begin with the given states, which must all stand at the same update."""


def make_engine(name: str = "auto", device: str = "cpu", needs: Needs | None = None) -> Engine:
    """Give an engine on `cpu`, `cuda`, or `auto`, which takes CUDA where there is one.

    The engine `auto` is `native` on the CPU where it is built and can train what is needed; else `torch`.

    Raises:
        EngineError: there is no such engine or device here, or it cannot train that; the message says what to do.
    """
    return NativeEngine() if choose_engine(name, device, needs) == "native" else TorchEngine(device)
