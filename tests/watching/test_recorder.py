"""Recorder: what it writes is what rnnlab would have measured, is never lost, and is read by every command."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import rnnlab
from rnnlab.figures.run_figures import draw_run
from rnnlab.figures.style import find_style
from rnnlab.figures.subject import Subject
from rnnlab.store import Run, WatchedRunError, list_runs, open_run, open_study, remove_leftovers
from rnnlab.watching import WatchError
from tests.cli.conftest import Call, call
from tests.store.samples import contents
from tests.studies.small import SMALL
from tests.watching.loops import Mixed, train

__all__ = ["call"]


def record(runs: Path, batches: int = 5, name: str = "mine", **options: Any) -> Run:
    """Record a short training of the mixed model."""
    model = Mixed()
    with rnnlab.Recorder(model, name, runs=runs, **({"every": 2} | options)) as recorder:
        for loss in train(model, batches):
            recorder.update(loss)
    return recorder.finish()


class Regression(nn.Module):
    """rnnlab's own net, of PyTorch's modules."""

    def __init__(self, run: Run, kind: type[nn.RNN] | type[nn.LSTM]) -> None:
        super().__init__()
        self.rnn = kind(1, 3, 2, batch_first=True)
        self.readout = nn.Linear(3, 1)
        self.double()
        state = self.state_dict()
        for name, weight in run.weights.items():
            when, _, own = name.partition("/")
            if when == "initial":
                mine = own.replace("readout_", "readout.") if "readout" in own else f"rnn.{own}"
                state[mine.replace("bias_l", "bias_ih_l")] = torch.from_numpy(weight).double()
        for name in state:
            if "bias_hh" in name:
                state[name] = torch.zeros_like(state[name])
        self.load_state_dict(state)

    def forward(self, x_BTI: Tensor) -> Tensor:
        found: Tensor = self.readout(self.rnn(x_BTI)[0])
        return found


@pytest.mark.parametrize(("cell", "kind"), [("elman", nn.RNN), ("lstm", nn.LSTM)])
def test_what_is_recorded_is_what_rnnlab_measures_of_the_same_net(cell: str, kind: Any, tmp_path: Path) -> None:
    """Of a net that rnnlab has made, on its own probe sequences: every array, to rounding in float64."""
    model = {"hidden_size": 3, "layers": 2, "cell": cell}
    own = rnnlab.train({**SMALL, "model": model, "training": {"batches": 0}}, runs=tmp_path)
    mine = Regression(own, kind)
    recorder = rnnlab.Recorder(mine, "mine", runs=tmp_path)
    x_BTI, y_BTO = (torch.from_numpy(own.weights[f"probe/{name}"]).double() for name in ("inputs", "targets"))
    loss = nn.functional.mse_loss(mine(x_BTI), y_BTO)
    loss.backward()
    recorder.update(loss)
    run = recorder.finish()
    assert set(run.metrics) == set(own.metrics)
    for name in set(own.metrics) - {"loss", "param_names", "param_grad_norm"}:
        np.testing.assert_allclose(run.metrics[name], own.metrics[name], rtol=1e-11, atol=1e-13, err_msg=name)
        assert run.metrics[name].dtype == own.metrics[name].dtype
    norms = dict(zip(run.metrics["param_names"].tolist(), run.metrics["param_grad_norm"][0], strict=True))
    expected = dict(zip(own.metrics["param_names"].tolist(), own.metrics["param_grad_norm"][0], strict=True))
    for name in ("weight_ih_l0", "weight_hh_l1"):
        np.testing.assert_allclose(norms[f"rnn.{name}"], expected[name], rtol=1e-11)
    np.testing.assert_allclose(norms["readout.weight"], expected["readout_weight"], rtol=1e-11)
    for name in ("initial_gradient_slope", "final_gradient_ratio", "initial_spectral_radius"):
        number = own.summary.get(name)
        assert run.summary.get(name) == (number and pytest.approx(number, rel=1e-9))


def test_a_recording_is_a_run_folder_with_a_layer_for_each_module_and_direction(tmp_path: Path) -> None:
    run = record(tmp_path)
    run.verify()
    assert run.record.watched == ["encoder", "encoder reverse", "decoder"]
    assert (run.status, sorted(run.record.files)) == ("completed", ["metrics.npz"])
    shapes = {name: array.shape for name, array in run.metrics.items()}
    assert shapes["loss"] == (5,)
    assert run.metrics["step"].tolist() == [0, 2, 4]
    assert shapes["grad_norm"] == (3, 3, 6)
    assert run.metrics["probe_loss"] == pytest.approx(run.metrics["loss"][::2])
    cells, spectra = run.metrics["cell_grad_norm"], run.metrics["eigenvalues"]
    assert np.isfinite(cells[:, :2]).all()
    assert np.isnan(cells[:, 2]).all()
    assert np.isnan(spectra[:, :2].real).all()
    assert np.isnan(spectra[:, :2].imag).all()
    assert np.isfinite(spectra[:, 2]).all()


def test_recording_changes_nothing_of_a_training(tmp_path: Path) -> None:
    torch.manual_seed(2)
    alone = Mixed()
    losses = [float(loss.detach()) for loss in train(alone, 5)]
    torch.manual_seed(2)
    run = record(tmp_path)
    np.testing.assert_allclose(run.metrics["loss"], losses, rtol=1e-5)


def test_parameter_gradients_are_those_before_they_are_clipped_and_cleared(tmp_path: Path) -> None:
    run = record(tmp_path)
    assert np.sqrt((run.metrics["param_grad_norm"] ** 2).sum(axis=1)).min() > 0.1  # they are clipped to 0.001
    assert run.metrics["param_names"].tolist() == [name for name, _ in Mixed().named_parameters()]


def test_a_sparse_gradient_has_the_norm_of_the_dense_one(tmp_path: Path) -> None:
    norms = []
    for sparse in (True, False):
        torch.manual_seed(0)
        model = nn.ModuleDict({"embed": nn.Embedding(7, 2, sparse=sparse), "rnn": nn.GRU(2, 3)})
        recorder = rnnlab.Recorder(model, "mine", runs=tmp_path)
        vectors = model.get_submodule("embed")(torch.tensor([[1, 2], [1, 1], [3, 1]]))
        loss = model.get_submodule("rnn")(vectors)[0].square().mean()
        loss.backward()
        recorder.update(loss)
        norms.append(recorder.finish().metrics["param_grad_norm"][0])
    sparse_P, dense_P = norms
    np.testing.assert_allclose(sparse_P, dense_P, rtol=1e-6)


def test_records_of_other_lengths_and_modules_that_were_not_reached_are_nan(tmp_path: Path) -> None:
    model = nn.ModuleDict({"used": nn.GRU(1, 2), "sometimes": nn.GRU(2, 2)})
    recorder = rnnlab.Recorder(model, "mine", every=1, runs=tmp_path)
    for timesteps in (4, 2):
        output, _ = model.get_submodule("used")(torch.randn(timesteps, 3, 1))
        if timesteps == 2:
            output, _ = model.get_submodule("sometimes")(output)
        loss = output.square().mean()
        loss.backward()
        recorder.update(loss)
    norms_RLT = recorder.finish().metrics["grad_norm"]
    expected = [[[False] * 4, [True] * 4], [[False, False, True, True]] * 2]
    np.testing.assert_array_equal(np.isnan(norms_RLT), expected)


def test_each_recording_is_a_run_of_its_own_and_leaves_the_others_alone(tmp_path: Path) -> None:
    first = record(tmp_path)
    before = contents(first.path)
    second = record(tmp_path)
    assert first.path != second.path
    assert contents(first.path) == before
    assert len(list_runs(tmp_path / "mine")) == 2


def test_a_recording_is_whole_when_its_script_is_killed_and_when_it_ends_without_finishing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.watching.loops", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(5 + 9)]
        process.kill()
    ended = open_run(tmp_path / "ends")
    assert (ended.status, len(ended.metrics["loss"])) == ("unfinished", 5)
    remove_leftovers(tmp_path / "killed")  # as every start does
    killed = open_run(tmp_path / "killed")
    killed.verify()
    assert killed.status == "unfinished"
    assert len(killed.metrics["loss"]) > told[-1] == 8
    before = contents(killed.path)
    record(tmp_path, name="killed")
    assert contents(killed.path) == before


def test_an_exception_in_the_loop_keeps_what_there_is_and_gives_the_model_back(tmp_path: Path) -> None:
    model = Mixed()
    with pytest.raises(ZeroDivisionError), rnnlab.Recorder(model, "mine", every=1, runs=tmp_path) as recorder:
        for loss in train(model, 3):
            recorder.update(loss)
        raise ZeroDivisionError
    run = open_run(tmp_path / "mine")
    assert (run.status, len(run.metrics["loss"])) == ("unfinished", 3)
    assert not any("forward" in vars(module) for module in model.modules())


def test_a_full_disk_ends_no_training_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("")
    model = Mixed()
    recorder = rnnlab.Recorder(model, "mine", every=1, runs=tmp_path / "no-folder", write_every=0.0)
    for loss in train(model, 2):
        with pytest.warns(UserWarning, match="the recording could not be written: "):
            recorder.update(loss)
    (tmp_path / "no-folder").unlink()
    assert len(recorder.finish().metrics["loss"]) == 2


def test_a_folder_that_somebody_removes_is_written_again(tmp_path: Path) -> None:
    model = Mixed()
    recorder = rnnlab.Recorder(model, "mine", every=1, runs=tmp_path, write_every=0.0)
    for loss in train(model, 3):
        recorder.update(loss)
        shutil.rmtree(tmp_path / "mine")
    assert len(recorder.finish().metrics["loss"]) == 3


def test_a_loss_that_ends_not_finite_is_a_divergence_and_one_that_recovers_is_none(tmp_path: Path) -> None:
    model = nn.RNN(1, 2)
    runs = []
    for factors in ((1.0, np.nan, np.inf), (np.nan, 1.0, 1.0)):
        recorder = rnnlab.Recorder(model, "mine", every=1, runs=tmp_path)
        for factor in factors:
            loss = model(torch.randn(3, 2, 1))[0].mean() * factor
            loss.backward()
            model.zero_grad()
            recorder.update(loss)
        runs.append(recorder.finish())
    assert [(run.status, run.record.diverged_at) for run in runs] == [("diverged", 1), ("completed", None)]
    assert "overflow" in runs[0].record.flags


def test_a_gradient_that_underflows_in_the_model_s_own_numbers_is_flagged(tmp_path: Path) -> None:
    flags = []
    for dtype in (torch.float32, torch.float64):
        model = nn.RNN(1, 2, dtype=dtype)
        with torch.no_grad():
            model.get_parameter("weight_hh_l0").mul_(0.01)
        recorder = rnnlab.Recorder(model, "mine", runs=tmp_path)
        loss = model(torch.randn(40, 2, 1, dtype=dtype))[0][-1].mean()
        loss.backward()
        recorder.update(loss)
        flags.append(recorder.finish().record.flags)
    assert flags == [["underflow"], []]


def test_settings_of_any_kind_become_the_axes_of_a_study(tmp_path: Path) -> None:
    for lr in (0.1, np.float64(0.2)):
        settings = argparse.Namespace(lr=lr, path=tmp_path, sizes=[1, 2], name=None, optimizer={"momentum": 0.9})
        run = record(tmp_path, config=vars(settings), seed=4)
    assert run.record.config["own"] == {
        "lr": 0.2,
        "path": str(tmp_path),
        "sizes": "[1, 2]",
        "name": None,
        "optimizer.momentum": 0.9,
    }
    study = open_study(tmp_path / "mine")
    assert study.axes == {"own.lr": (0.1, 0.2)}
    assert study["grad_norm"].shape == (2, 3, 3, 6)
    assert run.record.seed == 4


def test_a_first_update_that_is_not_seen_is_a_sentence_and_a_later_one_a_warning(tmp_path: Path) -> None:
    model = nn.GRU(1, 2)
    with pytest.raises(WatchError, match="update 0 is not recorded: no gradient has come to the model"):
        rnnlab.Recorder(model, "mine", runs=tmp_path).update(1.0)
    recorder = rnnlab.Recorder(model, "mine", every=1, runs=tmp_path)
    loss = model(torch.randn(3, 2, 1))[0].mean()
    loss.backward()
    recorder.update(loss)
    with pytest.warns(UserWarning, match="update 1 is not recorded"):
        recorder.update(1.0)
    assert recorder.finish().metrics["step"].tolist() == [0]


def test_what_makes_no_recording_is_refused(tmp_path: Path) -> None:
    model = nn.GRU(1, 2)
    with pytest.raises(WatchError, match=r"cannot be called so: name: got '\.\./mine'; valid: 1 to 100 letters"):
        rnnlab.Recorder(model, "../mine", runs=tmp_path)
    with pytest.raises(WatchError, match="every is a number of updates, at least 1; got 0"):
        rnnlab.Recorder(model, "mine", every=0, runs=tmp_path)
    recorder = rnnlab.Recorder(model, "mine", runs=tmp_path)
    with pytest.raises(WatchError, match="the model is watched already: leave that context, or finish that Recorder"):
        rnnlab.Recorder(model, "other", runs=tmp_path)
    with pytest.raises(WatchError, match=r"a loss is one number; got a tensor of shape \(3,\)"):
        recorder.update(torch.zeros(3))
    with pytest.raises(WatchError, match=r"nothing was recorded: call update\(loss\)"):
        recorder.finish()
    assert list(tmp_path.iterdir()) == []
    finished = record(tmp_path)
    done = rnnlab.Recorder(model, "mine", runs=tmp_path)
    loss = model(torch.randn(3, 2, 1))[0].mean()
    loss.backward()
    done.update(loss)
    assert done.finish().path == done.finish().path != finished.path
    with pytest.raises(WatchError, match="is finished; a new Recorder begins another"):
        done.update(1.0)


def test_every_command_reads_it_and_what_needs_a_config_says_why_not(call: Call) -> None:
    run = record(Path("runs"), config={"lr": 0.1})
    other = record(Path("runs"), config={"lr": 0.2})
    listed = json.loads(call("ls", "runs/mine", "--json").out)
    assert [(row["own.lr"], row["status"]) for row in listed] == [(0.1, "completed"), (0.2, "completed")]
    shown = call("show", run.path)
    assert (shown.code, shown.err) == (0, "")
    assert "recorded from a training loop of one's own, cpu" in shown.out
    assert "spectral radius, encoder  " in shown.out
    assert "no single matrix governs it" in shown.out
    assert "||dL/dh_t||, encoder reverse, bars on a logarithmic scale" in shown.out
    assert "watched      model=Mixed layers=encoder, encoder reverse, decoder" in shown.out
    compared = call("diff", run.path, other.path)
    assert "own.lr  0.1   0.2" in compared.out
    exported = call("export", "runs/mine").out.splitlines()
    assert len(exported) == 1 + 2 * 3 * 3 * 6
    assert "2 runs: 2 whole" in call("verify", "runs/mine").out
    refused = call("measure", run.path, "--quantities", "lags")
    assert refused.code == 1
    assert "was not measured: it was recorded from a training loop of your own" in refused.err
    with pytest.raises(WatchedRunError, match="has not a config to be made again from"):
        _ = run.config
    with pytest.raises(WatchedRunError, match="has not weights or sequences of its own"):
        _ = run.weights
    assert call("ls", "runs").out.splitlines()[1].split()[:6] == ["mine", "2", "2", "0", "0", "0"]


def sentences(figure: Any) -> list[str]:
    texts = [text for axes in figure.findobj(match=lambda artist: hasattr(artist, "texts")) for text in axes.texts]
    return [" ".join(text.get_text().split()) for text in texts if text.get_label() == "sentence"]


def test_a_picture_says_what_a_layer_lacks_and_predicts_nothing(tmp_path: Path) -> None:
    subject, style = Subject(record(tmp_path)), find_style("screen")
    said = sentences(draw_run(subject, style))
    assert "decoder has no ||dL/dc_t||." in said
    assert "encoder has no eigenvalues of W_hh." in said
    assert not any("prediction" in sentence.lower() for sentence in said)
    (alone,) = sentences(draw_run(subject, style, "predictions"))
    assert alone.startswith("No predictions: rnnlab watched this model")
    (lags,) = sentences(draw_run(subject, style, "lag_norm"))
    assert lags == "No ||C_k||: a Recorder keeps only what every run has."


def test_a_picture_of_an_unfinished_run_says_so(tmp_path: Path) -> None:
    model = Mixed()
    recorder = rnnlab.Recorder(model, "mine", every=1, runs=tmp_path, write_every=0.0)
    for loss in train(model, 2):
        recorder.update(loss)
    assert recorder.path is not None
    assert Subject(open_run(recorder.path)).subtitle == "Mixed, 3 layers; watched every 1 updates; unfinished"
    recorder.finish()
    assert Subject(open_run(recorder.path)).subtitle == "Mixed, 3 layers; watched every 1 updates"
