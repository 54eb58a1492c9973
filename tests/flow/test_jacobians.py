"""Norms of the Jacobians of single steps, against closed forms and against differences of the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from rnnlab.flow.jacobians import JacobianNorms, jacobian_norms
from rnnlab.nets import Architecture, Elman
from tests import reference
from tests.nets.settings import (
    CELLS,
    make_architecture,
    random_sequences,
    random_weights,
    reference_net,
    tensors,
)

STEP = 1e-5


def norms_of(architecture: Architecture, weights: dict[str, np.ndarray], inputs_BTI: np.ndarray) -> JacobianNorms:
    return jacobian_norms(architecture, tensors(weights), torch.from_numpy(inputs_BTI))


def test_a_single_unit_has_its_closed_form_and_the_mean_over_sequences() -> None:
    """h_t = tanh(w h_{t-1} + v x_t + b) stretches by |w| (1 - h_t²) through time, by |v| (1 - h_t²) from below."""
    architecture = Architecture(Elman(), 1, 1, 1, 1)
    weights = random_weights(architecture, 0)
    w, v, bias = (weights[f"{name}_l0"].item() for name in ("weight_hh", "weight_ih", "bias"))
    inputs_BTI = np.array([[[0.0], [3.0]], [[-2.0], [0.1]], [[0.5], [0.5]]])
    h_B, slopes = np.zeros(3), []
    for x_B in inputs_BTI[:, :, 0].T:
        h_B = np.tanh(w * h_B + v * x_B + bias)
        slopes.append(1 - h_B**2)
    norms = norms_of(architecture, weights, inputs_BTI)
    assert_allclose(norms.through_time_LT[0], abs(w) * np.mean(slopes, axis=1), rtol=1e-13)
    assert_allclose(norms.from_below_LT[0], abs(v) * np.mean(slopes, axis=1), rtol=1e-13)


def test_a_linear_net_stretches_by_the_largest_singular_value() -> None:
    architecture = Architecture(Elman("identity"), 2, 3, 2, 1)
    weights = random_weights(architecture, 1)
    norms = norms_of(architecture, weights, random_sequences(architecture, 2, 3)[0])
    for layer in range(2):
        for found_LT, name in ((norms.through_time_LT, "weight_hh"), (norms.from_below_LT, "weight_ih")):
            assert_allclose(found_LT[layer], np.linalg.norm(weights[f"{name}_l{layer}"], 2), rtol=1e-13)


@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_every_step_of_every_cell_agrees_with_differences_of_the_reference(cell: str, nonlinearity: str | None) -> None:
    architecture = make_architecture(cell, nonlinearity, 2)
    weights = random_weights(architecture, 2)
    inputs = random_sequences(architecture, 3, 3)[0]
    norms = norms_of(architecture, weights, inputs)
    differences = Differences(architecture, weights, inputs)
    for layer in range(2):
        for t in range(3):
            if t > 0:
                through_time = _mean_norm(differences.through_time(layer, t))
                assert_allclose(norms.through_time_LT[layer, t], through_time, rtol=1e-7)
            assert_allclose(norms.from_below_LT[layer, t], _mean_norm(differences.from_below(layer, t)), rtol=1e-7)


def _mean_norm(jacobians_BNM: np.ndarray) -> float:
    return float(np.linalg.norm(jacobians_BNM, 2, axis=(1, 2)).mean())


class Differences:
    """Jacobians of the reference by central differences: a state or an input is nudged, and the next state moves."""

    def __init__(self, architecture: Architecture, weights: dict[str, np.ndarray], inputs_BTI: np.ndarray) -> None:
        self.net, self.weights, self.inputs_BTI = reference_net(architecture), weights, inputs_BTI
        self.states = "".join(architecture.cell.states)

    def through_time(self, layer: int, t: int) -> np.ndarray:
        """Give ∂s_t/∂s_{t-1}, (B, N, N). Who nudges c_{t-1} moves h_{t-1} with it, which is taken out again."""
        units = range(self.net.hidden_size)
        by_h = np.stack([self._moved("h", layer, t - 1, unit, layer, t) for unit in units], axis=-1)
        if self.states == "h":
            return by_h
        by_both = np.stack([self._moved("c", layer, t - 1, unit, layer, t) for unit in units], axis=-1)
        h_by_c = np.stack([self._moved("c", layer, t - 1, unit, layer, t - 1) for unit in units], axis=-1)
        by_c = by_both - by_h @ h_by_c[:, : self.net.hidden_size]
        return np.concatenate([by_h, by_c], axis=-1)

    def from_below(self, layer: int, t: int) -> np.ndarray:
        """Give ∂s_t/∂x_t, (B, N, I), with x_t the inputs, or the state h_t of the layer below."""
        if layer > 0:
            units = range(self.net.hidden_size)
            return np.stack([self._moved("h", layer - 1, t, unit, layer, t) for unit in units], axis=-1)
        columns = []
        for place in range(self.inputs_BTI.shape[-1]):
            nudge = np.zeros_like(self.inputs_BTI)
            nudge[:, t, place] = STEP
            up, down = (self._state(self.inputs_BTI + sign * nudge, None, layer, t) for sign in (1, -1))
            columns.append((up - down) / (2 * STEP))
        return np.stack(columns, axis=-1)

    def _moved(self, state: str, layer: int, t: int, unit: int, seen_layer: int, seen_t: int) -> np.ndarray:
        nudges = (reference.Nudge(state, layer, t, unit, sign * STEP) for sign in (1, -1))
        up, down = (self._state(self.inputs_BTI, nudge, seen_layer, seen_t) for nudge in nudges)
        return np.asarray((up - down) / (2 * STEP))

    def _state(self, inputs: np.ndarray, nudge: reference.Nudge | None, layer: int, t: int) -> np.ndarray:
        """Give the whole state of a layer at t, (B, N)."""
        run = reference.unroll(self.net, self.weights, inputs, nudge)
        parts: list[np.ndarray] = [getattr(run, state)[layer, t] for state in self.states]
        return np.concatenate(parts, axis=-1)
