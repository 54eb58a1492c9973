"""How nets begin: scales apart from each other, biases with a deviation, and starts that papers describe."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from rnnlab.config import ConfigError, canonical_json, config_from_mapping
from rnnlab.experiment import draw_weights
from rnnlab.explore.model import Explorer
from rnnlab.nets import Architecture, make_cell
from rnnlab.nets.initialisers import make_initialiser
from rnnlab.nets.plain import predict
from rnnlab.training import WEIGHTS, make_stream

WIDE = 4000
"""Units of a net whose biases are a sample."""


def drawn(**model: object) -> dict[str, np.ndarray]:
    return draw_weights(config_from_mapping({"name": "x", "model": {"hidden_size": 48, "layers": 2, **model}}))


@pytest.mark.parametrize("init", ["uniform", "gaussian", "orthogonal"])
def test_scales_of_inputs_and_readout_multiply_these_alone(init: str) -> None:
    plain, scaled = drawn(init=init, cell="gru"), drawn(init=init, cell="gru", input_scale=4.0, readout_scale=0.5)
    for name, weight in plain.items():
        factor = 4.0 if name.startswith("weight_ih") else 0.5 if name.startswith("readout") else 1.0
        assert_array_equal(scaled[name], np.float32(factor) * weight, err_msg=name)


@pytest.mark.parametrize("init", ["uniform", "gaussian"])
def test_biases_with_a_deviation_leave_every_matrix_as_it_is(init: str) -> None:
    plain, small, large = (drawn(init=init, bias_std=deviation) for deviation in (None, 0.5, 2.0))
    for name, weight in plain.items():
        is_bias = name.startswith("bias")
        assert_array_equal(large[name], 4 * small[name] if is_bias else weight, err_msg=name)
    z = np.concatenate([small[f"bias_l{layer}"] for layer in (0, 1)]) / 0.5
    assert z.std() == pytest.approx(1, abs=4 / math.sqrt(2 * z.size))
    assert_array_equal(drawn(init=init, bias_std=0.5, bias_scale=2.0)["bias_l0"], 2 * small["bias_l0"])


def test_a_bias_scale_counts_where_there_are_biases() -> None:
    def content(**model: object) -> str:
        return canonical_json(config_from_mapping({"name": "x", "model": {"bias_scale": 3.0, **model}}))

    assert '"bias_scale":3.0' in content(init="gaussian", bias_std=1.0)
    assert '"bias_scale":null' in content(init="gaussian")
    assert '"bias_scale":null' in content(init="uniform", bias_std=0.0)


@pytest.mark.parametrize(("gain", "deviation"), [(0.8, 0.5), (2.0, 0.3)])
def test_a_gaussian_net_without_input_settles_where_mean_field_theory_says(gain: float, deviation: float) -> None:
    """q = g² E tanh²(√q z) + σ_b² (Schoenholz et al. 2017), the activations of W h + b at the fixed point."""
    config = config_from_mapping(
        {
            "name": "x",
            "model": {"hidden_size": 800, "init": "gaussian", "weight_scale": gain, "bias_std": deviation},
        },
        ["model.input_scale=0"],
    )
    weights = draw_weights(config) | {"readout_weight": np.eye(800), "readout_bias": np.zeros(800)}
    h_H = predict(vars(config.model), weights, np.ones((1, 60, 1)))[0, -20:]
    z, q = np.linspace(-8, 8, 2001), 1.0
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    for _ in range(500):
        q = gain**2 * float((np.tanh(math.sqrt(q) * z) ** 2 * density).sum()) + deviation**2
    assert np.mean(h_H**2) == pytest.approx((q - deviation**2) / gain**2, rel=0.06)


def test_the_pytorch_start_has_the_biases_that_pytorch_adds_up() -> None:
    way, architecture = make_initialiser("pytorch"), Architecture(make_cell("gru"), 1, WIDE, 1, 1)
    bias_G = way.cell_bias(make_stream(0, WEIGHTS), "bias", (3 * WIDE,), architecture) * math.sqrt(WIDE)
    module = torch.nn.GRUCell(1, WIDE)
    sums_G = (module.bias_ih + module.bias_hh).detach().numpy() * math.sqrt(WIDE)
    for gate in (0, 1):
        ours, theirs = (b.reshape(3, WIDE)[gate] for b in (bias_G, sums_G))
        assert ours.std() == pytest.approx(math.sqrt(2 / 3), rel=0.05)
        assert_allclose(np.quantile(ours, [0.05, 0.25, 0.75]), np.quantile(theirs, [0.05, 0.25, 0.75]), atol=0.08)
    candidate = bias_G.reshape(3, WIDE)[2]
    assert np.abs(candidate).max() <= 1 + 1e-6, "PyTorch keeps b_hn apart, and so do we"
    assert candidate.std() == pytest.approx(math.sqrt(1 / 3), rel=0.05)


def test_kaiming_by_the_fan_in_is_pytorchs() -> None:
    torch.manual_seed(0)
    config = {"name": "x", "task": {"kind": "bigram", "vocabulary": 40}, "model": {"init": "kaiming-fan-in"}}
    weights = draw_weights(config_from_mapping(config, ["model.hidden_size=100", "model.layers=2"]))
    for name, weight in weights.items():
        if name.startswith("weight"):
            theirs = torch.nn.init.kaiming_normal_(torch.empty(weight.shape), nonlinearity="relu")
            assert weight.std() == pytest.approx(float(theirs.std()), rel=0.06), name


@pytest.mark.parametrize(("longest", "kept"), [(10, 0.7988202609457), (100, 0.9600813979038), (784, 0.9923641152944)])
def test_chrono_gates_keep_what_the_closed_form_says(longest: float, kept: float) -> None:
    """E sigmoid(b_f) = 1 - ln(T/2) / (T - 2)."""
    assert 1 - math.log(longest / 2) / (longest - 2) == pytest.approx(kept, rel=1e-12)
    way, architecture = (
        make_initialiser("chrono", {"chrono_time": longest}),
        Architecture(make_cell("lstm"), 1, WIDE, 1, 1),
    )
    drawn_bias = way.cell_bias(make_stream(0, WEIGHTS), "bias", (4 * WIDE,), architecture)
    b_i, b_f, b_g, b_o = drawn_bias.reshape(4, WIDE)
    assert_array_equal(b_i, -b_f)
    assert not b_g.any()
    assert not b_o.any()
    assert 0 <= b_f.min() < b_f.max() <= math.log(longest - 1)
    gates = 1 / (1 + np.exp(-b_f))
    assert gates.mean() == pytest.approx(kept, abs=4 * gates.std() / math.sqrt(WIDE))


def test_chrono_sets_the_gate_of_a_gru_that_keeps_and_asks_for_gates() -> None:
    b_r, b_z, b_n = drawn(init="chrono", cell="gru", chrono_time=20.0)["bias_l0"].reshape(3, 48)
    assert b_z.min() >= 0
    assert b_z.max() > 1
    assert not b_r.any()
    assert not b_n.any()
    with pytest.raises(ConfigError, match="gates that keep the state, and an Elman net has none; choose another init"):
        drawn(init="chrono")


@pytest.mark.parametrize("init", ["uniform", "gaussian"])
def test_a_forget_bias_is_added_to_that_gate_and_nothing_scales_it(init: str) -> None:
    plain, biased = (drawn(cell="lstm", init=init, bias_scale=2.0, forget_bias=bias) for bias in (0.0, 1.5))
    for name, weight in plain.items():
        shift = np.repeat([0, 1.5, 0, 0], 48) if name.startswith("bias") else 0.0
        assert_allclose(biased[name], weight + shift, rtol=1e-6, err_msg=name)


def test_the_explorers_sliders_leave_a_forget_bias_as_it_is() -> None:
    config = config_from_mapping({"name": "x", "model": {"cell": "lstm", "init": "gaussian", "forget_bias": 1.0}})
    explorer = Explorer(config)
    one = explorer.draw(explorer.start.with_scales(1.0, 0.0)).cell_grad_norm_LT
    again = explorer.draw(explorer.start.with_scales(1.0, 5.0)).cell_grad_norm_LT
    assert_array_equal(one, again)


@pytest.mark.parametrize("cell", ["elman", "lstm"])
def test_a_spectral_start_has_the_radius_asked_for_gate_by_gate(cell: str) -> None:
    weights = drawn(cell=cell, init="spectral", spectral_radius=0.9, weight_scale=2.0)
    gates = weights["weight_hh_l1"].astype(np.float64).reshape(-1, 48, 48)
    assert_allclose(np.abs(np.linalg.eigvals(gates)).max(axis=-1), 1.8, rtol=1e-5)


def test_an_identity_start_may_be_a_multiple_of_it() -> None:
    assert_array_equal(drawn(init="identity", diagonal=0.25)["weight_hh_l0"], 0.25 * np.eye(48, dtype=np.float32))
