"""What `rnnlab explore` computes: settings to the numbers that are drawn. No matplotlib here.

The weights are those of the config's seed, drawn at scale 1 and then multiplied, W = weight_scale W_0 and
b = bias_scale b_0, so that moving a scale never draws anew. Everything is float64, and no epsilon is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rnnlab.component import own_keys
from rnnlab.config import Config
from rnnlab.experiment import architecture_of, draw_unshifted
from rnnlab.flow import Flow, eigenvalues, gradient_flow
from rnnlab.nets import CELLS, NONLINEARITIES, Architecture, Cell
from rnnlab.nets.initialisers.base import scale_of, shift_of
from rnnlab.nets.norms import norm
from rnnlab.training import PROBE, make_stream

LOWEST_SCALE, HIGHEST_SCALE = -5, 5
"""Where the sliders end."""

NONLINEARITY = "nonlinearity"
"""The key of a cell that a button stands for."""

_LAST_ONLY = "last_timestep_only"


@dataclass(frozen=True)
class Settings:
    """Where the sliders and buttons stand."""

    weight_scale: float
    bias_scale: float
    cell: str
    nonlinearity: str  # kept while a cell is chosen that has none
    layers: int
    last_timestep_only: bool
    sequence: int = 1  # which of the seed's probe sequences

    @property
    def kind(self) -> type[Cell]:
        """What the cell is."""
        return CELLS[self.cell]

    @property
    def has_nonlinearity(self) -> bool:
        """Whether the cell has a nonlinearity to choose."""
        return NONLINEARITY in own_keys(self.kind)

    def with_scales(self, weight_scale: float | None, bias_scale: float | None) -> Settings:
        """Put other scales in, where they are given."""
        weight_scale = self.weight_scale if weight_scale is None else weight_scale
        bias_scale = self.bias_scale if bias_scale is None else bias_scale
        return replace(self, weight_scale=weight_scale, bias_scale=bias_scale)


@dataclass(frozen=True)
class DrawnNet:
    """The numbers of one picture: one net, one sequence."""

    hidden_norm_LT: np.ndarray
    grad_norm_LT: np.ndarray
    cell_grad_norm_LT: np.ndarray | None  # of a cell with a state c
    eigenvalues_LH: np.ndarray | None  # of a cell that a single matrix governs
    loss: float

    @property
    def spectral_radius_L(self) -> np.ndarray | None:
        """Give the largest |eigenvalue| of W_hh in each layer."""
        return None if self.eigenvalues_LH is None else np.abs(self.eigenvalues_LH[:, 0])


class Explorer:
    """Computes pictures of one config's nets; it keeps the weights and the sequence that were asked for last."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._originals: tuple[tuple[str, int], dict[str, Tensor]] | None = None
        self._probe: tuple[int, Tensor, Tensor] | None = None

    @property
    def start(self) -> Settings:
        """The settings of the config itself."""
        model = self.config.model
        return Settings(
            weight_scale=model.weight_scale,
            bias_scale=model.bias_scale,
            cell=model.cell,
            nonlinearity=vars(model).get(NONLINEARITY) or next(iter(NONLINEARITIES)),
            layers=model.layers,
            last_timestep_only=getattr(self.config.task, _LAST_ONLY, self.config.task.loss.last_timestep_only),
        )

    @property
    def can_choose_timesteps(self) -> bool:
        """Tell whether the task can take its loss at the last timestep only."""
        return _LAST_ONLY in type(self.config.task).model_fields

    @property
    def can_choose_net(self) -> bool:
        """Tell whether other cells and depths can start like this: the bigram solution is of one net alone."""
        return self.config.model.make_initialiser().fits_any_net

    def draw(self, settings: Settings) -> DrawnNet:
        """Run the net that the settings describe forward and backward over its sequence."""
        config = self.config_of(settings)
        architecture = architecture_of(config)
        weights = scaled(self.originals(settings), settings.weight_scale, settings.bias_scale)
        for name, weight in weights.items():
            shift = shift_of(name, architecture)
            weights[name] = weight if shift is None else weight + torch.from_numpy(shift)
        x_1TI, targets = self.sequence(settings.sequence)
        flow = gradient_flow(architecture, weights, x_1TI, targets, config.task.loss)
        return drawn_from(architecture, weights, flow)

    def config_of(self, settings: Settings) -> Config:
        """Give the config of the settings, at scale 1."""
        task = self.config.task
        if self.can_choose_timesteps:
            task = task.model_copy(update={_LAST_ONLY: settings.last_timestep_only})
        kept = {key: value for key, value in vars(self.config.model).items() if value is not None}
        net = {"cell": settings.cell, "layers": settings.layers, "weight_scale": 1.0, "bias_scale": 1.0}
        own = {NONLINEARITY: settings.nonlinearity} if settings.has_nonlinearity else {}
        model = type(self.config.model).model_validate(kept | net | own)  # which leaves out keys of other cells
        return self.config.model_copy(update={"task": task, "model": model})

    def originals(self, settings: Settings) -> dict[str, Tensor]:
        """Draw the weights of a net at scale 1, float64, as a stack of one."""
        shape = settings.cell, settings.layers  # what else the settings hold does not change what is drawn
        if self._originals is None or self._originals[0] != shape:
            drawn = draw_unshifted(self.config_of(settings))
            stack = {name: torch.from_numpy(weight.astype(np.float64))[None] for name, weight in drawn.items()}
            self._originals = shape, stack
        return self._originals[1]

    def sequence(self, number: int) -> tuple[Tensor, Tensor]:
        """Draw one of the seed's probe sequences, counted from 1: inputs (1, T, I) float64 and its targets."""
        if self._probe is None or self._probe[0] != number:
            x_BTI, targets = self.config.task.sample(make_stream(self.config.seed, PROBE), number)
            self._probe = number, _last(x_BTI), _last(targets)
        return self._probe[1:]


