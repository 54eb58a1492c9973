"""The published numbers of the labs (expected.yaml, `gradients` and `theory`), each held by the public names."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.testing import assert_allclose
from torch import Tensor, nn

from rnnlab import RNN, LSTMLayer, RecurrentRegressionModel, RNNLayer, biggest_eig_magnitude, generate_batch, loss_fn
from rnnlab.flow import eigenvalues, gradient_flow, singular_values
from rnnlab.nets import LSTM, Architecture, Elman, identity, initial_weights
from rnnlab.tasks import TASKS, MeanSquaredError, Task
from rnnlab.training import WEIGHTS, make_stream

EXPECTED = yaml.safe_load((Path(__file__).parent / "expected.yaml").read_text())
GRADIENTS, THEORY = EXPECTED["gradients"], EXPECTED["theory"]
SEQUENCES = torch.tensor(GRADIENTS["sequences"])

TOLERANCE = 1e-4


def filled(module: nn.Module, value: float) -> Any:
    """Set every parameter to one value."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(value)
    return module


def parameter_count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def repeated(unit: list[list[float]], times: int) -> Tensor:
    """(B, T) to (B, T, times): all units alike."""
    return torch.tensor(unit)[..., None].expand(-1, -1, times)


def assert_close(actual: Tensor, expected: Tensor, tolerance: float = TOLERANCE) -> None:
    assert actual.shape == expected.shape
    assert_allclose(actual.detach().numpy(), expected.numpy(), rtol=0, atol=tolerance)


# gradients


def test_one_step_of_a_layer_of_one_unit() -> None:
    h_BTH, last_BH = filled(RNNLayer(1, 1), 0.1)(torch.ones(1, 1, 1))
    expected = torch.tensor(GRADIENTS["single_step"]["output"])
    assert_close(h_BTH, expected, 1e-7)
    assert_close(last_BH, expected[:, -1], 1e-7)


@pytest.mark.parametrize(("key", "nonlinearity"), [("linear_layer", identity), ("tanh_layer", torch.tanh)])
def test_a_layer_with_all_weights_alike(key: str, nonlinearity: Any) -> None:
    h_BTH, last_BH = filled(RNNLayer(2, 3, nonlinearity), -0.1)(SEQUENCES)
    expected = repeated(GRADIENTS[key]["unit"], 3)
    assert_close(h_BTH, expected)
    assert_close(last_BH, expected[:, -1])


def test_two_layers_with_all_weights_alike() -> None:
    net = filled(RNN(2, 3, 2), -0.1)
    h_BTH, last_LBH = net(SEQUENCES)
    assert_close(h_BTH, repeated(GRADIENTS["two_layers"]["unit"], 3))
    tanh_layer_last = repeated(GRADIENTS["tanh_layer"]["unit"], 3)[:, -1]
    assert_close(last_LBH, torch.stack([tanh_layer_last, h_BTH[:, -1].detach()]))


def test_predictions_of_the_regression_model() -> None:
    predictions_BTO, h_BTH = filled(RecurrentRegressionModel(RNNLayer(2, 3), 4), -0.1)(SEQUENCES)
    assert_close(predictions_BTO, repeated(GRADIENTS["regression_predictions"]["output"], 4))
    assert_close(h_BTH, repeated(GRADIENTS["tanh_layer"]["unit"], 3))


@pytest.mark.parametrize(
    ("module", "count"),
    [
        (RNNLayer(2, 3), 18),
        (RecurrentRegressionModel(RNNLayer(2, 3), 4), 34),
        (LSTMLayer(2, 3), 4 * 18),
        (RNN(2, 3, 2), 18 + 21),
    ],
)
def test_parameter_counts(module: nn.Module, count: int) -> None:
    assert parameter_count(module) == count


@pytest.mark.parametrize("key", ["all_timesteps", "last_timestep_only"])
@pytest.mark.parametrize("outputs_written_out", [False, True])
def test_loss(key: str, outputs_written_out: bool) -> None:
    prediction, target = (torch.tensor(GRADIENTS["loss"][name]) for name in ("pred", "target"))
    if outputs_written_out:
        prediction, target = prediction[..., None], target[..., None]
    loss = loss_fn(prediction, target, last_timestep_only=key == "last_timestep_only")
    assert loss.item() == pytest.approx(GRADIENTS["loss"][key], abs=TOLERANCE)


def test_hidden_states_have_their_gradients_after_backward() -> None:
    """Linear, all weights -0.1, readout of ones: dL/dh_t of L = sum of all predictions is 1 + W' dL/dh_{t+1}."""
    net = filled(RNNLayer(2, 3, identity), -0.1)
    h_BTH, _ = net(SEQUENCES)
    h_BTH.sum().backward()
    expected = [1.0]
    for _ in range(3):
        expected.insert(0, 1.0 - 0.3 * expected[0])
    assert len(net.h_list) == 4
    for t, (node, value) in enumerate(zip(net.h_list, expected, strict=True)):
        assert_close(node.detach(), h_BTH.detach()[:, t], 0.0)
        assert_close(node.grad, torch.full((2, 3), value), 1e-6)


