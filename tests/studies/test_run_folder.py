"""What a run leaves: the files of its folder, the arrays with their shapes and types, and run.json."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.config import identity, load_config
from rnnlab.store import DamagedRunError, MissingRunError, find_run, open_run
from rnnlab.studies.run import run_one
from rnnlab.training import make_engine
from tests.store.samples import contents
from tests.studies.small import DIVERGING, UNSTABLE, small

CASES = [
    ("elman", 1, ()),
    ("elman", 3, ("record.weights=true",)),
    ("lstm", 1, ()),
    ("lstm", 3, ("training.batches=0",)),
    ("gru", 1, ("record.every=100",)),
    ("gru", 3, ("task.seq_len=1", "record.weights=true")),
    ("elman", 1, ("training.batches=0", "record.weights=true")),
    ("elman", 2, ("task.seq_len=1", "record.every=1")),
    ("elman", 1, ("record.every=12", "model.hidden_size=1", "record.sequences=1", "training.batch_size=1")),
]


def expected_metrics(config: Any) -> dict[str, tuple[tuple[int, ...], str]]:
    """Say section 5 of the design as code: name to shape and type."""
    batches, every = config.training.batches, config.record.every
    records = len({*range(0, batches, every), batches})
    layers, hidden, timesteps = config.model.layers, config.model.hidden_size, config.task.seq_len
    gates = {"elman": 3, "lstm": 3, "gru": 4}[config.model.cell]  # arrays of parameters in each layer
    parameters = gates * layers + 2
    expected = {
        "loss": ((batches,), "<f4"),
        "step": ((records,), "<i8"),
        "probe_loss": ((records,), "<f8"),
        "grad_norm": ((records, layers, timesteps), "<f8"),
        "grad_log_norm": ((records, layers, timesteps), "<f8"),
        "grad_zero_share": ((records, layers, timesteps), "<f8"),
        "grad_log_living": ((records, layers, timesteps), "<f8"),
        "grad_log_low": ((records, layers, timesteps), "<f8"),
        "grad_log_median": ((records, layers, timesteps), "<f8"),
        "grad_log_high": ((records, layers, timesteps), "<f8"),
        "hidden_norm": ((records, layers, timesteps), "<f8"),
        "param_grad_norm": ((records, parameters), "<f8"),
        "param_names": ((parameters,), "<U"),
    }
    if config.model.cell == "lstm":
        expected["cell_grad_norm"] = ((records, layers, timesteps), "<f8")
    if config.model.cell == "elman":
        expected["eigenvalues"] = ((records, layers, hidden), "<c16")
        expected["singular_values"] = ((records, layers, hidden), "<f8")
    return expected


@pytest.mark.parametrize(("cell", "layers", "overrides"), CASES)
def test_metrics_have_exactly_the_arrays_of_the_design(
    tmp_path: Path, cell: str, layers: int, overrides: tuple[str, ...]
) -> None:
    config = small(f"model.cell={cell}", f"model.layers={layers}", *overrides)
    metrics = run_one(config, runs=tmp_path).run.metrics
    found = {name: (array.shape, array.dtype.str.rstrip("0123456789") if "U" in array.dtype.str else array.dtype.str)
             for name, array in metrics.items()}  # fmt: skip
    assert found == expected_metrics(config)
    for name, array in metrics.items():
        if name != "param_names" and "grad_log" not in name:
            assert np.isfinite(array).all(), name


@pytest.mark.parametrize(("cell", "layers", "overrides"), CASES)
def test_weights_hold_initial_final_and_probe_and_snapshots_when_asked(
    tmp_path: Path, cell: str, layers: int, overrides: tuple[str, ...]
) -> None:
    config = small(f"model.cell={cell}", f"model.layers={layers}", *overrides)
    run = run_one(config, runs=tmp_path).run
    names = run.metrics["param_names"].tolist()
    whens = ["initial", "final", *(["snapshots"] if config.record.weights else [])]
    assert set(run.weights) == {f"{w}/{n}" for w in whens for n in names} | {"probe/inputs", "probe/targets"}
    assert run.weights["probe/inputs"].shape == (config.record.sequences, config.task.seq_len, 1)
    for name in names:
        initial, final = run.weights[f"initial/{name}"], run.weights[f"final/{name}"]
        assert initial.dtype == final.dtype == np.float32
        assert initial.shape == final.shape
        if config.record.weights:
            snapshots = run.weights[f"snapshots/{name}"]
            assert snapshots.shape == (run.metrics["step"].size, *initial.shape)
            np.testing.assert_array_equal(snapshots[0], initial)
            np.testing.assert_array_equal(snapshots[-1], final)


@pytest.mark.parametrize(
    ("batches", "every", "steps"),
    [(12, 5, [0, 5, 10, 12]), (12, 12, [0, 12]), (12, 100, [0, 12]), (0, 5, [0]), (3, 1, [0, 1, 2, 3])],
)
def test_the_first_and_the_last_step_are_always_recorded(
    tmp_path: Path, batches: int, every: int, steps: list[int]
) -> None:
    run = run_one(small(f"training.batches={batches}", f"record.every={every}"), runs=tmp_path).run
    assert run.metrics["step"].tolist() == steps


def test_the_folder_holds_its_files_and_run_json_says_what_they_are(tmp_path: Path) -> None:
    config = small("seed=3")
    run = run_one(config, runs=tmp_path, values={"seed": 3}, command="rnnlab train x.yaml seed=3").run
    assert run.path == tmp_path / "study" / f"seed=3-{identity(config)[:12]}"
    assert sorted(contents(run.path)) == ["config.yaml", "exponent.npz", "metrics.npz", "run.json", "weights.npz"]
    assert sorted(path.name for path in run.path.parent.iterdir()) == ["index.csv", run.path.name]
    info = json.loads((run.path / "run.json").read_text())
    for name in ("config.yaml", "metrics.npz", "weights.npz"):
        content = (run.path / name).read_bytes()
        assert info["files"][name] == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert (info["status"], info["flags"], info["diverged_at"]) == ("completed", [], None)
    assert (info["identity"], info["name"], info["label"], info["seed"]) == (identity(config), "study", "seed=3", 3)
    assert (info["engine"], info["device"], info["threads"]) == (make_engine().name, "cpu", 1)
    assert info["command"] == "rnnlab train x.yaml seed=3"
    assert {"rnnlab", "python", "torch", "numpy"} <= set(info["versions"])
    assert {"host", "system", "processor", "instructions"} <= set(info["machine"])
    assert info["config"] == config.model_dump(mode="json", exclude={"sweep"})
    started, finished = (datetime.fromisoformat(info[key]) for key in ("started", "finished"))
    assert started <= finished
    assert started.utcoffset() is not None
    assert info["seconds"] >= 0
    assert (run.path.parent / "index.csv").read_text().splitlines()[1].startswith(f"{run.path.name},completed,3,")


def test_the_config_of_a_run_makes_the_same_run_again(tmp_path: Path) -> None:
    config = small("model.cell=gru", "training.clip_norm=0.1", "record.weights=true")
    run = run_one(config, runs=tmp_path / "a").run
    loaded = load_config(run.path / "config.yaml")
    assert loaded == config
    again = run_one(loaded, runs=tmp_path / "b").run
    assert again.identity == run.identity
    for name in ("config.yaml", "metrics.npz", "weights.npz"):
        assert (again.path / name).read_bytes() == (run.path / name).read_bytes()


def test_the_summary_is_that_of_the_arrays(tmp_path: Path) -> None:
    run = run_one(small(), runs=tmp_path).run
    assert run.summary["final_loss"] == pytest.approx(float(run.metrics["loss"][-1]), rel=1e-6)
    radius = np.abs(run.metrics["eigenvalues"][:, 0, 0])
    assert run.summary["initial_spectral_radius"] == pytest.approx(radius[0])
    assert run.summary["final_spectral_radius"] == pytest.approx(radius[-1])
    assert run.info["floors"]


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    config = small()
    first = run_one(config, runs=tmp_path)
    before = contents(tmp_path)
    second = run_one(config, runs=tmp_path, values={"another": "label"})
    assert (first.made, second.made) == (True, False)
    assert second.run.path == first.run.path
    assert contents(tmp_path) == before


def test_force_makes_it_again_under_the_same_name(tmp_path: Path) -> None:
    config = small()
    first = run_one(config, runs=tmp_path).run
    second = run_one(config, runs=tmp_path, values={"another": "label"}, command="again", force=True)
    assert second.made
    assert second.run.path == first.path
    assert second.run.info["command"] == "again"
    assert [path.name for path in first.path.parent.iterdir() if path.name != "index.csv"] == [first.path.name]


def test_force_mends_a_damaged_run_and_nothing_else_touches_it(tmp_path: Path) -> None:
    config = small()
    run = run_one(config, runs=tmp_path).run
    whole = (run.path / "metrics.npz").read_bytes()
    (run.path / "metrics.npz").write_bytes(whole[:100])
    before = contents(tmp_path)
    with pytest.raises(DamagedRunError, match=r"metrics\.npz has 100 bytes"):
        run_one(config, runs=tmp_path)
    assert contents(tmp_path) == before
    mended = run_one(config, runs=tmp_path, force=True).run
    assert mended.path == run.path
    mended.verify()
    assert (mended.path / "metrics.npz").read_bytes() == whole


def test_runs_that_differ_in_nothing_that_matters_are_one(tmp_path: Path) -> None:
    first = run_one(small("training.batches=0", "training.learning_rate=0.1"), runs=tmp_path)
    second = run_one(small("training.batches=0", "training.learning_rate=0.2"), runs=tmp_path)
    assert (second.made, second.run.path) == (False, first.run.path)


def test_a_diverged_run_is_a_result(tmp_path: Path) -> None:
    config = small(*DIVERGING)
    run = run_one(config, runs=tmp_path).run
    update = run.info["diverged_at"]
    assert (run.status, run.info["flags"]) == ("diverged", ["overflow"])
    assert 0 < update < 40
    losses = run.metrics["loss"]
    assert np.isfinite(losses[:update]).all()
    assert not np.isfinite(losses[update])
    assert np.isnan(losses[update + 1 :]).all()
    assert {name: array.shape for name, array in run.metrics.items()} == {
        name: shape for name, (shape, _) in expected_metrics(config).items()
    }
    late = run.metrics["step"] > update
    assert late.any()
    for name in ("probe_loss", "grad_norm", "grad_log_norm", "hidden_norm", "eigenvalues", "param_grad_norm"):
        assert np.isnan(run.metrics[name][late]).all(), name
        assert np.isfinite(run.metrics[name][0]).all(), name
    assert run.summary["final_loss"] is None
    run.verify()


def test_the_final_weights_of_a_diverged_run_gave_the_loss_that_was_not_finite(tmp_path: Path) -> None:
    config = small(*DIVERGING)
    run = run_one(config, runs=tmp_path).run
    loss = _loss_of_batch(config, run.weights, run.info["diverged_at"])
    assert not np.isfinite(loss)
    shorter = small(*UNSTABLE, f"training.batches={run.info['diverged_at']}")
    before = run_one(shorter, runs=tmp_path).run
    assert before.status == "completed"
    for name, weight in before.weights.items():
        np.testing.assert_array_equal(weight, run.weights[name])


def test_the_record_of_the_update_that_diverged_is_kept_and_none_after_it(tmp_path: Path) -> None:
    run = run_one(small(*DIVERGING, "record.every=1", "record.weights=true"), runs=tmp_path).run
    update = run.info["diverged_at"]
    for name in run.metrics["param_names"].tolist():
        snapshots = run.weights[f"snapshots/{name}"]
        np.testing.assert_array_equal(snapshots[update], run.weights[f"final/{name}"])
        assert np.isnan(snapshots[update + 1 :]).all()
    assert not np.isnan(run.metrics["hidden_norm"][: update + 1]).any()
    assert np.isnan(run.metrics["hidden_norm"][update + 1 :]).all()


def _loss_of_batch(config: Any, weights: dict[str, np.ndarray], update: int) -> float:
    """Give the loss of final weights, linear elman net, on the batch of an update: written out in numpy."""
    from rnnlab.training import BATCHES, make_stream

    stream = make_stream(config.seed, BATCHES)
    for _ in range(update + 1):
        h_BTH, targets = config.task.sample(stream, config.training.batch_size)
    final = {name.removeprefix("final/"): w for name, w in weights.items() if name.startswith("final/")}
    with np.errstate(all="ignore"):
        for layer in range(config.model.layers):
            w_ih, w_hh, bias = (final[f"{n}_l{layer}"] for n in ("weight_ih", "weight_hh", "bias"))
            h_BH, outputs = np.zeros((len(h_BTH), len(w_hh)), dtype=np.float32), []
            for t in range(h_BTH.shape[1]):
                h_BH = h_BTH[:, t] @ w_ih.T + h_BH @ w_hh.T + bias
                outputs.append(h_BH)
            h_BTH = np.stack(outputs, axis=1)
        predictions = h_BTH @ final["readout_weight"].T + final["readout_bias"]
        return float(np.mean((predictions - targets) ** 2))


def test_underflow_is_flagged_and_its_logarithm_kept(tmp_path: Path) -> None:
    overrides = ("training.batches=0", "model.weight_scale=1e-38", "task.seq_len=20", "task.last_timestep_only=true")
    run = run_one(small(*overrides), runs=tmp_path).run
    assert run.info["flags"] == ["underflow"]
    assert run.status == "completed"
    assert run.metrics["grad_norm"][0, 0, 0] == 0
    assert -1700 < run.metrics["grad_log_norm"][0, 0, 0] < -1600  # some 19 ln 1e-38 and ln 2


def test_engines_and_devices_that_do_not_exist_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no engine 'jax'; valid: auto, torch, native"):
        run_one(small(), runs=tmp_path, engine="jax")
    with pytest.raises(ValueError, match="there is no device 'tpu'; valid: cpu, cuda, auto"):
        run_one(small(), runs=tmp_path, device="tpu")
    assert list(tmp_path.iterdir()) == []


def test_a_run_found_is_the_run_made(tmp_path: Path) -> None:
    outcome = run_one(small(), runs=tmp_path)
    entry = find_run(tmp_path / "study", identity(small()))
    assert entry is not None
    assert entry.info == outcome.run.info
    assert dataclasses.asdict(entry)["damage"] is None
    with pytest.raises(MissingRunError):
        open_run(tmp_path)


@pytest.mark.parametrize("left", [None, "run,status\n"])
def test_an_index_that_a_killed_start_did_not_write_is_written_by_the_next(tmp_path: Path, left: str | None) -> None:
    """It was killed between the name of the run and the index: there is none, or one from before."""
    run = run_one(small(), runs=tmp_path).run
    index = run.path.parent / "index.csv"
    whole = index.read_bytes()
    index.unlink()
    if left is not None:
        index.write_text(left)
        os.utime(index, ns=(0, 0))
    run_one(small(), runs=tmp_path)
    assert index.read_bytes() == whole