def _last(array: np.ndarray) -> Tensor:
    """Take the last sequence, numbers as float64 and classes as they are."""
    last = array[-1:]
    return torch.from_numpy(last.astype(np.float64) if last.dtype.kind == "f" else last.copy())


def scaled(weights: Mapping[str, Tensor], weight_scale: float, bias_scale: float) -> dict[str, Tensor]:
    """Multiply the matrices and the biases of the recurrent net; the readout stays as it is."""
    multiplied = ("weight", "bias")  # what else a cell has is its own
    return {
        name: weight * scale_of(name, weight_scale, bias_scale) if name.startswith(multiplied) else weight
        for name, weight in weights.items()
    }


def drawn_from(architecture: Architecture, weights: Mapping[str, Tensor], flow: Flow) -> DrawnNet:
    """Take the norms and eigenvalues of one net and one sequence."""
    cells = flow.dL_dc_SLTBH
    return DrawnNet(
        hidden_norm_LT=_norms(flow.h_SLTBH),
        grad_norm_LT=_norms(flow.dL_dh_SLTBH),
        cell_grad_norm_LT=None if cells is None else _norms(cells),
        eigenvalues_LH=_eigenvalues(architecture, weights),
        loss=float(flow.loss_SB[0, 0]),
    )


def _eigenvalues(architecture: Architecture, weights: Mapping[str, Tensor]) -> np.ndarray | None:
    """Give those of the governing matrix of every layer, (L, H); None where there is none."""
    matrix = architecture.cell.governing_matrix
    if matrix is None:
        return None
    return eigenvalues(np.stack([weights[f"{matrix}_l{layer}"][0].numpy() for layer in range(architecture.layers)]))


def _norms(states_SLTBH: Tensor) -> np.ndarray:
    norms_LT: np.ndarray = norm(states_SLTBH)[0, :, :, 0].numpy()
    return norms_LT
