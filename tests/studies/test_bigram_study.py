"""A bigram study from the exact solution: its loss is the entropy rate, and later losses send nothing back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from rnnlab.api import train
from rnnlab.config import Config, config_from_mapping
from rnnlab.experiment import architecture_of, draw_weights
from rnnlab.flow import gradient_flow
from rnnlab.nets import run_net
from rnnlab.tasks.bigram import Bigram

SETTING = {
    "name": "exact",
    "task": {"kind": "bigram", "vocabulary": 4, "table_seed": 3},
    "model": {"init": "bigram", "nonlinearity": "identity", "hidden_size": 6},
    "training": {"batches": 0},
    "record": {"sequences": 4000},
}


def test_the_probe_loss_is_the_entropy_rate_within_sampling_error(tmp_path: Path) -> None:
    run = train(SETTING, runs=tmp_path)
    floor = run.info["floors"]["entropy rate"]
    # 40,000 tokens whose ln P has a standard deviation near 1: one standard error is 0.005.
    assert abs(run.metrics["probe_loss"][0] - floor) < 0.015
    assert abs(run.summary["loss_over_floor"] - 1) < 0.015


def test_its_predictions_are_the_rows_of_the_table() -> None:
    config = config_from_mapping(SETTING)
    assert isinstance(config.task, Bigram)
    weights = {name: torch.from_numpy(weight) for name, weight in draw_weights(config).items()}
    architecture = architecture_of(config)
    tokens = torch.eye(4)[None]
    logits = run_net(architecture.cell, 1, weights, tokens).predictions_BTO
    assert np.allclose(logits.softmax(dim=-1)[0].numpy(), config.task.transition_table(), atol=1e-6)


def test_dL_dh_holds_its_own_timestep_s_loss_alone() -> None:
    last_only = config_from_mapping(SETTING, ["task.last_timestep_only=true"])
    gradients = _gradients(last_only)
    assert (gradients[:, :-1] == 0).all(), "W_hh = 0: a later loss sends exactly nothing back"
    assert (gradients[:, -1] != 0).any()


def _gradients(config: Config) -> np.ndarray:
    """Give dL_p/dh_t of the first sequences, (B, T, H)."""
    inputs, targets = config.task.sample(np.random.default_rng(0), 5)
    weights = {name: torch.from_numpy(weight[None]).double() for name, weight in draw_weights(config).items()}
    flow = gradient_flow(
        architecture_of(config), weights, torch.from_numpy(inputs).double(), torch.from_numpy(targets), config.task.loss
    )
    return flow.dL_dh_SLTBH[0, 0].transpose(0, 1).numpy()


def test_what_never_happens_has_probability_zero_to_the_last_digit(tmp_path: Path) -> None:
    impossible = SETTING | {"name": "sure", "task": {"kind": "bigram", "vocabulary": 2, "table": "0 1; 1 0"}}
    run = train(impossible | {"model": SETTING["model"] | {"hidden_size": 2}}, runs=tmp_path)  # type: ignore[operator]
    assert run.metrics["probe_loss"][0] < 1e-12
