"""What `explain` says of nets whose answer is known, and of those at the edges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnnlab
from rnnlab.config import load_config
from rnnlab.explain import Explanation, RunFinding, explain_run
from rnnlab.explain.causes import causes_findings
from rnnlab.explain.evidence import Evidence
from rnnlab.explain.reach import float32_horizon
from rnnlab.explain.theory import theory_findings
from rnnlab.explain.vanishing import vanishing_findings
from rnnlab.nets import CELLS
from rnnlab.store import Run
from rnnlab.studies.remeasuring import add_quantities
from rnnlab.studies.run import run_one
from tests.explain.test_critical import Unknown
from tests.store.samples import contents

CONFIGS = Path(__file__).parents[2] / "configs"

Make = Callable[..., Run]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a run of a shipped config, by default the initial nets with the loss at the last timestep."""

    def run(*overrides: str, name: str = "last_timestep_only") -> Run:
        untrained = [] if any("batches" in each for each in overrides) else ["training.batches=0"]
        return run_one(load_config(CONFIGS / f"{name}.yaml", [*untrained, *overrides]), runs=tmp_path).run

    return run


def sentences(explanation: Explanation, question: str, level: str = "") -> str:
    """Join what is said to a question that begins so."""
    return " ".join(
        finding.sentence
        for finding in explanation.findings
        if finding.question.startswith(question) and level in finding.level
    )


def numbers(explanation: Explanation, name: str) -> list[float | None]:
    """Give a number of each finding that has it."""
    return [finding.numbers[name] for finding in explanation.findings if name in finding.numbers]


TABLE = [
    (["model.init=gaussian", "model.hidden_size=200", "model.weight_scale=0.5"], "vanish", -0.668110),
    (["model.init=gaussian", "model.hidden_size=200", "model.weight_scale=2"], "explode", 0.140245),
    (["model.init=gaussian", "model.hidden_size=200", "model.weight_scale=3"], "explode", 0.294093),
    ([], "vanish", -0.580450),
    (["model.weight_scale=1.65"], "vanish", -0.184618),
    (["model.cell=lstm"], "vanish", -0.442092),
    (["model.cell=gru"], "vanish", -0.468839),
    (["model.nonlinearity=relu"], "vanish", -1.004369),
    (["model.nonlinearity=identity", "model.init=orthogonal"], "are level", 0.0),
    (["model.init=orthogonal"], "vanish", -0.073191),
]
"""Nets of which two measures that share no code are known to agree: the verdict must say that they do."""


@pytest.mark.parametrize(("overrides", "verdict", "exponent"), TABLE)
def test_the_verdict_on_nets_whose_exponent_is_known(
    make: Make, overrides: list[str], verdict: str, exponent: float
) -> None:
    run = make("task.seq_len=400", "record.sequences=16", *overrides)
    found = list(vanishing_findings(Evidence(run)))
    (reading,) = [finding for finding in found if finding.level == "reading"]
    assert reading.sentence.startswith(f"They {verdict}: at the exponent's rate")
    assert "Gradient and exponent, two measures that share no code, agree: they differ by" in reading.sentence
    assert "too short" not in reading.sentence
    by_name = {name: value for finding in found for name, value in finding.numbers.items()}
    assert by_name["exponent"] == pytest.approx(exponent, abs=0.02)  # of other sequences
    assert by_name["growth"] == pytest.approx(exponent, abs=0.01)


def test_a_linear_orthogonal_net_is_level_by_its_matrix_and_theory_says_so(make: Make) -> None:
    said = explain_run(make("model.nonlinearity=identity", "model.init=orthogonal", "task.seq_len=50"))
    reading = sentences(said, "Why", "reading")
    assert reading.startswith(
        "Neither W_hh nor the nonlinearity changes them much over a sequence. rho alone tells the"
    )
    assert "they agree" in sentences(said, "Does theory")
    assert numbers(said, "critical_scale") == pytest.approx([1.0], rel=1e-3)


