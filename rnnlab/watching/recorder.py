"""`Recorder`: what `watch` sees of every n-th update of somebody's own training loop, as a run folder."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import time
import uuid
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnnlab.config import FORMAT_VERSION, ConfigError, config_from_mapping, label
from rnnlab.flow import GROUPS
from rnnlab.nested import flatten
from rnnlab.store import (
    Machine,
    Run,
    RunRecord,
    StackPlace,
    Workspace,
    file_facts,
    open_run,
    remove_leftovers,
    write_index,
)
from rnnlab.store.atomic import npz_bytes
from rnnlab.studies.provenance import git_commit, machine, versions
from rnnlab.watching.context import Reduction, watch
from rnnlab.watching.errors import WatchError, quoted
from rnnlab.watching.recording import ParameterNorms, Recording, layer_names

_LOOP = "loop of one's own"
"""What stands in run.json in the place of an engine."""


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

    Attributes:
        path: the run folder; None before it is first written.

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
        self._study = Path(runs) / _checked(name)
        self._seed = torch.initial_seed() if seed is None else seed
        own = _plain(config or {})
        self._label = label(flatten(own))
        self._started, self._since = datetime.now(UTC), time.perf_counter()
        self._seconds_recording, self._written, self._losses_written = 0.0, self._since, 0
        self._is_finished, self._process = False, os.getpid()
        self.path: Path | None = None
        self._parameters = {name: each for name, each in model.named_parameters() if each.requires_grad}
        self._flow = watch(model, reduction)
        modules = {each: model.get_submodule(each) for each in self._flow.modules}
        self._recording = Recording(modules, list(self._parameters))
        facts = {
            "model": type(model).__name__,
            "layers": ", ".join(layer_names(modules)),
            "reduction": reduction,
            "every": every,
        }
        self._config = {"name": name, "seed": self._seed, "watched": facts, "own": own}
        unique = [self._config, self._started.isoformat(), uuid.uuid4().hex]
        self._identity = hashlib.sha256(json.dumps(unique, sort_keys=True).encode()).hexdigest()
        self._norms: ParameterNorms | None = None
        self._watch_next()
        atexit.register(self._write_the_rest)

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
        if self._norms is not None:
            self._take(self._norms)
        if len(self._recording.losses) % self._every == 0:
            self._watch_next()
        if self._recording.steps and began - self._written >= self._write_every:
            self._write_if_possible()
        self._seconds_recording += time.perf_counter() - began

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
            self._write("completed" if self._recording.diverged_at is None else "diverged")
            self._is_finished = True
            atexit.unregister(self._write_the_rest)
        assert self.path is not None
        with suppress(OSError):  # derived from the folders
            write_index(self._study)
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
        self._flow = watch(self._model, self._reduction)
        self._flow.__enter__()
        self._norms = ParameterNorms(self._parameters)

    def _stop_watching(self) -> None:
        if self._norms is not None:
            self._flow.__exit__()
            self._norms.remove()
        self._norms = None

    def _take(self, norms: ParameterNorms) -> None:
        """Take what was seen of the update that has been made; where that is nothing, there is no record of it."""
        self._stop_watching()
        flow = self._flow
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
            self._write("unfinished")
        except OSError as error:
            warnings.warn(f"the recording could not be written: {error}", stacklevel=3)
        self._written = time.perf_counter()

    def _write_the_rest(self) -> None:
        """Write what came since the last writing, in the process that began the recording."""
        if (
            self._recording.steps
            and self._losses_written < len(self._recording.losses)
            and os.getpid() == self._process
        ):
            self._write_if_possible()

    def _write(self, status: str) -> None:
        """Put the whole folder in the place of the one before."""
        is_first = self.path is None
        if is_first:
            self._study.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self._study)
        files = {"metrics.npz": npz_bytes(self._recording.arrays())}
        record = self._record(status, files)
        with Workspace(self._study, self._identity, self._label) as workspace:
            self.path = workspace.publish(files, record, replacing=self.path)
        self._losses_written = len(self._recording.losses)
        if is_first:
            with suppress(OSError):
                write_index(self._study)

    def _record(self, status: str, files: Mapping[str, bytes]) -> RunRecord:
        """Say what run.json says."""
        recording, parameters = self._recording, list(self._model.parameters())
        diverged_at = recording.diverged_at
        return RunRecord.model_validate(
            {
                "format": FORMAT_VERSION,
                "status": status,
                "flags": recording.flags(),
                "diverged_at": diverged_at,
                "floors": {},
                "summary": GROUPS["base"].summarise(recording.arrays(), {}),
                "name": self._study.name,
                "label": self._label,
                "seed": self._seed,
                "config": self._config,
                "watched": layer_names(recording.modules),
                "engine": _LOOP,
                "device": parameters[0].device.type if parameters else "cpu",
                "threads": torch.get_num_threads(),
                "command": None,
                "git": git_commit(Path.cwd()),
                "versions": versions(),
                "machine": Machine(**machine(), instructions=torch.backends.cpu.get_cpu_capability()),
                "identity": self._identity,
                "started": self._started.isoformat(timespec="milliseconds"),
                "finished": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "seconds": round(time.perf_counter() - self._since, 3),
                "seconds_measuring": round(self._seconds_recording, 3),
                "stack": StackPlace(size=1, slot=0),
                "files": {name: file_facts(content) for name, content in files.items()},
            }
        )


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
