"""What the explorer computes: the config's own run, for any scale, cell, loss and sequence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.config import Config, config_from_mapping
from rnnlab.experiment import architecture_of, prepare
from rnnlab.explore.model import Explorer
from rnnlab.flow import Problem, measure
from rnnlab.nets import Architecture, Elman, initial_weights, unpack
from rnnlab.tasks import TASKS
from rnnlab.tasks.losses import MeanSquaredError
from rnnlab.training import WEIGHTS, make_stream


def config_of(task: dict[str, Any] | None = None, seed: int = 3, **model: Any) -> Config:
    """Give a small config."""
    return config_from_mapping(
        {"name": "small", "seed": seed, "task": task or {}, "model": {"hidden_size": 5, **model},
         "record": {"sequences": 1}}
    )  # fmt: skip


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
@pytest.mark.parametrize("last", [False, True])
def test_it_draws_what_a_run_of_the_config_would_record_before_its_first_update(cell: str, last: bool) -> None:
    task = {"seq_len": 6, "last_timestep_only": last}
    config = config_of(task, cell=cell, layers=2, weight_scale=-1.5, bias_scale=2.0)
    explorer = Explorer(config)
    drawn = explorer.draw(explorer.start)
    ready = prepare(config)
    weights = {name: each[None] for name, each in unpack(ready.initial_P, ready.architecture).items()}
    problem = Problem(ready.architecture, weights, ready.probe_inputs_BTI, ready.probe_targets, config.task.loss)
    run = measure(problem).arrays
    # a run scales before it rounds to float32, the explorer after: 1e-6 apart
    np.testing.assert_allclose(drawn.grad_norm_LT, run["grad_norm"][0], rtol=1e-5)
    np.testing.assert_allclose(drawn.hidden_norm_LT, run["hidden_norm"][0], rtol=1e-5)
    np.testing.assert_allclose(drawn.loss, run["probe_loss"][0], rtol=1e-5)
    if cell == "lstm":
        assert drawn.cell_grad_norm_LT is not None
        np.testing.assert_allclose(drawn.cell_grad_norm_LT, run["cell_grad_norm"][0], rtol=1e-5)
    if cell == "elman":
        assert drawn.spectral_radius_L is not None
        np.testing.assert_allclose(drawn.spectral_radius_L, np.abs(run["eigenvalues"][0, :, 0]), rtol=1e-5)
    assert (drawn.cell_grad_norm_LT is None) is (cell != "lstm")
    assert (drawn.eigenvalues_LH is None) is (cell != "elman")


@pytest.mark.parametrize("init", ["uniform", "gaussian", "orthogonal"])
def test_the_scales_multiply_the_weights_as_drawn_at_scale_1_but_not_the_readout(init: str) -> None:
    config = config_of({"seq_len": 1}, init=init, weight_scale=0.7, bias_scale=0.2)
    architecture = architecture_of(config)
    drawn = initial_weights(architecture, make_stream(3, WEIGHTS), init=init)
    explorer = Explorer(config)
    x, y = (float(each) for each in explorer.sequence(1))
    for a, b in ((0.7, 0.2), (-2.0, 1.0), (0.0, 3.0)):
        settings = explorer.start.with_scales(a, b)
        h = np.tanh(a * drawn["weight_ih_l0"][:, 0].astype(float) * x + b * drawn["bias_l0"].astype(float))
        error = drawn["readout_weight"][0].astype(float) @ h + float(drawn["readout_bias"][0]) - y
        assert explorer.draw(settings).loss == pytest.approx(error**2, rel=1e-12)
        expected = abs(2 * error) * np.linalg.norm(drawn["readout_weight"].astype(float))
        assert explorer.draw(settings).grad_norm_LT[0, 0] == pytest.approx(expected, rel=1e-12)


def test_it_starts_at_the_scales_of_the_config() -> None:
    start = Explorer(config_of(weight_scale=0.333, bias_scale=-7.0)).start
    assert (start.weight_scale, start.bias_scale) == (0.333, -7.0)
    assert start.with_scales(None, 2.0) == replace(start, bias_scale=2.0)
    assert Explorer(config_of(cell="gru")).start.nonlinearity == "tanh"


def test_new_sequences_are_the_probe_sequences_of_the_seed_one_after_another() -> None:
    config = config_of({"seq_len": 4})
    more = prepare(config.model_copy(update={"record": config.record.model_copy(update={"sequences": 3})}))
    explorer = Explorer(config)
    for number in (1, 2, 3, 1):
        x_1TI, y_1TO = explorer.sequence(number)
        np.testing.assert_array_equal(x_1TI[0].numpy(), more.probe_inputs_BTI[number - 1].astype(float))
        np.testing.assert_array_equal(y_1TO[0].numpy(), more.probe_targets[number - 1].astype(float))


def test_going_back_gives_the_same_numbers_again() -> None:
    explorer = Explorer(config_of())
    before = explorer.draw(explorer.start)
    explorer.draw(replace(explorer.start, cell="lstm", layers=3, sequence=4))
    after = explorer.draw(explorer.start)
    assert before.loss == after.loss
    np.testing.assert_array_equal(before.grad_norm_LT, after.grad_norm_LT)


def test_nothing_is_added_to_what_vanishes_or_explodes() -> None:
    config = config_of({"seq_len": 400, "last_timestep_only": True}, nonlinearity="identity", init="orthogonal")
    explorer = Explorer(config)
    for scale in (0.5, 0.1):
        grad_norm_T = explorer.draw(explorer.start.with_scales(scale, None)).grad_norm_LT[0]
        exact = grad_norm_T[-1] * scale ** np.arange(399, -1, -1.0)  # an orthogonal matrix keeps lengths
        visible = exact > 1e-290
        np.testing.assert_allclose(grad_norm_T[visible], exact[visible], rtol=1e-5)  # it is drawn as float32
    assert grad_norm_T[0] == 0
    assert not np.isfinite(explorer.draw(explorer.start.with_scales(1e3, None)).hidden_norm_LT).all()


def test_the_task_s_own_loss_is_used() -> None:
    config = config_of({"seq_len": 3}, nonlinearity="relu")
    explorer = Explorer(config)
    settings = replace(explorer.start, last_timestep_only=True, layers=2)
    architecture = Architecture(Elman("relu"), 1, 5, 2, 1)
    x_1TI, y_1TO = explorer.sequence(1)
    from rnnlab.flow import gradient_flow

    flow = gradient_flow(architecture, explorer.originals(settings), x_1TI, y_1TO, MeanSquaredError(True))
    expected = torch.linalg.vector_norm(flow.dL_dh_SLTBH[0, :, :, 0], dim=-1)
    np.testing.assert_allclose(explorer.draw(settings).grad_norm_LT, expected.numpy(), rtol=1e-13)


@pytest.mark.parametrize("kind", sorted(TASKS))
def test_every_task_can_be_explored(kind: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("to be or not to be")
    np.save(tmp_path / "arrays", np.random.default_rng(0).normal(size=(9, 5, 2)))
    own: dict[str, dict[str, Any]] = {
        "text": {"file": str(tmp_path / "text"), "seq_len": 4},
        "arrays": {"file": str(tmp_path / "arrays.npy")},
    }
    explorer = Explorer(config_of({"kind": kind, **own.get(kind, {})}))
    for last in (False, True):
        drawn = explorer.draw(replace(explorer.start, last_timestep_only=last))
        assert np.isfinite(drawn.loss)
        assert (drawn.grad_norm_LT[0] > 0).all()


def test_the_exact_bigram_solution_is_that_of_one_net_alone() -> None:
    config = config_of({"kind": "bigram"}, init="bigram", nonlinearity="identity")
    explorer = Explorer(config)
    assert not explorer.can_choose_net
    assert explorer.draw(explorer.start).spectral_radius_L == [0.0]
    assert Explorer(config_of()).can_choose_net
