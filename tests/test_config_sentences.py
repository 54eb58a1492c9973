"""What the shipped configs say that one should see is what their runs give: each number of a comment, computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnnlab.config import load_config, load_sweep
from rnnlab.store import Run, Study, open_study
from rnnlab.studies.run import run_one

CONFIGS = Path(__file__).parent.parent / "configs"

Make = Callable[..., Run]


@pytest.fixture
def train(tmp_path: Path) -> Make:
    """Make the run of a shipped config."""

    def make(name: str, *overrides: str) -> Run:
        return run_one(load_config(CONFIGS / f"{name}.yaml", list(overrides)), runs=tmp_path).run

    return make


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[..., Study]:
    """Make the runs of a shipped sweep, one after another."""

    def make(name: str, *overrides: str) -> Study:
        planned = load_sweep(CONFIGS / f"{name}.yaml", list(overrides))
        for run in planned.walk():
            run_one(run.config, runs=tmp_path, values=run.values)
        return open_study(tmp_path / planned.base.name)

    return make


def factor(norms_T: np.ndarray) -> float:
    """Give by how much a gradient is multiplied with each step back, on average."""
    return float((norms_T[0] / norms_T[-1]) ** (1 / (len(norms_T) - 1)))


def says(name: str, *words: str) -> None:
    """Hold that a config's comment has these words: who changes them, changes what is checked."""
    text = " ".join(line.lstrip("# ") for line in (CONFIGS / f"{name}.yaml").read_text().splitlines())
    assert [word for word in words if word not in text] == []


def test_cumulative_average(train: Make) -> None:
    says("cumulative_average", "from 0.29", "below 0.01", "(0.09)", "from 0.58", "to 1.9", "2.9 times", "3.5 times")
    run = train("cumulative_average")
    assert run.info["floors"]["predict zero"] == pytest.approx(0.29, abs=0.005)
    assert run.summary["final_loss"] < 0.01
    radii = run.summary["initial_spectral_radius"], run.summary["final_spectral_radius"]
    assert radii == (pytest.approx(0.58, abs=0.005), pytest.approx(1.9, abs=0.05))
    ratios = run.summary["initial_gradient_ratio"], run.summary["final_gradient_ratio"]
    assert ratios == (pytest.approx(2.9, abs=0.05), pytest.approx(3.5, abs=0.05))


def test_last_timestep_only(train: Make) -> None:
    says("last_timestep_only", "near 0.54", "0.41 at the last", "0.0015 at the first", "1.02", "0.1 here")
    run = train("last_timestep_only")
    first_T, last_T = run.metrics["grad_norm"][0, 0], run.metrics["grad_norm"][-1, 0]
    assert factor(first_T) == pytest.approx(0.54, abs=0.005)
    assert (first_T[-1], first_T[0]) == (pytest.approx(0.41, abs=0.005), pytest.approx(0.0015, abs=5e-5))
    assert 0.95 < factor(last_T) < 1.05
    assert run.summary["final_spectral_radius"] == pytest.approx(1.02, abs=0.005)
    assert run.info["floors"]["predict zero"] == pytest.approx(0.1)


@pytest.mark.parametrize(("name", "array", "first"), [("lstm", "cell_grad_norm", 0.64), ("gru", "grad_norm", 0.61)])
def test_gated_cells_keep_more_of_their_gradient(train: Make, name: str, array: str, first: float) -> None:
    says(name, f"near {first}", "0.54", "nearly flat")
    norms_RLT = train(name).metrics[array]
    assert factor(norms_RLT[0, 0]) == pytest.approx(first, abs=0.005)
    assert 0.9 < factor(norms_RLT[-1, 0]) < 1.1


def test_two_layers(train: Make) -> None:
    says("two_layers", "about half the upper one's at every timestep", "largest at the first timestep")
    lower_T, upper_T = train("two_layers", "training.batches=0").metrics["grad_norm"][0]
    assert ((lower_T / upper_T >= 0.5) & (lower_T / upper_T <= 0.6)).all()
    assert lower_T.argmax() == upper_T.argmax() == 0


def test_vanishing(train: Make) -> None:
    says("vanishing", "about 70 %", "from 0.17 to 1.4e-28", "just below 0.3")
    run = train("vanishing")
    norms_T = run.metrics["grad_norm"][0, 0]
    assert factor(norms_T) == pytest.approx(0.3, abs=0.025)
    assert (norms_T[-1], norms_T[0]) == (pytest.approx(0.17, abs=0.005), pytest.approx(1.4e-28, rel=0.02))
    assert 0.27 < run.summary["initial_spectral_radius"] < 0.3


def test_exploding(train: Make) -> None:
    says("exploding", "grows by 1.5", "1.5^49 = 4e8", "`diverged`")
    run = train("exploding")
    norms_T = run.metrics["grad_norm"][0, 0]
    assert norms_T[:-1] / norms_T[1:] == pytest.approx(np.full(49, 1.5), rel=1e-7)
    assert (run.status, run.info["diverged_at"]) == ("diverged", 1)


