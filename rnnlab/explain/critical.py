"""The weight scale at which gradients would neither vanish nor explode, of the initial nets of several seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, isfinite, log, log2, nan
from typing import Any

import numpy as np
import torch

from rnnlab.config import Config
from rnnlab.errors import UserError
from rnnlab.experiment import architecture_of, draw_weights
from rnnlab.flow.critical import Crossing, find_crossings, leading_exponents
from rnnlab.flow.declaring import no_derivatives
from rnnlab.flow.spectra import eigenvalues, singular_values
from rnnlab.nets import Architecture
from rnnlab.studies.threads import one_thread
from rnnlab.training import PROBE, make_stream

SEQUENCES, TIMESTEPS, WASHOUT = 8, 200, 50
"""Sequences of the task, joined to this length. The standard error of an exponent is then .004 where nets are chaotic,
which moves the scale by about a hundredth: a tenth of what it differs by from seed to seed."""

LOW, HIGH, POINTS = 1 / 16, 16.0, 13
"""The scan, evenly on a logarithmic scale: it finds two crossings that lie a factor of 1.6 apart."""

TOLERANCE = 5e-4
"""Of the scale: bisecting on is of no use where sampling moves it by more."""

_STACK_BYTES = 32 * 2**20
"""Derivatives of so many nets at once; small stacks stay in the cache."""


class NoExponentError(UserError):
    """The exponent of this cell cannot be computed."""

    exit_code = 2


@dataclass(frozen=True)
class SeedScale:
    """What the scan of one seed found.

    Attributes:
        seed: of the initial weights and the sequences.
        exponents: the leading exponent at each scale of the scan.
        crossings: every change of its sign, the lowest first.
        stderr: what the standard error of the exponent moves the lowest crossing by; NaN where there is none.
        spectral_radius: of W_hh at scale 1, the largest of all layers; None for a cell that no single matrix governs.
        spectral_norm: likewise.
    """

    seed: int
    exponents: tuple[float, ...]
    crossings: tuple[Crossing, ...]
    stderr: float
    spectral_radius: float | None
    spectral_norm: float | None

    @property
    def scale(self) -> float | None:
        """The critical scale: the lowest crossing."""
        return self.crossings[0].scale if self.crossings else None


@dataclass(frozen=True)
class CriticalScales:
    """The critical scales of a config.

    Attributes:
        scanned: the weight scales of the scan.
        seeds: what each seed gave.
    """

    scanned: tuple[float, ...]
    seeds: tuple[SeedScale, ...]

    @cached_property
    def scales(self) -> list[float]:
        """The critical scales of the seeds that have one, rising."""
        return sorted(each.scale for each in self.seeds if each.scale is not None)

    @property
    def median(self) -> float | None:
        """Their median; None where no seed has one."""
        return float(np.median(self.scales)) if self.scales else None

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data; null for what is not finite."""
        return {
            "median": self.median,
            "lowest": min(self.scales, default=None),
            "highest": max(self.scales, default=None),
            "scanned": list(self.scanned),
            "sequences": SEQUENCES,
            "timesteps": TIMESTEPS,
            "washout": WASHOUT,
            "seeds": [
                {
                    "seed": each.seed,
                    "critical_scale": each.scale,
                    "stderr": _finite(each.stderr),
                    "crossings": [{"scale": one.scale, "rises": one.rises} for one in each.crossings],
                    "exponents": [_finite(value) for value in each.exponents],
                    "spectral_radius": each.spectral_radius,
                    "spectral_norm": each.spectral_norm,
                }
                for each in self.seeds
            ],
        }


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