def test_an_exploding_linear_net_grows_by_its_spectral_radius(make: Make) -> None:
    said = explain_run(make(name="exploding"))
    assert "They explode: at the exponent's rate, by a factor of 4.25e+08 over the 49 steps" in sentences(
        said, "Do grad"
    )
    assert sentences(said, "Why", "reading").startswith(
        "It is W_hh that decides; the nonlinearity does next to nothing."
    )
    assert "To start where they do neither: model.weight_scale=1." in sentences(said, "What would", "advice")


def test_an_identity_net_is_level_and_sees_all(make: Make) -> None:
    said = explain_run(make("model.nonlinearity=identity", "model.init=identity", "task.seq_len=30"))
    assert "They are level: at the exponent's rate, a factor of 1 over the 29 steps" in sentences(said, "Do gradients")
    assert "they differ by 0, and" in sentences(said, "Do gradients")
    assert sentences(said, "How far", "reading") == ""
    assert numbers(said, "growth") == [0.0]


def test_of_an_lstm_of_zero_weights_the_forget_gate_alone_carries(make: Make) -> None:
    said = explain_run(make("model.weight_scale=0", "model.bias_scale=0", name="lstm"))
    assert [*numbers(said, "growth"), numbers(said, "exponent")[0]] == pytest.approx([-np.log(2)] * 2, rel=1e-12)
    assert "||dL/dc_t||" in sentences(said, "Do gradients", "fact"), "of h_t with c_t held fixed it would be zero"
    assert "Gate f alone carries the gradients" in sentences(said, "Why", "reading")
    assert "a memory of 1.44 timesteps" in sentences(said, "Why", "fact")
    assert sentences(said, "Why", "advice").endswith(
        "a bias of ln(T - 1) = 2.2 gives; model.init=chrono model.chrono_time=10 draws such biases for all times up to "
        "that."
    )
    assert sentences(said, "How far") == "dL/dW_hh is zero: nothing is learned about what came before."


def test_saturation_makes_gradients_vanish_where_the_matrix_does_not(make: Make) -> None:
    said = explain_run(make("model.hidden_size=3", "model.weight_scale=4", "task.seq_len=50", "seed=1"))
    assert sentences(said, "Do gradients", "reading").startswith("They vanish")
    assert "It is the nonlinearity that makes them vanish; W_hh does not." in sentences(said, "Why", "reading")
    assert "rho alone has even the wrong sign" in sentences(said, "Why", "reading")


def test_a_chaotic_net_explodes_as_mean_field_theory_says(make: Make) -> None:
    gaussian = ["model.init=gaussian", "model.hidden_size=200", "task.seq_len=60", "record.sequences=8"]
    run = make(*gaussian, "model.weight_scale=2")
    evidence = Evidence(run)
    said = Explanation(run.path, (*causes_findings(evidence), *theory_findings(evidence)))
    assert "W_hh stretches them, and the nonlinearity takes 75 % of that back (in ln)." in sentences(
        said, "Why", "reading"
    )
    assert numbers(said, "theory") == pytest.approx([0.15176], abs=1e-3)
    assert "They agree, as 200 units may differ by 1/sqrt(H)" in sentences(said, "Does theory")


def test_of_few_units_near_the_edge_the_theory_cannot_tell_the_sign(make: Make) -> None:
    said = explain_run(make("model.init=gaussian", "model.weight_scale=1.3", "seed=4"))
    assert "With 32 units the theory cannot tell the sign" in sentences(said, "Does theory")
    verdict = sentences(said, "Do gradients", "reading")
    assert "But T = 10 is too short for the slope alone to tell" in verdict
    growth, exponent = numbers(said, "growth")[0], numbers(said, "exponent")[0]
    assert growth is not None
    assert exponent is not None
    assert growth > 0 > exponent, "the slope over ten timesteps has the wrong sign"


