"""`watch`: inside of it, the recurrent modules of a model go step by step, and every state keeps its gradient."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

from rnnlab.registry import UnknownNameError
from rnnlab.watching.errors import WatchError, quoted
from rnnlab.watching.finding import find_recurrent
from rnnlab.watching.steps import KERNELS, unroll_cell, unroll_module
from rnnlab.watching.tape import Tape
from rnnlab.watching.watched import WatchedModule
from rnnlab.words import unknown_name

Reduction = Literal["mean", "sum"]


def watch(model: nn.Module, reduction: Reduction = "mean") -> Watching:
    """Watch the gradients of a model's hidden states: a context manager around its forward and backward.

    with rnnlab.watch(model) as flow:
        loss = criterion(model(x), y)
        loss.backward()
    flow["rnn"].dL_dh  # (L, D, T, B, H)

    Inside, each torch.nn.RNN, LSTM and GRU and each of their cells, wherever it stands in the model, does its own
    arithmetic one step at a time. The model's outputs and the gradients of its parameters are what they are without
    (float64: to 1e-12; float32: to rounding), and so are the random numbers of its dropout on a CPU; cuDNN keeps a
    generator of its own, so that on CUDA the masks between layers are others, of the same distribution. Under
    `torch.no_grad` the fused kernels run, and nothing is kept. Outside, nothing has changed.

    Every call inside is kept, with its states and gradients, as long as what this gives: one forward and backward is
    what it is for, and `rnnlab.Recorder` for a whole training.

    A state whose module has frozen parameters is a node of the graph all the same, so that outputs ask for gradients
    inside of the context.

    Args:
        model: any module that holds recurrent ones. Those that are compiled, scripted, quantised or copied to several
            devices by DataParallel cannot be watched.
        reduction: what the loss does over the batch: with `mean`, gradients are multiplied by B, so that each is that
            of its sequence's own loss, as everywhere in rnnlab; with `sum` they are so already. A mean over the tokens
            of sequences of different lengths has no loss of one sequence: then B times the gradient is what is given.

    Raises:
        WatchError: there is nothing to watch, or it is watched already; the message says what, and why.
    """
    if reduction not in {"mean", "sum"}:
        raise WatchError(f"reduction is what the loss does over the batch, 'mean' or 'sum'; got {reduction!r}")
    return Watching(model, reduction)


class Watching(AbstractContextManager["Watching"]):
    """What `watch` gives: looked up by the name of a module, what was seen of it.

    Attributes:
        modules: the names of what is watched, as in `model.named_modules()`.
        unwatched: why other recurrent modules of the model cannot be, by name.
    """

    def __init__(self, model: nn.Module, reduction: Reduction) -> None:
        found, self.unwatched = find_recurrent(model)
        self.modules = tuple(found)
        self.model = model
        self._seen = {name: WatchedModule(name, module, of_mean=reduction == "mean") for name, module in found.items()}
        self._aliases = {
            alias: name
            for alias, module in model.named_modules(remove_duplicate=False)
            for name, each in found.items()
            if module is each
        }
        self._stepping: list[_Stepping] = []

    def __enter__(self) -> Watching:
        """Let every module go step by step.

        Raises:
            WatchError: one of them does so already.
        """
        for name, seen in self._seen.items():
            if isinstance(vars(seen.module).get("forward"), _Stepping):
                raise WatchError(
                    f"{quoted(name)} is watched already: leave that context, or finish that Recorder, before another "
                    "begins"
                )
        for reason in self.unwatched.values():
            warnings.warn(reason, stacklevel=2)
        self._stepping = [_Stepping(seen) for seen in self._seen.values()]
        return self

    def __exit__(self, *_: object) -> None:
        """Give every module its own forward back."""
        for stepping in self._stepping:
            stepping.restore()
        self._stepping = []

    def __getitem__(self, name: str) -> WatchedModule:
        """Give what was seen of a module, by any of its names.

        Raises:
            WatchError: it cannot be watched.
            UnknownNameError: there is no such module; the message lists those that are watched.
        """
        if name in self.unwatched:
            raise WatchError(self.unwatched[name])
        if name not in self._aliases:
            raise UnknownNameError(unknown_name("watched module", name, map(repr, self.modules)))
        return self._seen[self._aliases[name]]


class _Stepping:
    """Stands for a module's forward: that runs as it is, but for the fused kernel that it calls."""

    def __init__(self, seen: WatchedModule) -> None:
        self._seen = seen
        self._own = vars(seen.module).get("forward")
        self._forward: Callable[..., Any] = seen.module.forward
        seen.module.forward = self

    def restore(self) -> None:
        """Put back what was there."""
        if self._own is None:
            del self._seen.module.forward
        else:
            self._seen.module.forward = self._own
        self._seen.let_go()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Run the forward."""
        if not torch.is_grad_enabled() or torch.compiler.is_compiling():
            self._seen.silent_calls += 1
            return self._forward(*arguments, **named)
        with _Steps(self._seen, _order(arguments, named)):
            return self._forward(*arguments, **named)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a copy of the model, or a pickle, have its plain forward."""
        return getattr, (self._seen.module, "forward")


def _order(arguments: tuple[Any, ...], named: dict[str, Any]) -> Tensor | None:
    """Give the order that a packed batch is to be put into."""
    packed = [value for value in (*arguments, *named.values()) if isinstance(value, PackedSequence)]
    return packed[0].unsorted_indices if packed else None


class _Steps(TorchFunctionMode):
    """While it is on, a recurrent kernel is not called: its steps are made here and kept."""

    def __init__(self, seen: WatchedModule, unsorted: Tensor | None) -> None:
        super().__init__()
        self._seen, self._unsorted = seen, unsorted

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Take the place of a kernel."""
        kernel = KERNELS.get(func)
        if kernel is None or not args[0].numel():
            return func(*args, **(kwargs or {}))
        self._refuse_autocast(args[0])
        unrolled = (unroll_cell if kernel.is_cell else unroll_module)(kernel, *args)
        self._seen.add(Tape(kernel, unrolled, self._unsorted), unrolled.initial)
        return unrolled.result

    def _refuse_autocast(self, x: Tensor) -> None:
        if torch.is_autocast_enabled(x.device.type):
            raise WatchError(
                f"autocast is on where {quoted(self._seen.name)} is called, and would round each step by itself: call "
                "the model outside of torch.autocast while it is watched"
            )