def test_depth(sweep: Callable[..., Study]) -> None:
    says("depth", "0.37, 0.20, 0.12, 0.06", "falls off more slowly")
    study = sweep("depth", "training.batches=0")
    by_layers = [study.select({"model.layers": layers}).runs for layers in (1, 2, 3, 4)]
    medians = [np.median([run.metrics["grad_norm"][0, 0, -1] for run in runs]) for runs in by_layers]
    assert medians == pytest.approx([0.37, 0.20, 0.12, 0.06], abs=0.006)
    slopes = [np.median([run.summary["initial_gradient_slope"] for run in runs]) for runs in by_layers]
    assert slopes == sorted(slopes, reverse=True)


def test_weight_scale(sweep: Callable[..., Study]) -> None:
    says("weight_scale", "near 0.58", "near 1.7", "between scales 1.75 and 2", "just below 2.5", "not at all up to 2.5")
    study = sweep("weight_scale", "training.batches=0", "model.weight_scale=1,1.75,2,2.25,2.5")
    slopes = dict(
        zip(study.axes["model.nonlinearity"], np.median(study["initial_gradient_slope"], axis=-1), strict=True)
    )
    assert list(slopes["identity"] > 0) == [True, True, False, False, False]
    assert list(slopes["tanh"] > 0) == [True, True, True, True, False]
    assert (slopes["relu"] > 0).all()
    assert np.median(study["initial_spectral_radius"][:, 0]) == pytest.approx(0.58, abs=0.02)


def test_linear_nets_of_large_weights_end_worst_and_do_not_diverge(sweep: Callable[..., Study]) -> None:
    says("weight_scale", "No run diverges", "from 2.25 on end with the worst losses")
    study = sweep("weight_scale", "sweep.seeds=2", "model.weight_scale=1,2.25,2.5")
    assert {run.status for run in study.runs} == {"completed"}
    loss = dict(zip(study.axes["model.nonlinearity"], np.median(study["final_loss"], axis=-1), strict=True))
    assert min(loss["identity"][1:]) > max(*loss["tanh"][:2], *loss["relu"], loss["identity"][0])


def test_nightly(sweep: Callable[..., Study]) -> None:
    says("nightly", "every seed up to gain 0.9", "for most from 1.2 on", "task.seq_len=200", "gain 1.3 and 32 units")
    study = sweep("nightly", "training.batches=0", "model.weight_scale=0.9,1.2")
    vanish = (study["initial_gradient_slope"] > 0).mean(axis=-1)
    assert (vanish[:, 0] == 1).all()
    assert (vanish[:, 1:] < 0.5).all()


def test_what_ten_timesteps_show_of_gain_1_3_is_a_transient(train: Make) -> None:
    overrides = ["training.batches=0", "model.weight_scale=1.3", "model.hidden_size=32", "seed=4"]
    assert train("nightly", *overrides).summary["initial_gradient_slope"] < 0
    for seed in range(4):
        long = train("nightly", *overrides[:3], f"seed={seed}", "task.seq_len=200")
        assert long.summary["initial_gradient_slope"] > 0


def test_sequence_length(sweep: Callable[..., Study]) -> None:
    says("sequence_length", "0.6 a step", "rises with T")
    study = sweep("sequence_length", "sweep.seeds=1")
    assert study["initial_gradient_slope"].ravel() == pytest.approx(np.full(5, 0.6), abs=0.06)
    over_floor = study["loss_over_floor"].ravel()
    assert list(over_floor) == sorted(over_floor)


def test_cells(sweep: Callable[..., Study]) -> None:
    says("cells", "lose less with each step back than the Elman net", "nearly flat")
    study = sweep("cells", "sweep.seeds=1")
    slopes = {run.info["config"]["model"]["cell"]: run.summary["initial_gradient_slope"] for run in study.runs}
    assert max(slopes["lstm"], slopes["gru"]) < slopes["elman"]
    assert all(abs(run.summary["final_gradient_slope"]) < 0.02 for run in study.runs)


@pytest.mark.parametrize(
    ("name", "guess", "reached"),
    [("labs/phonemes", 2.3, 1.0), ("labs/random_labels", 1.1, 0.9), ("labs/sentiment", 0.69, 0.05)],
)
def test_classifiers_learn_more_than_a_guess(train: Make, name: str, guess: float, reached: float) -> None:
    says(name, f"{guess}")
    run = train(name)
    assert run.info["floors"]["uniform guess"] == pytest.approx(guess, abs=0.01)
    assert run.summary["final_loss"] < reached


def test_adding(train: Make) -> None:
    says("adding", "better than 0.16", "costs 1/6", "near 0.63", "ten orders", "a thousand updates", "below 0.01")
    run = train("adding")
    assert run.info["floors"] == {"predict the mean": pytest.approx(1 / 6), "marks ignored": pytest.approx(0.16)}
    first_T, last_T = run["cell_grad_norm"][[0, -1], 0]
    assert factor(first_T) == pytest.approx(0.63, abs=0.01)
    assert np.log10(first_T[0] / first_T[-1]) == pytest.approx(-10, abs=0.5)
    assert run["loss"][100:1000].mean() == pytest.approx(1 / 6, abs=0.005)
    assert run["loss"][900:1000].mean() > 0.15
    assert run["loss"][1300:].mean() < 0.01
    assert factor(last_T) == pytest.approx(1, abs=0.02)


def test_an_elman_net_does_not_find_the_marks(train: Make) -> None:
    says("adding", "`model.cell=elman`", "1/6 to the end")
    assert train("adding", "model.cell=elman").summary["final_loss"] == pytest.approx(1 / 6, abs=0.02)