@pytest.mark.parametrize(("seq_len", "batch_size"), [(10, 1), (1, 4), (7, 3)])
def test_a_batch_holds_inputs_and_their_means_so_far(seq_len: int, batch_size: int) -> None:
    torch.manual_seed(0)
    x, y = generate_batch(seq_len, batch_size)
    assert x.shape == y.shape == (batch_size, seq_len, 1)
    for t in range(seq_len):
        torch.testing.assert_close(y[:, t], x[:, : t + 1].mean(dim=1))


def test_a_batch_is_one_sequence_of_ten_unless_told_otherwise_and_never_the_same() -> None:
    torch.manual_seed(0)
    first, second = generate_batch()[0], generate_batch()[0]
    assert first.shape == (1, 10, 1)
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(generate_batch()[0], first)


def test_batches_are_standard_normal() -> None:
    torch.manual_seed(0)
    x, _ = generate_batch(100, 1000)
    assert abs(x.mean().item()) < 4 / math.sqrt(x.numel())
    assert x.std().item() == pytest.approx(1, abs=4 / math.sqrt(2 * x.numel()))


@pytest.mark.parametrize("shapes", [((2, 3), (3, 2)), ((2, 3, 1), (2, 3)), ((2, 3), (2, 1)), ((3,), (3,)), ((), ())])
def test_a_loss_of_shapes_that_differ_is_an_error_and_no_broadcast(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="must both be") as caught:
        loss_fn(torch.zeros(shapes[0]), torch.zeros(shapes[1]))
    assert all(str(shape) in str(caught.value) for shape in shapes)


@pytest.mark.parametrize("shape", [(2, 3), (4,), (2, 3, 3), (0, 0), ()])
def test_the_spectral_radius_of_no_square_matrix_is_an_error(shape: tuple[int, ...]) -> None:
    for matrix in (torch.zeros(shape), np.zeros(shape)):
        with pytest.raises(ValueError, match="square matrix") as caught:
            biggest_eig_magnitude(matrix)
        assert str(shape) in str(caught.value)


def test_the_spectral_radius_of_a_parameter_is_that_of_its_numbers() -> None:
    layer = filled(RNNLayer(2, 3), -0.1)
    assert biggest_eig_magnitude(layer.weight_hh) == pytest.approx(0.3, abs=1e-7)
    assert biggest_eig_magnitude(np.array([[0, -2], [2, 0]])) == pytest.approx(2.0, abs=1e-12)


# theory


@cache
def radii(hidden_size: int, init: str, draws: int) -> tuple[float, ...]:
    """Spectral radii of the initial recurrent matrices of so many seeds."""
    architecture = Architecture(Elman("tanh"), 1, hidden_size, 1, 1)
    return tuple(
        biggest_eig_magnitude(initial_weights(architecture, make_stream(seed, WEIGHTS), init=init)["weight_hh_l0"])
        for seed in range(draws)
    )


@pytest.mark.parametrize(("init", "limit"), [("gaussian", 1.0), ("uniform", 1 / math.sqrt(3))])
def test_circular_law(init: str, limit: float) -> None:
    """The radius tends to the limit: its mean distance is within 10 % of it at H = 64, within 4 % at H = 512."""
    far, near = (np.mean(np.abs(np.array(radii(*size)) / limit - 1)) for size in ((64, init, 100), (512, init, 5)))
    assert near < 0.04
    assert near < far < 0.1


def test_most_eigenvalues_lie_inside_the_circle() -> None:
    """Evenly over the disc: a quarter of them within half the radius."""
    architecture = Architecture(Elman("tanh"), 1, 512, 1, 1)
    weights = initial_weights(architecture, make_stream(0, WEIGHTS), init="gaussian")
    magnitudes = np.abs(eigenvalues(weights["weight_hh_l0"].astype(np.float64)))
    assert np.mean(magnitudes < 0.5) == pytest.approx(0.25, abs=0.03)
    assert np.mean(magnitudes < 1.05) > 0.99


@pytest.mark.parametrize(
    ("hidden_size", "critical", "draws"), [(16, 1.645, 4000), (32, 1.640, 1000), (128, 1.665, 150)]
)
def test_critical_weight_scale_of_the_default_init(hidden_size: int, critical: float, draws: int) -> None:
    """The median of 1 / radius. The bound is three standard errors of a median, 1.253 sd / sqrt(n)."""
    scales = 1 / np.array(radii(hidden_size, "uniform", draws))
    error = 1.253 * scales.std() / math.sqrt(draws)
    assert error < 0.01
    assert np.median(scales) == pytest.approx(critical, abs=3 * error + 0.001)


def test_spectral_radius_scales_with_the_weight_scale() -> None:
    """So the critical scale is the one at which the radius is 1."""
    architecture = Architecture(Elman("tanh"), 1, 32, 1, 1)
    radius = radii(32, "uniform", 1)[0]
    weights = initial_weights(architecture, make_stream(0, WEIGHTS), weight_scale=1 / radius)
    assert biggest_eig_magnitude(weights["weight_hh_l0"]) == pytest.approx(1, abs=1e-6)


