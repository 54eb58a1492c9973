"""What is recorded of a run: shapes and types, meaning, flags, and that nothing depends on how the work is cut."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rnnlab.config import config_from_mapping
from rnnlab.experiment import prepare
from rnnlab.flow import GROUPS, Measured, Problem, measure
from rnnlab.flow import measuring as MODULE
from rnnlab.flow.base_numbers import slope
from rnnlab.nets import LSTM, Architecture, Elman, unpack
from rnnlab.tasks import CrossEntropy, MeanSquaredError
from tests import reference
from tests.nets.settings import CELLS, make_architecture, random_sequences, random_weights, reference_net, stacked

LOSSES = pytest.mark.parametrize("last_timestep_only", [False, True])


def assert_close(found: np.ndarray, differences: np.ndarray) -> None:
    """Hold numbers against those of central differences."""
    assert_allclose(found, differences, rtol=1e-6, atol=1e-8)


def measured(
    architecture: Architecture,
    weights: list[dict[str, np.ndarray]],
    sequences: tuple[np.ndarray, np.ndarray],
    last_timestep_only: bool = False,
) -> Measured:
    problem = Problem(architecture, stacked(weights), *sequences, MeanSquaredError(last_timestep_only))
    return measure(problem, {"base": range(len(weights))})


def chain(
    factor: float, timesteps: int, *, nonlinearity: str = "identity", bias: float = 0.0, readout: float = 1.0
) -> Measured:
    """Measure one linear unit with that recurrent weight, loss at the last timestep: dL/dh_t = ±2 factor^(T-t)."""
    architecture = Architecture(Elman(nonlinearity), 1, 1, 1, 1)
    weights = {name: np.zeros(shape) for name, shape in architecture.parameter_shapes.items()}
    weights["weight_hh_l0"][:], weights["bias_l0"][:], weights["readout_weight"][:] = factor, bias, readout
    sequences = (np.zeros((2, timesteps, 1)), np.ones((2, timesteps, 1)))
    return measured(architecture, [weights], sequences, last_timestep_only=True)


@LOSSES
@pytest.mark.parametrize("timesteps", [1, 10])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_shapes_and_types(
    cell: str, nonlinearity: str | None, layers: int, timesteps: int, last_timestep_only: bool
) -> None:
    architecture = make_architecture(cell, nonlinearity, layers)
    weights = [random_weights(architecture, seed) for seed in range(4)]
    arrays = measured(architecture, weights, random_sequences(architecture, 5, timesteps), last_timestep_only).arrays
    by_time, by_unit = (4, layers, timesteps), (4, layers, architecture.hidden_size)
    expected = {
        "probe_loss": (4,),
        "grad_norm": by_time,
        "grad_log_norm": by_time,
        "grad_zero_share": by_time,
        "grad_log_living": by_time,
        "grad_log_low": by_time,
        "grad_log_median": by_time,
        "grad_log_high": by_time,
        "hidden_norm": by_time,
        "param_grad_norm": (4, len(architecture.parameter_shapes)),
    }
    expected |= {"cell_grad_norm": by_time} if cell == "lstm" else {}
    expected |= {"eigenvalues": by_unit, "singular_values": by_unit} if cell == "elman" else {}
    assert {name: array.shape for name, array in arrays.items()} == expected
    for name, array in arrays.items():
        assert array.dtype == (np.complex128 if name == "eigenvalues" else np.float64), name
        assert not np.isnan(array).any(), name


@LOSSES
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_every_number_agrees_with_the_reference(
    cell: str, nonlinearity: str | None, layers: int, last_timestep_only: bool
) -> None:
    architecture = make_architecture(cell, nonlinearity, layers)
    net, weights = reference_net(architecture), random_weights(architecture, 1)
    sequences = random_sequences(architecture, 3, 4)
    arrays = measured(architecture, [weights], sequences, last_timestep_only).arrays
    run = reference.unroll(net, weights, sequences[0])
    losses = reference.sequence_losses(run.predictions, sequences[1], last_timestep_only)
    norms_LTB = np.linalg.norm(reference.state_gradients(net, weights, *sequences, last_timestep_only), axis=-1)
    by_parameter = reference.parameter_gradients(net, weights, *sequences, last_timestep_only)
    assert_allclose(arrays["probe_loss"][0], losses.mean(), rtol=1e-13)
    assert_allclose(arrays["hidden_norm"][0], np.linalg.norm(run.h, axis=-1).mean(axis=-1), rtol=1e-12)
    assert_close(arrays["grad_norm"][0], norms_LTB.mean(axis=-1))
    if nonlinearity != "relu":  # a dead unit may pass back a true zero
        assert_close(arrays["grad_log_norm"][0], np.log(norms_LTB).mean(axis=-1))
        for name, share in (("grad_log_low", 0.1), ("grad_log_median", 0.5), ("grad_log_high", 0.9)):
            assert_close(arrays[name][0], np.quantile(np.log(norms_LTB), share, axis=-1))
    assert_close(arrays["param_grad_norm"][0], np.array([np.linalg.norm(one) for one in by_parameter.values()]))
    if cell == "lstm":
        cells = reference.state_gradients(net, weights, *sequences, last_timestep_only, "c")
        assert_close(arrays["cell_grad_norm"][0], np.linalg.norm(cells, axis=-1).mean(axis=-1))
    if cell == "elman":
        for layer in range(layers):
            matrix = weights[f"weight_hh_l{layer}"]
            assert_allclose(arrays["singular_values"][0, layer, 0], np.linalg.norm(matrix, 2), rtol=1e-12)
            assert_allclose(arrays["eigenvalues"][0, layer].sum(), np.trace(matrix), atol=1e-12)


@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_nothing_depends_on_how_the_stack_is_cut(
    cell: str, nonlinearity: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = make_architecture(cell, nonlinearity, 2)
    weights = [random_weights(architecture, seed) for seed in range(7)]
    sequences = random_sequences(architecture, 5, 6)
    whole = measured(architecture, weights, sequences)
    for bytes_at_once in (1, 15_000, 30_000):
        monkeypatch.setattr(MODULE, "_CHUNK_BYTES", bytes_at_once)
        cut = measured(architecture, weights, sequences)
        assert cut.flags == whole.flags
        for name, array in whole.arrays.items():
            assert_allclose(cut.arrays[name], array, rtol=1e-12, atol=1e-14, err_msg=name)


def test_the_caller_is_asked_before_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "_CHUNK_BYTES", 1)
    architecture = make_architecture("elman", "tanh", 1)
    weights = stacked([random_weights(architecture, seed) for seed in range(3)])
    calls: list[None] = []
    sequences = random_sequences(architecture, 2, 3)
    problem = Problem(architecture, weights, *sequences, MeanSquaredError())
    measure(problem, {"base": range(3)}, on_chunk=lambda: calls.append(None))
    assert len(calls) == 3


def test_what_is_measured_of_every_run_is_so_at_the_records_that_it_chooses() -> None:
    architecture = make_architecture("elman", "tanh", 1)
    weights = stacked([random_weights(architecture, seed) for seed in range(3)])
    found = measure(Problem(architecture, weights, *random_sequences(architecture, 2, 3), MeanSquaredError()))
    assert list(found.groups) == ["base", "exponent"]
    assert found.groups["base"]["grad_norm"].shape[0] == 3
    assert found.groups["exponent"]["exponent"].shape == (2, 1)


def test_weights_in_float32_are_measured_in_float64() -> None:
    architecture = make_architecture("elman", "tanh", 1)
    single = {name: weight.astype(np.float32) for name, weight in random_weights(architecture, 0).items()}
    double = {name: weight.astype(np.float64) for name, weight in single.items()}
    sequences = random_sequences(architecture, 2, 5)
    one, other = measured(architecture, [single], sequences), measured(architecture, [double], sequences)
    for name, array in one.arrays.items():
        assert_array_equal(array, other.arrays[name], err_msg=name)


def test_classes_are_measured_as_they_are() -> None:
    architecture = make_architecture("elman", "tanh", 1)
    weights, (inputs, _) = random_weights(architecture, 0), random_sequences(architecture, 2, 3)
    classes_BT = np.array([[0, 1, 1], [1, 0, 1]])
    problem = Problem(architecture, stacked([weights]), inputs, classes_BT, CrossEntropy())
    found = measure(problem).arrays["probe_loss"]
    logits_BTO = reference.unroll(reference_net(architecture), weights, inputs).predictions
    shares_BTO = np.exp(logits_BTO) / np.exp(logits_BTO).sum(axis=-1, keepdims=True)
    assert_allclose(found, [-np.log(np.take_along_axis(shares_BTO, classes_BT[..., None], -1)).mean()], rtol=1e-13)


@pytest.mark.parametrize("copies", [1, 32])
def test_norms_do_not_depend_on_the_number_of_probe_sequences(copies: int) -> None:
    architecture = make_architecture("lstm", None, 2)
    inputs, targets = random_sequences(architecture, 1, 6)
    weights = random_weights(architecture, 2)
    one = measured(architecture, [weights], (inputs, targets)).arrays
    many = measured(architecture, [weights], (inputs.repeat(copies, 0), targets.repeat(copies, 0))).arrays
    for name, array in one.items():
        assert_allclose(many[name], array, rtol=1e-11, err_msg=name)


def test_one_dead_sequence_leaves_the_others_their_mean() -> None:
    """The second of three sequences drives a relu unit below zero at t = 2: nothing comes back to its t = 1."""
    architecture = Architecture(Elman("relu"), 1, 1, 1, 1)
    weights = {name: np.zeros(shape) for name, shape in architecture.parameter_shapes.items()}
    weights["weight_hh_l0"][:], weights["weight_ih_l0"][:], weights["readout_weight"][:] = 0.5, 1.0, 1.0
    inputs_BTI = np.ones((3, 3, 1))
    inputs_BTI[1, 1] = -1.0
    arrays = measured(architecture, [weights], (inputs_BTI, np.zeros((3, 3, 1))), last_timestep_only=True).arrays
    living = math.log(2 * 1.75 * 0.25)  # dL/dh_1 = 2 h_3 w², h_3 = 1 + (1 + 1/2)/2
    assert_allclose(arrays["grad_zero_share"][0, 0], [1 / 3, 0, 0])
    assert_allclose(arrays["grad_log_living"][0, 0, 0], living, rtol=1e-14)
    assert arrays["grad_log_norm"][0, 0, 0] == arrays["grad_log_low"][0, 0, 0] == -math.inf
    assert_allclose(arrays["grad_log_median"][0, 0, 0], living, rtol=1e-14)
    assert_array_equal(arrays["grad_log_living"][0, 0, 1:], arrays["grad_log_norm"][0, 0, 1:])


# the ends of float64


def test_a_gradient_of_1e_minus_200_is_kept_as_it_is() -> None:
    found = chain(1e-20, 11)
    assert_allclose(found.arrays["grad_norm"][0, 0], 2.0 * 1e-20 ** np.arange(10, -1, -1.0), rtol=1e-12)
    logs_T = math.log(2) - 20 * math.log(10) * np.arange(10, -1, -1.0)
    assert_allclose(found.arrays["grad_log_norm"][0, 0], logs_T, rtol=1e-14)
    assert found.flags == []


def test_a_gradient_of_1e200_is_kept_as_it_is() -> None:
    found = chain(1e20, 11)
    assert_allclose(found.arrays["grad_norm"][0, 0], 2.0 * 1e20 ** np.arange(10, -1, -1.0), rtol=1e-12)
    assert found.flags == []


def test_dead_units_give_minus_infinity_and_no_flag() -> None:
    found = chain(0.0, 4)
    assert_array_equal(found.arrays["grad_norm"][0, 0], [0.0, 0.0, 0.0, 2.0])
    assert_array_equal(found.arrays["grad_log_norm"][0, 0], [-math.inf, -math.inf, -math.inf, math.log(2)])
    assert found.flags == []


def test_a_readout_of_zeros_gives_minus_infinity_everywhere_and_no_flag() -> None:
    found = chain(0.5, 4, readout=0.0)
    assert_array_equal(found.arrays["grad_log_norm"], np.full((1, 1, 4), -math.inf))
    assert found.flags == []


@pytest.mark.parametrize(
    ("factor", "timesteps"),
    [
        (1e-20, 17),  # 2e-320 at the first timestep: digits are lost
        (1e-20, 20),  # and then zeros
        (1e-30, 12),  # 2e-300, then 0: no subnormal in between
        (0.5, 1100),
        (1e-103, 4),  # 2e-309: just below the smallest normal number
        (1e-210, 3),  # 2e-210, then 0
    ],
)
def test_gradients_below_float64_are_flagged(factor: float, timesteps: int) -> None:
    assert chain(factor, timesteps).flags == ["underflow"]


@pytest.mark.parametrize(("factor", "timesteps"), [(1e-20, 20), (1e-30, 12), (0.5, 1100), (1e-103, 4), (1e-210, 3)])
def test_logarithms_of_gradients_below_float64_are_exact(factor: float, timesteps: int) -> None:
    logs_T = chain(factor, timesteps).arrays["grad_log_norm"][0, 0]
    assert_allclose(logs_T, math.log(2) + math.log(factor) * np.arange(timesteps - 1, -1, -1.0), rtol=1e-14)


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_logarithms_go_on_at_the_rate_that_they_had_where_float64_ends(cell: str) -> None:
    """A net that rests at a fixed point hands back the same share at every step, be it 1e-300 or 1e-400."""
    architecture = make_architecture(cell, "tanh" if cell == "elman" else None, 1)
    weights = random_weights(architecture, 0)
    for name in ("weight_hh_l0", "weight_ih_l0", "bias_l0"):
        weights[name] *= 0.02
    if cell == "lstm":
        weights["bias_l0"][architecture.hidden_size : 2 * architecture.hidden_size] = -6.0
    if cell == "gru":
        weights["bias_l0"][architecture.hidden_size : 2 * architecture.hidden_size] = -6.0
    sequences = (np.ones((2, 400, architecture.input_size)), np.ones((2, 400, architecture.output_size)))
    found = measured(architecture, [weights], sequences, last_timestep_only=True)
    assert found.flags == ["underflow"]
    steps_T = np.diff(found.arrays["grad_log_norm"][0, 0])
    assert_allclose(steps_T[50:200], steps_T[280], rtol=1e-7)


def test_a_net_whose_gradient_is_e_to_the_minus_1251_says_so() -> None:
    """By an implementation of its own: -1251.0325659926 and a slope of 1.2485393304."""
    changes = {"task": {"seq_len": 1000, "last_timestep_only": True}, "model": {"weight_scale": 0.5}}
    prepared = prepare(config_from_mapping({"name": "long", "training": {"batches": 0}, **changes}))
    weights = unpack(prepared.initial_P[None], prepared.architecture)
    sequences = (prepared.probe_inputs_BTI, prepared.probe_targets)
    problem = Problem(prepared.architecture, weights, *sequences, prepared.recipe.sequence_loss)
    arrays = measure(problem, {"base": [0]}).arrays
    assert arrays["grad_log_norm"][0, 0, 0] == pytest.approx(-1251.0325659926, abs=1e-9)
    assert slope(arrays["grad_log_living"][0, 0]) == pytest.approx(1.2485393304, abs=1e-10)
    assert (arrays["grad_norm"][0, 0] == 0).sum() > 400
    assert (arrays["grad_zero_share"] == 0).all()


@pytest.mark.parametrize(("factor", "timesteps"), [(1e-20, 16), (1e-30, 11), (0.5, 1020), (1.1e-154, 3)])
def test_gradients_just_above_are_not_flagged(factor: float, timesteps: int) -> None:
    assert chain(factor, timesteps).flags == []


@pytest.mark.parametrize(("factor", "timesteps"), [(1e-50, 5), (1e-95, 4)])
def test_a_dead_unit_behind_a_small_gradient_is_no_underflow(factor: float, timesteps: int) -> None:
    """Below 1e-200 alone a zero is the end of float64; 2e-150 or 2e-190 before it would have left something."""
    architecture = Architecture(Elman("relu"), 1, 1, 1, 1)
    weights = {name: np.zeros(shape) for name, shape in architecture.parameter_shapes.items()}
    weights["weight_hh_l0"][:], weights["weight_ih_l0"][:], weights["readout_weight"][:] = factor, 1.0, 1.0
    inputs = np.ones((1, timesteps, 1))
    inputs[0, 1] = -1.0  # at which the unit is dead
    found = measured(architecture, [weights], (inputs, np.full((1, timesteps, 1), 2.0)), last_timestep_only=True)
    norms_T = found.arrays["grad_norm"][0, 0]
    assert norms_T[0] == 0
    assert_allclose(norms_T[1:], 2.0 * factor ** np.arange(timesteps - 2, -1, -1.0), rtol=1e-12)
    assert found.flags == []


def test_cell_gradients_below_float64_are_flagged_too() -> None:
    """With weights zero nothing passes from h to h, but dL/dc_t falls by the forget gate, 2e-22 each step."""
    architecture = Architecture(LSTM(), 1, 1, 1, 1)
    weights = {name: np.zeros(shape) for name, shape in architecture.parameter_shapes.items()}
    weights["bias_l0"][1], weights["readout_weight"][:] = -50.0, 1.0
    for timesteps, flags in ((10, []), (20, ["underflow"])):
        sequences = (np.zeros((1, timesteps, 1)), np.ones((1, timesteps, 1)))
        found = measured(architecture, [weights], sequences, last_timestep_only=True)
        assert found.flags == flags
        assert (found.arrays["cell_grad_norm"].min() == 0) == bool(flags)


def test_gradients_lost_on_the_way_down_the_layers_are_flagged() -> None:
    """One timestep, ten layers, each handing down 1e-50 of what it gets: 1e-300, then 0."""
    architecture = Architecture(Elman("identity"), 1, 1, 10, 1)
    weights = {name: np.full(shape, 1e-50) for name, shape in architecture.parameter_shapes.items()}
    weights["readout_weight"][:] = 1.0
    found = measured(architecture, [weights], (np.ones((1, 1, 1)), np.ones((1, 1, 1))))
    assert found.arrays["grad_norm"][0, 0, 0] == 0
    assert_allclose(found.arrays["grad_log_norm"][0, 0, 0], math.log(2) - 9 * 50 * math.log(10), rtol=1e-14)
    assert found.flags == ["underflow"]


@pytest.mark.parametrize(("factor", "timesteps", "flags"), [(1e20, 16, []), (1e20, 17, ["overflow"])])
def test_gradients_above_float64_are_infinite_and_flagged(factor: float, timesteps: int, flags: list[str]) -> None:
    found = chain(factor, timesteps)
    assert found.flags == flags
    assert np.isinf(found.arrays["grad_norm"][0, 0, 0]) == bool(flags)
    assert np.isfinite(found.arrays["grad_norm"][0, 0, 1:]).all()
    logs_T = math.log(2) + 20 * math.log(10) * np.arange(timesteps - 1, -1, -1.0)
    assert_allclose(found.arrays["grad_log_norm"][0, 0], logs_T, rtol=1e-14)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_a_net_that_is_not_finite_is_flagged_and_spoils_no_other(
    cell: str, nonlinearity: str | None, bad: float
) -> None:
    architecture = make_architecture(cell, nonlinearity, 2)
    weights = [random_weights(architecture, seed) for seed in range(3)]
    sequences = random_sequences(architecture, 2, 4)
    whole = measured(architecture, weights, sequences)
    assert whole.flags == []
    weights[1]["weight_hh_l0"][0, 0] = bad
    found = measured(architecture, weights, sequences)
    assert found.flags == ["overflow"]
    for name, array in found.arrays.items():
        assert_allclose(array[[0, 2]], whole.arrays[name][[0, 2]], rtol=1e-12, err_msg=name)
    if cell == "elman":
        assert np.isnan(found.arrays["eigenvalues"][1, 0]).all()
        assert np.isfinite(found.arrays["eigenvalues"][1, 1]).all()


def test_underflow_and_overflow_can_come_together() -> None:
    architecture = Architecture(Elman("identity"), 1, 1, 1, 1)
    weights = []
    for factor in (1e20, 1e-20):
        one = {name: np.zeros(shape) for name, shape in architecture.parameter_shapes.items()}
        one["weight_hh_l0"][:], one["readout_weight"][:] = factor, 1.0
        weights.append(one)
    sequences = (np.zeros((1, 20, 1)), np.ones((1, 20, 1)))
    assert measured(architecture, weights, sequences, last_timestep_only=True).flags == ["underflow", "overflow"]


def test_a_group_gives_its_quantities_the_type_that_they_are_declared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = make_architecture("elman", "tanh", 1)
    problem = Problem(
        architecture,
        stacked([random_weights(architecture, 0)]),
        *random_sequences(architecture, 2, 3),
        MeanSquaredError(),
    )
    monkeypatch.setattr(type(GROUPS["exponent"]), "compute", lambda *_: {"exponent": np.array([[-1]])})
    assert measure(problem).arrays["exponent"].dtype == np.float64
    monkeypatch.setattr(type(GROUPS["exponent"]), "compute", lambda *_: {"exponent": np.array([[1j]])})
    with pytest.raises(ValueError, match=r"'exponent' is declared as .* f8, and its type is complex128"):
        measure(problem)
