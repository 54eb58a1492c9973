"""The few functions for notebooks that belong to no single room: the labs' own names, `train` and `sweep`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnlab.config import Config, load_run, load_sweep
from rnnlab.flow import eigenvalues
from rnnlab.store import Run, StoreError, Study, open_study
from rnnlab.studies.executors.local import core_count
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.policy import Policy, Watch
from rnnlab.studies.run import run_one
from rnnlab.studies.unattended import run_sweep
from rnnlab.tasks import MeanSquaredError


def generate_batch(seq_len: int = 10, batch_size: int = 1) -> tuple[Tensor, Tensor]:
    """Draw sequences of the cumulative-average task from PyTorch's global generator.

    Returns:
        Inputs x ~ N(0, 1) and targets y_t = mean(x_1 .. x_t), both (batch_size, seq_len, 1).
    """
    x_BT1 = torch.randn(batch_size, seq_len, 1)
    return x_BT1, x_BT1.cumsum(dim=1) / torch.arange(1, seq_len + 1)[:, None]


def loss_fn(pred: Tensor, y: Tensor, last_timestep_only: bool = False) -> Tensor:
    """Give the mean squared error over all timesteps, or over the last one only.

    Args:
        pred: predictions, (B, T) or (B, T, O).
        y: targets, of the same shape.
        last_timestep_only: compare only the last timestep.

    Raises:
        ValueError: the shapes differ: broadcasting would silently compare the wrong numbers.
    """
    if pred.shape != y.shape or pred.dim() not in {2, 3}:
        raise ValueError(
            f"predictions and targets must both be (B, T) or (B, T, O); got {tuple(pred.shape)} and {tuple(y.shape)}"
        )
    if pred.dim() == 2:
        pred, y = pred.unsqueeze(-1), y.unsqueeze(-1)
    return MeanSquaredError(last_timestep_only)(pred, y).mean()


def biggest_eig_magnitude(matrix: Tensor | np.ndarray) -> float:
    """Give the spectral radius of a square matrix: the largest magnitude of an eigenvalue.

    Raises:
        ValueError: the matrix is not square.
    """
    values = matrix.detach().cpu().numpy() if isinstance(matrix, Tensor) else np.asarray(matrix)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.size:
        raise ValueError(f"eigenvalues are those of a square matrix, (H, H); got shape {values.shape}")
    return float(np.abs(eigenvalues(values.astype(np.float64))[0]))


def train(
    config: Config | Mapping[str, Any] | str | Path,
    overrides: Sequence[str] = (),
    *,
    runs: str | Path = "runs",
    engine: str = "auto",
    device: str = "cpu",
    force: bool = False,
) -> Run:
    """Make the run of a config, or find it if it exists, and open it.

    Args:
        config: a loaded config, its content as a mapping, or the path of a YAML file.
        overrides: `key=value`, as on the command line.
        runs: the runs folder.
        engine: `auto`, `torch` or `native`.
        device: `cpu`, `cuda` or `auto`.
        force: make it again and replace the one that exists.

    Raises:
        ConfigError: the config is not valid; the message lists every problem.
        TooLargeError: the run does not fit into the memory of this machine.
        StoreError: the run is damaged, or another process is making it.
    """
    _check_overrides(overrides)
    if isinstance(config, Config):
        if overrides:
            raise ValueError("overrides go with a file or a mapping; a loaded config has been read with its own")
        return run_one(config, runs=runs, values={}, engine=engine, device=device, force=force).run
    read = load_run(config, overrides)
    return run_one(read.config, runs=runs, values=read.changed, engine=engine, device=device, force=force).run


def _check_overrides(overrides: Sequence[str]) -> None:
    if isinstance(overrides, str) or not all(isinstance(override, str) for override in overrides):
        raise TypeError(f"overrides is a list of strings such as ['seed=3']; got {overrides!r}")


def sweep(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    runs: str | Path = "runs",
    jobs: int | None = None,
    engine: str = "auto",
    device: str = "cpu",
) -> Study:
    """Make every run of a sweep that does not exist yet, on all cores, and open the study.

    Args:
        path: a YAML file with axes, or without.
        overrides: `key=value` and axes, `key=1,2,3`, as on the command line.
        runs: the runs folder.
        jobs: worker processes; as many as there are cores.
        engine: `auto`, `torch` or `native`.
        device: `cpu`, `cuda` or `auto`.

    Raises:
        ConfigError: the config is not valid; the message lists every problem.
        TooLargeError: a run does not fit into the memory of this machine.
        StoreError: a run failed, or another process works on this study.
    """
    _check_overrides(overrides)
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs is a number of worker processes, at least 1; got {jobs}")
    plan = plan_sweep(load_sweep(path, overrides), Path(runs), engine=engine, device=device)
    outcome = run_sweep(plan, Policy(core_count() if jobs is None else jobs), Watch())
    if outcome.failures:
        first = outcome.failures[0]
        raise StoreError(
            f"{len(outcome.failures)} runs failed, the first, {first.name}: {first.cause} (see {first.log})"
        )
    return open_study(plan.study)
