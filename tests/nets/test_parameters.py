"""The parameters: names, shapes, the flat row, and how they begin."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from rnnlab.nets import Architecture, Elman, bigram_weights, initial_weights, make_cell, pack, unpack
from rnnlab.training import BATCHES, PROBE, WEIGHTS, make_stream
from tests.nets.settings import CELLS, make_architecture, random_weights, stacked

INITS = ["uniform", "kaiming-normal", "gaussian", "orthogonal", "identity"]
GATES = {"elman": 1, "lstm": 4, "gru": 3}

architectures = st.builds(
    lambda cell, layers, inputs, hidden, outputs: Architecture(make_cell(cell), inputs, hidden, layers, outputs),
    st.sampled_from(list(GATES)),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 3),
)


def parameter_count(architecture: Architecture) -> int:
    return sum(math.prod(shape) for shape in architecture.parameter_shapes.values())


def draw(architecture: Architecture, seed: int = 0, **options: str | float) -> dict[str, np.ndarray]:
    return initial_weights(architecture, make_stream(seed, WEIGHTS), **options)  # type: ignore[arg-type]


@given(architectures)
def test_shapes_are_pytorchs(architecture: Architecture) -> None:
    module = {"elman": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[architecture.cell.name]
    theirs = module(architecture.input_size, architecture.hidden_size, architecture.layers)
    shapes = architecture.parameter_shapes
    for layer in range(architecture.layers):
        for name in ("weight_ih", "weight_hh"):
            assert shapes[f"{name}_l{layer}"] == tuple(theirs.get_parameter(f"{name}_l{layer}").shape)
        assert shapes[f"bias_l{layer}"] == (GATES[architecture.cell.name] * architecture.hidden_size,)
        assert (f"bias_hn_l{layer}" in shapes) == (architecture.cell.name == "gru")
    assert shapes["readout_weight"] == (architecture.output_size, architecture.hidden_size)
    assert shapes["readout_bias"] == (architecture.output_size,)


@given(architectures, st.integers(0, 3))
def test_packing_what_was_unpacked_gives_it_back(architecture: Architecture, rows: int) -> None:
    flat = np.arange(max(rows, 1) * parameter_count(architecture), dtype=np.float32)
    flat = flat.reshape((rows, -1) if rows else -1)
    weights = unpack(flat, architecture)
    assert {name: weight.shape[flat.ndim - 1 :] for name, weight in weights.items()} == architecture.parameter_shapes
    assert_array_equal(pack(weights, architecture), flat)


@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_unpacking_what_was_packed_gives_it_back(cell: str, nonlinearity: str | None) -> None:
    architecture = make_architecture(cell, nonlinearity, 2)
    weights = stacked([random_weights(architecture, seed) for seed in range(3)])
    back = unpack(pack(weights, architecture), architecture)
    assert list(back) == list(weights)
    for name, weight in weights.items():
        assert_array_equal(back[name], weight)


def test_unpacked_tensors_are_views_of_the_row() -> None:
    architecture = make_architecture("lstm", None, 2)
    row_P = torch.zeros(parameter_count(architecture))
    unpack(row_P, architecture)["bias_l1"] += 1.0
    assert row_P.sum() == 4 * architecture.hidden_size


# initial weights

WIDE = {cell: Architecture(make_cell(cell), 40, 48, 2, 30) for cell in GATES}
"""Wide enough for statistics: the smallest matrix has 1440 entries."""


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("cell", list(GATES))
def test_initial_weights_are_float32_and_finite_and_all_there(cell: str, init: str) -> None:
    weights = draw(WIDE[cell], init=init)
    assert {name: weight.shape for name, weight in weights.items()} == WIDE[cell].parameter_shapes
    assert all(weight.dtype == np.float32 and np.isfinite(weight).all() for weight in weights.values())


@pytest.mark.parametrize("cell", list(GATES))
def test_uniform_fills_the_whole_interval_and_never_leaves_it(cell: str) -> None:
    bound = 1 / math.sqrt(48)
    for name, weight in draw(WIDE[cell]).items():
        assert np.abs(weight).max() <= np.float32(bound), name
        if weight.size > 1000:
            assert np.abs(weight).max() > 0.99 * bound, name
            assert weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.05), name
            assert abs(weight.mean()) < 4 * weight.std() / math.sqrt(weight.size), name


@pytest.mark.parametrize(
    ("init", "deviation"), [("kaiming-normal", math.sqrt(2 / 48)), ("gaussian", 1 / math.sqrt(48))]
)
@pytest.mark.parametrize("cell", list(GATES))
def test_normal_inits_have_their_standard_deviation(cell: str, init: str, deviation: float) -> None:
    for name, weight in draw(WIDE[cell], init=init).items():
        if name.startswith("weight"):
            z = weight / deviation
            assert z.std() == pytest.approx(1, abs=4 / math.sqrt(2 * z.size)), name
            assert np.mean(np.abs(z) < 1) == pytest.approx(0.6827, abs=0.04), name  # normal, not merely that wide


@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("cell", list(GATES))
def test_orthogonal_is_orthogonal_gate_by_gate(cell: str, scale: float) -> None:
    for layer in range(2):
        matrix = draw(WIDE[cell], init="orthogonal", weight_scale=scale)[f"weight_hh_l{layer}"].astype(np.float64)
        gates = matrix.reshape(GATES[cell], 48, 48) / scale
        for gate in gates:
            assert_allclose(gate @ gate.T, np.eye(48), atol=1e-6)
        assert len({gate[0, 0] for gate in gates}) == GATES[cell]


def test_orthogonal_is_haar() -> None:
    """Under Haar measure E tr(Q)^2 = 1 and E tr(Q) = 0, and both determinants are as likely."""
    architecture = Architecture(Elman("tanh"), 1, 6, 1, 1)
    matrices = [draw(architecture, seed, init="orthogonal")["weight_hh_l0"].astype(np.float64) for seed in range(2000)]
    traces = np.trace(matrices, axis1=1, axis2=2)
    assert abs(traces.mean()) < 3 / math.sqrt(2000)
    assert np.mean(traces**2) == pytest.approx(1, abs=3 * math.sqrt(2 / 2000))
    assert np.mean(np.linalg.det(matrices) > 0) == pytest.approx(0.5, abs=3 * 0.5 / math.sqrt(2000))


@pytest.mark.parametrize("cell", list(GATES))
def test_identity_is_the_identity_gate_by_gate(cell: str) -> None:
    matrix = draw(WIDE[cell], init="identity")["weight_hh_l1"]
    assert_array_equal(matrix.reshape(GATES[cell], 48, 48), np.broadcast_to(np.eye(48), (GATES[cell], 48, 48)))


@pytest.mark.parametrize("init", ["orthogonal", "identity"])
def test_inits_of_square_matrices_leave_the_input_matrices_uniform(init: str) -> None:
    for layer in range(2):
        matrix = draw(WIDE["gru"], init=init)[f"weight_ih_l{layer}"]
        assert np.abs(matrix).max() <= np.float32(1 / math.sqrt(48))
        assert matrix.std() == pytest.approx(1 / math.sqrt(3 * 48), rel=0.05)


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("cell", list(GATES))
def test_biases_are_zero_unless_uniform(cell: str, init: str) -> None:
    for name, weight in draw(WIDE[cell], init=init).items():
        if name.startswith("bias"):
            assert np.any(weight != 0) == (init == "uniform"), name


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("cell", list(GATES))
def test_scales_multiply_what_they_should_and_change_no_draw(cell: str, init: str) -> None:
    """A power of two is exact in float32, so proportional means equal."""
    plain = draw(WIDE[cell], init=init)
    scaled = draw(WIDE[cell], init=init, weight_scale=4.0, bias_scale=-0.5)
    for name, weight in plain.items():
        factor = 4.0 if name.startswith("weight") else -0.5 if name.startswith("bias") else 1.0
        assert_array_equal(scaled[name], np.float32(factor) * weight, err_msg=name)


@pytest.mark.parametrize("init", INITS)
def test_the_readout_is_uniform_and_never_scaled(init: str) -> None:
    weights = draw(WIDE["elman"], init=init, weight_scale=0.0, bias_scale=0.0)
    assert all(not weight.any() for name, weight in weights.items() if not name.startswith("readout"))
    for name in ("readout_weight", "readout_bias"):
        assert 0.8 / math.sqrt(48) < np.abs(weights[name]).max() <= np.float32(1 / math.sqrt(48))


@given(st.floats(-5, 5, allow_nan=False))
def test_any_scale_is_the_draw_times_the_scale_to_rounding(scale: float) -> None:
    architecture = make_architecture("elman", "tanh", 1)
    plain, scaled = draw(architecture), draw(architecture, weight_scale=scale)
    expected = plain["weight_hh_l0"].astype(np.float64) * scale
    assert_allclose(scaled["weight_hh_l0"], expected, rtol=2**-22, atol=1e-44)


def test_bigram_weights_hand_each_input_s_row_of_logarithms_to_the_readout() -> None:
    table_VV = np.array([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    weights = bigram_weights(Architecture(Elman("identity"), 3, 4, 1, 3), table_VV)
    logarithms_VV = np.array([[-100, np.log(0.25), np.log(0.75)], [0, -100, -100], np.log([0.2, 0.3, 0.5])])
    assert_array_equal(weights["weight_ih_l0"], np.eye(4, 3))
    assert_allclose(weights["readout_weight"], np.pad(logarithms_VV.T, ((0, 0), (0, 1))), rtol=1e-6)
    assert not any(weights[name].any() for name in ("weight_hh_l0", "bias_l0", "readout_bias"))


def test_streams_of_a_seed_and_seeds_of_a_stream_differ() -> None:
    architecture = make_architecture("elman", "tanh", 1)
    drawn = [
        pack(initial_weights(architecture, make_stream(seed, stream)), architecture)
        for seed in (0, 1, 2, 2**32 - 1)
        for stream in (WEIGHTS, BATCHES, PROBE)
    ]
    assert len({row.tobytes() for row in drawn}) == len(drawn)
    correlations = np.corrcoef(drawn) - np.eye(len(drawn))
    assert np.abs(correlations).max() < 0.75  # 26 numbers each: four standard errors of a zero correlation