def test_dead_sequences_are_counted_and_the_others_judged(make: Make) -> None:
    said = explain_run(make("model.nonlinearity=relu", "model.init=identity", "task.seq_len=100"))
    run_share = numbers(said, "zero_share")[0]
    assert run_share is not None
    assert f"In {round(32 * run_share)} of 32 probe sequences the gradient that reaches t = 1 is exactly zero" in (
        sentences(said, "Do gradients", "fact")
    )
    assert sentences(said, "Do gradients", "reading") == (
        "In the long run they die: in one of the long sequences at least, some step passes nothing back. "
        "Over a sequence, where they live, they are level."
    )
    assert "It jumps there" in sentences(said, "What would")
    assert json.dumps(said.to_json(), allow_nan=False)


def test_a_matrix_that_is_zero_passes_nothing_back(make: Make) -> None:
    said = explain_run(make(name="labs/bigram"))
    assert "In the long run they die" in sentences(said, "Do gradients", "reading")
    assert sentences(said, "Why").startswith("No step passes a gradient back")
    assert "there is none" in sentences(said, "What would")


def test_a_diverged_run_is_explained_at_its_first_record(make: Make) -> None:
    said = explain_run(make("training.batches=200", name="exploding"))
    assert said.updates == [0]
    assert sentences(said, "What has") == (
        "Training diverged: the loss at update 1 was no longer finite. What is said here is of the first record."
    )


def test_one_timestep_has_no_way_back_and_two_are_too_few_to_compare(make: Make) -> None:
    one = explain_run(make("task.seq_len=1", "training.batches=5"))
    assert sentences(one, "Do gradients").startswith("A sequence is one timestep long: no gradient flows")
    assert sentences(one, "Why") == ""
    two = explain_run(make("task.seq_len=2", "training.batches=5", "model.cell=gru"))
    assert (
        sentences(two, "Do gradients", "reading").count("T = 2 is too short to hold the gradient's slope against it")
        == 2
    )


def test_with_a_loss_at_every_timestep_the_rate_is_that_of_the_last_prediction(make: Make) -> None:
    """Which is that of the same net with the loss at the last timestep, to what the first step back adds."""
    every = explain_run(make("task.last_timestep_only=false", "task.seq_len=30"))
    last = explain_run(make("task.seq_len=30"))
    assert "so its slope is no rate" in sentences(every, "Do gradients", "fact")
    (growth,), (known,) = numbers(every, "growth"), numbers(last, "growth")
    assert growth == pytest.approx(known, abs=1e-9)
    assert all(not source.recorded for source in every.findings[0].sources)
    assert all(source.recorded for source in last.findings[0].sources)


def test_in_a_deep_net_the_layer_with_the_largest_exponent_sets_the_rate(make: Make) -> None:
    said = explain_run(make("model.layers=3", "task.seq_len=30"))
    assert "(the largest of its layers': " in sentences(said, "Do gradients", "fact")
    assert "2 s.e. + (3 + 2 ln T)/T allows" in sentences(said, "Do gradients", "reading")
    assert all(finding.sentence.startswith("In layer 0: ") for finding in said.findings if finding.question == "Why?")


def test_training_is_judged_against_its_beginning(make: Make) -> None:
    said = explain_run(make("training.batches=300", "training.learning_rate=0.01", "training.optimizer=adam"))
    assert said.updates == [0, 300]
    assert sentences(said, "What has", "reading").startswith(
        "Over a sequence gradients vanish before training, and are"
    )
    assert "in the long run they reach back farther" in sentences(said, "What has", "reading")
    before, after = numbers(said, "h95")
    assert before is not None
    assert after is not None
    assert before < after


@pytest.mark.parametrize(
    ("overrides", "symbol"),
    [
        (["model.weight_scale=0.05"], "h_t"),
        (["model.cell=lstm", "model.weight_scale=0.1", "model.forget_bias=-4"], "c_t"),
    ],
    ids=["elman", "lstm"],
)
def test_a_gradient_below_float64_still_has_its_rate(make: Make, overrides: list[str], symbol: str) -> None:
    found = list(vanishing_findings(Evidence(make(*overrides, "task.seq_len=400", "record.sequences=4"))))
    growth, exponent = found[0].numbers["growth"], found[1].numbers["exponent"]
    assert growth == pytest.approx(exponent, abs=0.02)
    assert exponent is not None
    assert 400 * exponent < -800, "e^-745 is the least number of float64"
    assert f"||dL/d{symbol}||" in found[0].sentence
    assert "exactly zero" not in " ".join(finding.sentence for finding in found)


