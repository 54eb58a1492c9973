"""`Recorder`: what `watch` sees of every n-th update of somebody's own training loop, as a run folder."""

from __future__ import annotations

import atexit
import os
import time
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnnlab.config import ConfigError, config_from_mapping
from rnnlab.nested import flatten
from rnnlab.store import Run, StoreError, open_run
from rnnlab.watching.context import Reduction, Watching, watch
from rnnlab.watching.errors import WatchError, quoted
from rnnlab.watching.folder import RecordingFolder
from rnnlab.watching.recording import ParameterNorms, Recording, layer_names


class Recorder(AbstractContextManager["Recorder"]):
    """Records a training that rnnlab does not know: three lines in its loop make a run folder like any other.

    recorder = rnnlab.Recorder(model, "mine", every=100)
    for x, y in batches:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.update(loss)
    recorder.finish()

    The first update and every n-th after it is watched, on the batch that it is made with; the others run as they would
    without. The folder is written whole every few seconds, as `unfinished`: whatever becomes of the process, what was
    written last is there. A recording never takes the place of another: each is a run of its own.

    Args:
        model: what is trained; `rnnlab.watch` says what can be watched.
        name: the study, a folder under the runs folder.
        every: watch one update in so many.
        reduction: what the loss does over the batch, `mean` or `sum`.
        config: what sets this training apart, for `ls`, `diff` and the axes of `plot`: `{"lr": 0.01}`, `vars(args)`.
        seed: what its randomness comes from; by default that of PyTorch's generator.
        runs: the runs folder.
        write_every: seconds between two writings; a killed process loses no more than these.

    Raises:
        WatchError: the model cannot be watched, or an argument is none; the message says why.
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        *,
        every: int = 100,
        reduction: Reduction = "mean",
        config: Mapping[str, Any] | None = None,
        seed: int | None = None,
        runs: str | Path = "runs",
        write_every: float = 10.0,
    ) -> None:
        if every < 1:
            raise WatchError(f"every is a number of updates, at least 1; got {every}")
        self._model, self._reduction, self._every, self._write_every = model, reduction, every, write_every
        self._parameters = {key: each for key, each in model.named_parameters() if each.requires_grad}
        modules = {each: model.get_submodule(each) for each in watch(model, reduction).modules}
        self._recording = Recording(modules, list(self._parameters))
        layers = ", ".join(layer_names(modules))
        facts = {"model": type(model).__name__, "layers": layers, "reduction": reduction, "every": every}
        chosen = torch.initial_seed() if seed is None else seed
        device = next((each.device.type for each in model.parameters()), "cpu")
        self._folder = RecordingFolder(
            Path(runs) / _checked(name), chosen, facts, flatten(_plain(config or {})), device
        )
        self._written, self._losses_written = time.perf_counter(), 0
        self._is_finished, self._process = False, os.getpid()
        self._watching: tuple[Watching, ParameterNorms] | None = None
        self._watch_next()
        atexit.register(self._write_the_rest)

    @property
    def path(self) -> Path | None:
        """The run folder; None before it is first written."""
        return self._folder.path

    def update(self, loss: Tensor | float) -> None:
        """Tell of an update that has just been made.

        Args:
            loss: of the batch that it was made with, as it was before the update.

        Raises:
            WatchError: no gradient has come to any watched module in the first update; or it is finished already.
        """
        if self._is_finished:
            raise WatchError(f"the recording {self.path} is finished; a new Recorder begins another")
        began = time.perf_counter()
        self._recording.losses.append(_number(loss))
        self._take()
        if len(self._recording.losses) % self._every == 0:
            self._watch_next()
        if self._recording.steps and began - self._written >= self._write_every:
            self._write_if_possible()
        self._folder.seconds_recording += time.perf_counter() - began

    def finish(self) -> Run:
        """Write the recording a last time, as finished, and open it.

        Raises:
            WatchError: no update was recorded.
            OSError: the disk is full, or the folder may not be written.
        """
        self._stop_watching()
        if not self._is_finished:
            if not self._recording.steps:
                raise WatchError("nothing was recorded: call update(loss) after each update of the training")
            self._folder.write(self._recording, "completed" if self._recording.diverged_at is None else "diverged")
            self._is_finished = True
            atexit.unregister(self._write_the_rest)
        assert self.path is not None
        return open_run(self.path)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish; after an exception, keep what there is as unfinished."""
        if kind is None:
            self.finish()
        else:
            self._stop_watching()
            self._write_the_rest()
            atexit.unregister(self._write_the_rest)

    def _watch_next(self) -> None:
        """Watch the next update."""
        flow = watch(self._model, self._reduction).__enter__()
        self._watching = flow, ParameterNorms(self._parameters)

    def _stop_watching(self) -> tuple[Watching, ParameterNorms] | None:
        """Give the model back; gives what was watched, if anything was."""
        watching, self._watching = self._watching, None
        if watching is not None:
            flow, norms = watching
            flow.__exit__()
            norms.remove()
        return watching

    def _take(self) -> None:
        """Take what was seen of the update that has been made; where that is nothing, there is no record of it."""
        watching = self._stop_watching()
        if watching is None:
            return
        flow, norms = watching
        seen = [flow[name] for name in flow.modules]
        if any(each.has_gradients for each in seen):
            self._recording.add(seen, self._recording.losses[-1], norms.by_name)
            return
        made = len(self._recording.losses) - 1
        reason = f"update {made} is not recorded: no gradient has come to {', '.join(map(quoted, flow.modules))}"
        if not self._recording.steps:
            raise WatchError(
                f"{reason}. The model is watched from when its Recorder is made: forward, backward, update"
            )
        warnings.warn(reason, stacklevel=3)

    def _write_if_possible(self) -> None:
        """Write what there is; a training does not end because its recording finds no room."""
        try:
            self._folder.write(self._recording, "unfinished")
            self._losses_written = len(self._recording.losses)
        except (OSError, StoreError) as error:
            warnings.warn(f"the recording could not be written: {error}", stacklevel=3)
        self._written = time.perf_counter()

    def _write_the_rest(self) -> None:
        """Write what came since the last writing, in the process that began the recording."""
        is_new = self._losses_written < len(self._recording.losses)
        if self._recording.steps and is_new and os.getpid() == self._process:
            self._write_if_possible()


def _checked(name: str) -> str:
    """Refuse a name that could be no study's."""
    try:
        return config_from_mapping({"name": name}).name
    except ConfigError as error:
        raise WatchError(f"a recording cannot be called so: {str(error).removeprefix('<mapping>: ')}") from None


def _number(loss: Tensor | float) -> float:
    """Take a loss of one number."""
    if isinstance(loss, Tensor) and loss.numel() != 1:
        raise WatchError(f"a loss is one number; got a tensor of shape {tuple(loss.shape)}")
    return float(loss.detach() if isinstance(loss, Tensor) else loss)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Make plain data of somebody's settings: numbers, words and null as they are, all else as it is written."""
    plain: dict[str, Any] = {}
    for key, value in values.items():
        number = value.item() if hasattr(value, "item") and getattr(value, "size", 0) == 1 else value
        if isinstance(number, Mapping):
            plain[str(key)] = _plain(number)
        else:
            plain[str(key)] = number if isinstance(number, bool | int | float | str | None) else str(number)
    return plain
