"""What all groups of quantities share: some snapshots of a run on its probe sequences, each piece computed once.

S snapshots, B sequences, T timesteps, I inputs, L layers, H hidden units; everything in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from rnnlab.flow.gradients import Flow, gradient_flow
from rnnlab.flow.norms import node_norms
from rnnlab.nets import Architecture
from rnnlab.tasks import SequenceLoss


@dataclass(frozen=True)
class Problem:
    """A stack of weights and the sequences to measure it on.

    Attributes:
        architecture: the shape of the nets.
        weights: by name, each (S, *shape), as they were kept.
        inputs_BTI: the probe sequences.
        targets: their targets; classes stay int64.
        sequence_loss: the loss of each sequence.
    """

    architecture: Architecture
    weights: Mapping[str, np.ndarray]
    inputs_BTI: np.ndarray
    targets: np.ndarray
    sequence_loss: SequenceLoss

    @cached_property
    def flow(self) -> Flow:
        """States, and the gradient of each sequence's own loss for every one of them."""
        targets = self.targets if self.targets.dtype == np.int64 else self.targets.astype(np.float64)
        return gradient_flow(
            self.architecture,
            {name: torch.from_numpy(weight.astype(np.float64)) for name, weight in self.weights.items()},
            torch.from_numpy(self.inputs_BTI.astype(np.float64)),
            torch.from_numpy(targets),
            self.sequence_loss,
        )

    @cached_property
    def grad_norms_SLTB(self) -> Tensor:
        """The 2-norm of dL_p/dh_t."""
        return node_norms(self.flow.dL_dh)

    @cached_property
    def cell_grad_norms_SLTB(self) -> Tensor | None:
        """The 2-norm of dL_p/dc_t; None for a cell without a state c."""
        return None if self.flow.dL_dc is None else node_norms(self.flow.dL_dc)

    @cached_property
    def governing_matrices_SLHH(self) -> np.ndarray | None:
        """The matrix of each layer that governs its linearised steps; None for a cell that has no single one."""
        name = self.architecture.cell.governing_matrix
        if name is None:
            return None
        layers = range(self.architecture.layers)
        return np.stack([self.weights[f"{name}_l{layer}"].astype(np.float64) for layer in layers], axis=1)
