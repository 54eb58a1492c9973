"""explain of a run that was recorded from somebody's own model: what its arrays say, and what nobody can say of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import rnnlab
from rnnlab.explain import RunFinding, explain_run
from rnnlab.store import Run
from tests.cli.conftest import Call, call

__all__ = ["call"]


def recorded(runs: Path, scale: float, timesteps: int = 20, **options: Any) -> Run:
    """Record one update of a net that passes gradients to both ends, each step by a factor of about `scale`."""
    model = nn.RNN(1, 3, bidirectional=True, **options)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(scale * torch.eye(3) if "weight_hh" in name else 0.01 * torch.ones_like(weight))
    recorder = rnnlab.Recorder(model, "mine", runs=runs)
    output_TBH, _ = model(torch.randn(timesteps, 4, 1))
    loss = output_TBH[-1, :, :3].mean() + output_TBH[0, :, 3:].mean()
    loss.backward()
    recorder.update(loss)
    return recorder.finish()


def of_layer(run: Run, name: str) -> list[RunFinding]:
    return [finding for finding in explain_run(run).findings if finding.sentence.startswith(f"In {name}:")]


def test_each_direction_is_followed_along_its_own_way_back(tmp_path: Path) -> None:
    run = recorded(tmp_path, 0.5)
    for name, last, first in (("RNN", 20, 1), ("RNN reverse", 1, 20)):
        fact, bound = of_layer(run, name)
        assert fact.numbers["growth"] == pytest.approx(np.log(0.5), abs=0.01)
        assert f"at t = {last} and " in fact.sentence
        assert f"at t = {first}, where its way back ends" in fact.sentence
        assert bound.level == "reading"
        assert "the spectral norm of W_hh is 0.5." in bound.sentence
        assert "over the 19 steps of this batch 1.91e-06 at most" in bound.sentence


def test_a_spectral_norm_that_leaves_gradients_a_choice_is_no_reading(tmp_path: Path) -> None:
    assert [finding.level for finding in of_layer(recorded(tmp_path, 0.99), "RNN")] == ["fact"]
    assert [finding.level for finding in of_layer(recorded(tmp_path, 1.2), "RNN")] == ["fact"]


def test_zeros_are_told_and_an_underflow_keeps_them_from_being_called_dead(tmp_path: Path) -> None:
    run = recorded(tmp_path, 0.01, timesteps=40)
    findings = [finding.sentence for finding in explain_run(run).findings]
    assert "In RNN: of 100 % of the sequences the gradient that reaches t = 1 is exactly zero." in findings
    assert any(sentence.startswith("Some gradients fell below the range") for sentence in findings)


def test_a_layer_that_no_gradient_reached_is_named(tmp_path: Path) -> None:
    model = nn.ModuleDict({"used": nn.GRU(1, 2), "idle": nn.GRU(1, 2)})
    recorder = rnnlab.Recorder(model, "mine", runs=tmp_path)
    loss = model.get_submodule("used")(torch.randn(4, 2, 1))[0].mean()
    loss.backward()
    recorder.update(loss)
    assert [finding.sentence for finding in of_layer(recorder.finish(), "idle")] == ["In idle: no gradient was seen."]


def test_what_cannot_be_said_is_a_sentence_and_every_source_is_recorded(tmp_path: Path) -> None:
    run = recorded(tmp_path, 0.5)
    findings = explain_run(run).findings
    assert "cannot give an exponent" in findings[-1].sentence
    assert all(source.array in run.metrics for finding in findings for source in finding.sources)


def test_the_command_prints_it(call: Call) -> None:
    run = recorded(Path("runs"), 0.5)
    printed = call("explain", run.path)
    assert (printed.code, printed.err) == (0, "")
    assert "In RNN reverse: ||dL/dh_t|| is" in " ".join(printed.out.split())
    assert max(map(len, printed.out.splitlines()[1:])) <= 80
    assert json.loads(call("explain", run.path, "--json").out)["findings"][0]["level"] == "fact"
