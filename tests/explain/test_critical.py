"""The critical scale of a config: known values, what it depends on, what it is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from torch import Tensor

from rnnlab.config import Config, load_config
from rnnlab.explain import NoExponentError, find_critical_scales
from rnnlab.explain.critical import nets_to_measure
from rnnlab.nets import CELLS, LSTM
from rnnlab.nets.cells import LayerWeights, State

CONFIGS = Path(__file__).parents[2] / "configs"


def config(*overrides: str) -> Config:
    return load_config(CONFIGS / "weight_scale.yaml", list(overrides))


VALUES = [
    ([], 2.588),
    (["model.hidden_size=128"], 2.153),
    (["model.init=gaussian"], 1.624),
    (["model.init=orthogonal"], 1.269),
    (["model.nonlinearity=relu"], 2.790),
    (["model.nonlinearity=identity", "model.init=gaussian"], 1.0630),
    (["model.cell=lstm"], 7.919),
    (["model.cell=gru"], 6.082),
]
"""Found by bisection on the first exponent by QR, seed 0, 200 timesteps, washout 50."""


@pytest.mark.parametrize(("overrides", "value"), VALUES)
def test_known_values_of_seed_0(overrides: list[str], value: float) -> None:
    found = find_critical_scales(config(*overrides), 1).seeds[0]
    assert found.scale == pytest.approx(value, abs=max(0.001 * value, 1.5 * found.stderr))
    assert len(found.crossings) == 1


def test_a_linear_net_is_critical_where_its_spectral_radius_is_one() -> None:
    found = find_critical_scales(config("model.nonlinearity=identity", "model.hidden_size=8"), 3)
    for each in found.seeds:
        assert each.spectral_radius is not None
        assert each.scale == pytest.approx(1 / each.spectral_radius, rel=0.01)
    orthogonal = find_critical_scales(config("model.nonlinearity=identity", "model.init=orthogonal"), 1)
    assert orthogonal.median == pytest.approx(1, rel=5e-4)


def test_the_same_scale_whoever_stands_beside_and_whatever_scale_or_length_the_config_has() -> None:
    small = ("model.hidden_size=16", "task.seq_len=20")
    together = find_critical_scales(config(*small, "seed=3"), 3)
    alone = find_critical_scales(config(*small, "seed=5", "model.weight_scale=0.1"), 1)
    assert [each.seed for each in together.seeds] == [3, 4, 5]
    assert alone.seeds[0].scale == pytest.approx(together.seeds[2].scale, rel=1e-9)
    longer = find_critical_scales(config("model.hidden_size=16", "task.seq_len=200", "seed=5"), 1)
    assert longer.seeds[0].scale == pytest.approx(alone.seeds[0].scale, rel=1e-9)


def test_median_and_range_are_of_the_seeds_that_have_one() -> None:
    found = find_critical_scales(config(), 5, high=2.69)
    scales = sorted(each.scale for each in found.seeds if each.scale is not None)
    assert 0 < len(scales) < 5
    assert found.scales == scales
    middle = len(scales) // 2
    assert found.median == pytest.approx(0.5 * (scales[middle] + scales[~middle]))
    none = next(each for each in found.seeds if each.scale is None)
    assert all(value < 0 for value in none.exponents)


def test_a_net_whose_matrix_is_zero_has_none() -> None:
    found = find_critical_scales(load_config(CONFIGS / "labs/bigram.yaml"), 1)
    assert (found.median, found.scales, found.seeds[0].crossings) == (None, [], ())
    assert found.to_json()["seeds"][0]["exponents"] == [None] * 13


def test_where_relu_nets_stop_dying_the_exponent_jumps() -> None:
    (found,) = find_critical_scales(config("model.nonlinearity=relu", "model.init=identity"), 1).seeds
    assert [crossing.jumps for crossing in found.crossings] == [True]


def test_what_is_told_on_the_way_adds_up() -> None:
    told: list[int] = []
    find_critical_scales(config("model.hidden_size=16"), 2, on_nets=told.append)
    assert sum(told) == nets_to_measure(2)


@pytest.mark.parametrize(
    ("seeds", "low", "high"), [(0, 1.0, 2.0), (1, 2.0, 1.0), (1, 0.0, 1.0), (1, 1.0, float("inf"))]
)
def test_a_range_that_is_none_is_refused(seeds: int, low: float, high: float) -> None:
    with pytest.raises(ValueError, match="seeds must be at least 1 and 0 < low < high"):
        find_critical_scales(config(), seeds, low=low, high=high)


@dataclass(frozen=True)
class Unknown(LSTM):
    """A cell whose derivatives are its own."""

    name: ClassVar[str] = "unknown"
    noun: ClassVar[str] = "an unknown net"

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        return super().step(drive_BG, state, weights)


def test_a_cell_without_derivatives_is_refused_in_a_sentence() -> None:
    with CELLS.extended(Unknown), pytest.raises(NoExponentError) as refused:
        find_critical_scales(config("model.cell=unknown"))
    assert str(refused.value) == (
        "the critical scale of an unknown net cannot be found: "
        "the derivatives of this cell's steps are not written down"
    )