def test_non_normal_matrix_grows_a_long_way_before_it_vanishes() -> None:
    facts = THEORY["non_normal"]
    matrix = np.array(facts["W"])
    powers = [np.linalg.matrix_power(matrix, k) for k in range(1, 200)]
    norms = [singular_values(power)[0] for power in powers]
    assert biggest_eig_magnitude(matrix) == pytest.approx(facts["spectral_radius"], abs=1e-12)
    assert int(np.argmax(norms)) + 1 == facts["at_power"]
    assert max(norms) == pytest.approx(facts["peak_norm_of_power"], abs=1e-3)
    assert norms[-1] < 1e-5


def make_task(**keys: int) -> Task:
    return TASKS["cumulative-average"].model_validate(keys)


def test_floor_of_predicting_zero() -> None:
    floors = {
        key: make_task(seq_len=10, last_timestep_only=last).floors(linear=False)
        for key, last in (("all_timesteps_T10", False), ("last_timestep_T10", True))
    }
    for key, value in THEORY["predict_zero_mse"].items():
        assert floors[key] == {"predict zero": pytest.approx(value, abs=1e-6)}


def test_floor_of_the_best_linear_filter() -> None:
    floors = make_task(seq_len=10).floors(linear=True)
    assert floors["best linear filter"] == pytest.approx(THEORY["best_linear_mse_all_timesteps_T10"], abs=1e-6)


@pytest.mark.parametrize("timesteps", [1, 2, 3, 7, 10, 25, 100])
def test_floor_of_the_best_linear_filter_by_least_squares(timesteps: int) -> None:
    """Fit a_k so that sum_k a_k x_{t-k} is nearest to mean(x_1..x_t), in expectation over white x.

    The squared error at step t is sum over k < t of (a_k - 1/t)^2: one equation a_k = 1/t for each pair.
    """
    pairs = [(t, k) for t in range(1, timesteps + 1) for k in range(t)]
    design = np.zeros((len(pairs), timesteps))
    design[np.arange(len(pairs)), [k for _, k in pairs]] = 1.0
    wanted = np.array([1.0 / t for t, _ in pairs])
    filter_T, *_ = np.linalg.lstsq(design, wanted)
    error = np.sum((design @ filter_T - wanted) ** 2) / timesteps
    floors = make_task(seq_len=timesteps).floors(linear=True)
    assert floors["best linear filter"] == pytest.approx(error, abs=1e-12)


def test_no_linear_floor_at_the_last_timestep_where_a_linear_net_is_exact() -> None:
    task = make_task(seq_len=10, last_timestep_only=True)
    assert list(task.floors(linear=True)) == ["predict zero"]


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7])
def test_linear_orthogonal_gradients_shrink_by_exactly_the_scale(scale: float) -> None:
    size, timesteps = 8, 12
    q_HH, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((size, size)))
    architecture = Architecture(Elman("identity"), 1, size, 1, 1)
    drawn = initial_weights(architecture, make_stream(0, WEIGHTS))
    weights = {name: torch.from_numpy(weight[None].astype(np.float64)) for name, weight in drawn.items()}
    weights["weight_hh_l0"] = torch.from_numpy(scale * q_HH)[None]
    generator = torch.Generator().manual_seed(0)
    inputs, targets = (torch.randn(3, timesteps, 1, generator=generator, dtype=torch.float64) for _ in range(2))
    flow = gradient_flow(architecture, weights, inputs, targets, MeanSquaredError(last_timestep_only=True))
    norms_TB = flow.dL_dh_SLTBH[0, 0].norm(dim=-1)
    assert_allclose((norms_TB[:-1] / norms_TB[1:]).numpy(), scale, rtol=1e-12)


@pytest.mark.parametrize(("bias", "ratio"), [(0.0, 0.5), (1.0, 0.731059)])
def test_zero_weight_lstm_passes_back_the_forget_gate(bias: float, ratio: float) -> None:
    size, timesteps = 3, 6
    architecture = Architecture(LSTM(), 1, size, 1, 1)
    weights = {
        name: torch.zeros(1, *shape, dtype=torch.float64) for name, shape in architecture.parameter_shapes.items()
    }
    weights["bias_l0"][:, size : 2 * size] = bias
    weights["readout_weight"][:] = 1.0
    targets = torch.ones(2, timesteps, 1, dtype=torch.float64)
    flow = gradient_flow(architecture, weights, targets, targets, MeanSquaredError(last_timestep_only=True))
    assert flow.dL_dc_SLTBH is not None
    ratios = flow.dL_dc_SLTBH[0, 0, :-1] / flow.dL_dc_SLTBH[0, 0, 1:]
    assert_allclose(ratios.numpy(), 1 / (1 + math.exp(-bias)), rtol=1e-12)
    assert ratios[0, 0, 0].item() == pytest.approx(ratio, abs=1e-6)
