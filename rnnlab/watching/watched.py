"""The recurrent modules of a watched model: their calls, one by one and joined to sequences."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from rnnlab.watching.errors import WatchError, quoted
from rnnlab.watching.seen import Seen
from rnnlab.watching.tape import Tape


class WatchedCall(Seen):
    """One forward of a module, or several in a row, each of which went on from the state of the one before."""

    def __init__(self, name: str, tapes: Sequence[Tape], *, of_mean: bool) -> None:
        super().__init__(name, of_mean=of_mean)
        self._tapes = tapes

    @property
    def tapes(self) -> Sequence[Tape]:
        """The forwards."""
        return self._tapes


class WatchedModule(Seen):
    """All that was seen of a module; its own arrays are those of the last sequence that a gradient came to.

    Attributes:
        module: the module.
        silent_calls: how often it was called without a graph, under `torch.no_grad`.
    """

    def __init__(self, name: str, module: nn.Module, *, of_mean: bool) -> None:
        super().__init__(name, of_mean=of_mean)
        self.module = module
        self.silent_calls = 0
        self._chains: list[list[Tape]] = []

    def add(self, tape: Tape, initial: Sequence[Tensor]) -> None:
        """Keep one more forward, which began with a state."""
        if self._chains and tape.continues(self._chains[-1][-1], initial):
            self._chains[-1].append(tape)
        else:
            self._chains.append([tape])

    @property
    def has_gradients(self) -> bool:
        """Whether it was called, and a backward pass has come through it."""
        return bool(self._chains) and super().has_gradients

    def let_go(self) -> None:
        """Forget the graph."""
        for chain in self._chains:
            for tape in chain:
                tape.let_go()

    @property
    def calls(self) -> list[WatchedCall]:
        """Every forward, in order; one of a cell has a single timestep."""
        return [self._part([tape]) for chain in self._chains for tape in chain]

    @property
    def sequences(self) -> list[WatchedCall]:
        """The forwards joined along time, where each was given the state of the one before, in the same graph."""
        return [self._part(chain) for chain in self._chains]

    def _part(self, tapes: Sequence[Tape]) -> WatchedCall:
        return WatchedCall(self.name, tapes, of_mean=self._of_mean)

    @property
    def tapes(self) -> Sequence[Tape]:
        """The forwards of the last sequence that a gradient came to; without any, of the last.

        Raises:
            WatchError: it was not called.
        """
        if not self._chains:
            silent = " but under torch.no_grad, or from compiled code" if self.silent_calls else ""
            raise WatchError(f"{quoted(self.name)} was not called inside of the context{silent}")
        reached = [chain for chain in self._chains if any(tape.has_gradients for tape in chain)]
        return (reached or self._chains)[-1]