@dataclass
class _Nets:
    """The initial nets of some seeds at any scale, each with sequences of its own that stay the same."""

    config: Config
    seeds: Sequence[int]
    on_nets: Callable[[int], None]

    @cached_property
    def architecture(self) -> Architecture:
        return architecture_of(self.config)

    @cached_property
    def inputs(self) -> list[np.ndarray]:
        """The joined sequences of each seed, (B, T, I)."""
        task = self.config.task
        _, length, input_size = task.sample(make_stream(self.config.seed, PROBE), 1)[0].shape
        pieces = -(-TIMESTEPS // length)
        drawn = [task.sample(make_stream(seed, PROBE), SEQUENCES * pieces)[0] for seed in self.seeds]
        size = (SEQUENCES, pieces * length, input_size)
        return [each.reshape(size)[:, :TIMESTEPS].astype(np.float64) for each in drawn]

    def draw(self, index: int, scale: float) -> dict[str, np.ndarray]:
        """Draw the initial weights of one seed."""
        model = self.config.model.model_copy(update={"weight_scale": float(scale)})
        return draw_weights(self.config.model_copy(update={"seed": self.seeds[index], "model": model}))

    def exponents(self, indices: Sequence[int], scales: np.ndarray) -> np.ndarray:
        """Give leading exponents, (n,)."""
        return self.measured(indices, scales)[0]

    def measured(self, indices: Sequence[int], scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give leading exponents and their standard errors, (n,) each, some nets at a time."""
        cell = self.architecture.cell
        numbers = SEQUENCES * TIMESTEPS * self.architecture.hidden_size * self.architecture.layers
        chunk = max(1, _STACK_BYTES // (8 * numbers * len(cell.states) * (cell.gates + len(cell.states) + 2)))
        found = []
        for start in range(0, len(indices), chunk):
            some = list(zip(indices, scales, strict=True))[start : start + chunk]
            drawn = [self.draw(index, scale) for index, scale in some]
            weights = {
                name: torch.from_numpy(np.stack([each[name] for each in drawn]).astype(np.float64)) for name in drawn[0]
            }
            inputs_SBTI = torch.from_numpy(np.stack([self.inputs[index] for index, _ in some]))
            found.append(leading_exponents(self.architecture, weights, inputs_SBTI, WASHOUT))
            self.on_nets(len(some))
        means, errors = zip(*found, strict=True)
        return torch.cat(means).numpy(), torch.cat(errors).numpy()

    def spectrum(self, index: int) -> tuple[float | None, float | None]:
        """Give the spectral radius and norm of W_hh at scale 1, the largest of all layers."""
        name = self.architecture.cell.governing_matrix
        if name is None:
            return None, None
        drawn = self.draw(index, 1.0)
        layers = range(self.architecture.layers)
        matrices_LHH = np.stack([drawn[f"{name}_l{layer}"].astype(np.float64) for layer in layers])
        return float(np.abs(eigenvalues(matrices_LHH)).max()), float(singular_values(matrices_LHH).max())


def find_critical_scales(
    config: Config,
    seeds: int = 5,
    *,
    low: float = LOW,
    high: float = HIGH,
    on_nets: Callable[[int], None] = lambda _: None,
) -> CriticalScales:
    """Find the weight scale at which the leading exponent of the initial net is zero, for several seeds.

    What the config says of weight_scale does not count; all else of its model and task does.

    Args:
        config: the config; its seed is the first.
        seeds: how many.
        low: the lowest scale.
        high: the highest.
        on_nets: called with the number of nets whenever some are measured; it may raise to stop.

    Raises:
        NoExponentError: the derivatives of the cell's steps are not written down.
        ValueError: there are no seeds, or the range is none.
        TooLargeError: a net does not fit into the memory of this machine.
    """
    if seeds < 1 or not 0 < low < high < np.inf:
        raise ValueError(f"seeds must be at least 1 and 0 < low < high; got {seeds} seeds from {low} to {high}")
    cell = architecture_of(config).cell
    reason = no_derivatives(cell)
    if reason:
        raise NoExponentError(f"the critical scale of {cell.noun} cannot be found: {reason}")
    nets = _Nets(config, range(config.seed, config.seed + seeds), on_nets)
    scanned = np.geomspace(low, high, POINTS)
    with one_thread():
        exponents_PN, crossings = find_crossings(nets.exponents, np.tile(scanned[:, None], (1, seeds)), TOLERANCE)
        stderr = _standard_errors(nets, crossings)
    return CriticalScales(
        tuple(scanned.tolist()),
        tuple(
            SeedScale(
                seed, tuple(exponents_PN[:, net].tolist()), tuple(crossings[net]), stderr[net], *nets.spectrum(net)
            )
            for net, seed in enumerate(nets.seeds)
        ),
    )


def nets_to_measure(seeds: int, low: float = LOW, high: float = HIGH) -> int:
    """Give how many nets are measured if each seed has one crossing: for a scan, for bisecting it, and at the root."""
    interval = log(high / low) / (POINTS - 1)
    return seeds * (POINTS + max(0, ceil(log2(interval / log(1 + TOLERANCE)))) + 1)


def _standard_errors(nets: _Nets, crossings: Sequence[Sequence[Crossing]]) -> list[float]:
    """Give what the standard error of each exponent moves its lowest root by."""
    errors = [nan] * len(crossings)
    found = [net for net, each in enumerate(crossings) if each]
    if found:
        at = np.array([crossings[net][0].scale for net in found])
        for net, scale, error in zip(found, at, nets.measured(found, at)[1], strict=True):
            if np.isfinite(crossings[net][0].steepness):
                errors[net] = float(scale * error / abs(crossings[net][0].steepness))
    return errors