def test_what_the_run_has_recorded_is_read_and_what_not_is_measured_alike_and_nothing_is_written(make: Make) -> None:
    run = make("training.batches=20", "record.every=5")
    before = contents(run.path)
    measured = explain_run(run)
    assert contents(run.path) == before
    add_quantities(run, ["lags", "jacobians", "activity", "bounds"])
    recorded = explain_run(run.path)
    assert [finding.sentence for finding in recorded.findings] == [finding.sentence for finding in measured.findings]
    assert _not_recorded(measured) == {
        "lag_norm", "lag_truncated_cosine", "gain_nonlinearity", "gain_matrix", "derivative_mean", "saturated_share",
    }  # fmt: skip
    assert _not_recorded(recorded) == set()
    summary = rnnlab.open_run(run.path).summary
    for name in ("h50", "h95"):
        assert numbers(recorded, name) == [summary[f"initial_{name}"], summary[f"final_{name}"]]


def _not_recorded(said: Explanation) -> set[str]:
    return {source.array for finding in said.findings for source in finding.sources if not source.recorded}


def test_every_finding_says_where_it_is_from_and_how_sure_it_is(make: Make) -> None:
    for name in ("labs/phonemes", "labs/sentiment", "gru", "nightly"):
        run = make("training.batches=10", name=name)
        said = explain_run(run)
        assert len(said.findings) > 12
        for finding in said.findings:
            assert finding.uncertainty, finding.sentence
            assert finding.sentence.endswith((".", ".)")), finding.sentence
            assert finding.sources or finding.level == "advice" or not finding.numbers, finding.sentence
            for source in finding.sources:
                assert not source.recorded or source.file in {*run.record.files}, source
        assert json.loads(json.dumps(said.to_json(), allow_nan=False))["findings"]


def test_a_cell_without_a_recurrent_matrix_is_explained_by_its_gate(make: Make) -> None:
    said = explain_run(make("model.cell=mingru", "task.seq_len=20"))
    assert sentences(said, "Why", "reading") == "Gate f alone carries the gradients."
    assert sentences(said, "How far") == ""
    assert "there is none" in sentences(said, "What would"), "no weight scale changes its gates at zero inputs"


def test_a_cell_whose_derivatives_are_not_written_down_is_explained_as_far_as_that_goes(make: Make) -> None:
    with CELLS.extended(Unknown):
        said = explain_run(make("model.cell=unknown"))
    assert [finding.sentence for finding in said.findings if finding.level == "fact"][1] == (
        "There is no exponent: the derivatives of this cell's steps are not written down."
    )
    assert "cannot be told" in sentences(said, "Do gradients", "reading")
    assert sentences(said, "How far") == sentences(said, "What would") == ""


def test_long_sequences_are_measured_on_fewer_probes(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnlab.explain.evidence.MOST_OPERATIONS", 2e7)
    said = explain_run(make("task.seq_len=40"))
    (finding, *_) = [finding for finding in said.findings if "h50" in finding.numbers]
    assert isinstance(finding, RunFinding)
    count = int(finding.uncertainty.split()[4])
    assert 1 <= count < 32
    assert "float32" not in sentences(said, "How far"), "its rounding is that of the whole gradient"


@pytest.mark.parametrize(("cell", "horizon"), [("elman", 28), ("lstm", 36), ("gru", 34)])
def test_the_horizon_of_float32(make: Make, cell: str, horizon: int) -> None:
    evidence = Evidence(make(f"model.cell={cell}", "task.seq_len=50"))
    norms_SLK = evidence.get("lag_norm")
    assert norms_SLK is not None
    metrics = evidence.run.metrics
    whole = metrics["param_grad_norm"][0, metrics["param_names"].tolist().index("weight_hh_l0")]
    assert float32_horizon(norms_SLK[0, 0], whole) == horizon
    assert float32_horizon(np.array([1.0, 1.0]), 1.0) is None
