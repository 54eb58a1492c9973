"""What all groups of quantities share: some snapshots of a run on its probe sequences, each piece computed once.

S snapshots, B sequences, T timesteps, I inputs, L layers, H hidden units; everything in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from rnnlab.flow.backward import Split, split_gradients
from rnnlab.flow.gradients import Flow, gradient_flow
from rnnlab.flow.norms import LEAST_EXACT, node_norms, underflow
from rnnlab.flow.partials import has_partials
from rnnlab.flow.products import ProductLogs, product_logs
from rnnlab.flow.steps import LayerSteps, linear_steps
from rnnlab.nets import Architecture
from rnnlab.nets.cells import project
from rnnlab.tasks import SequenceLoss

PRODUCT_SEQUENCES = 8
"""Probe sequences whose Jacobians are multiplied: the singular values of all would cost more than everything else."""


@dataclass(frozen=True)
class TrainingFacts:
    """What training tells besides its weights.

    Attributes:
        update_norms: the 2-norm of each update's gradient before clipping, (batches,); NaN where none was made.
        clip_norm: the norm to which gradients were cut; None where none was.
    """

    update_norms: np.ndarray
    clip_norm: float | None


@dataclass(frozen=True)
class Problem:
    """A stack of weights and the sequences to measure it on.

    Attributes:
        architecture: the shape of the nets.
        weights: by name, each (S, *shape), as they were kept.
        inputs_BTI: the probe sequences.
        targets: their targets; classes stay int64.
        sequence_loss: the loss of each sequence.
        draw: gives the inputs of so many sequences of the task, (count, T, I), from the beginning of a stream that
            neither training nor the probe uses; None where there is none to draw from.
        training: what training told; None where nobody knows any more.
    """

    architecture: Architecture
    weights: Mapping[str, np.ndarray]
    inputs_BTI: np.ndarray
    targets: np.ndarray
    sequence_loss: SequenceLoss
    draw: Callable[[int], np.ndarray] | None = None
    training: TrainingFacts | None = None

    @cached_property
    def exact_weights(self) -> dict[str, Tensor]:
        """The weights in float64."""
        return {name: torch.from_numpy(weight.astype(np.float64)) for name, weight in self.weights.items()}

    @property
    def exact_targets(self) -> np.ndarray:
        """The targets in float64; classes as they are."""
        return self.targets if self.targets.dtype == np.int64 else self.targets.astype(np.float64)

    @cached_property
    def flow(self) -> Flow:
        """States, and the gradient of each sequence's own loss for every one of them."""
        return gradient_flow(
            self.architecture,
            self.exact_weights,
            torch.from_numpy(self.inputs_BTI.astype(np.float64)),
            torch.from_numpy(self.exact_targets),
            self.sequence_loss,
        )

    @cached_property
    def grad_norms_SLTB(self) -> Tensor:
        """The 2-norm of dL_p/dh_t."""
        return node_norms(self.flow.dL_dh)

    @cached_property
    def grad_logs_SLTB(self) -> Tensor:
        """The logarithm of the same norm; -inf is a true zero.

        Where a norm leaves the range of float64 it is taken from the backward pass that keeps exponents apart, if the
        derivatives of the cell's steps are known.
        """
        norms_SLTB = self.grad_norms_SLTB
        small = (norms_SLTB > 0) & (norms_SLTB < LEAST_EXACT)
        leaves = small.any() or not norms_SLTB.isfinite().all() or underflow(norms_SLTB)
        if not leaves or not has_partials(self.architecture.cell):
            return norms_SLTB.log()
        lost = small | (norms_SLTB == 0) | ~norms_SLTB.isfinite()
        kept_SLTB = torch.stack([split.log_h_STB for split in self.splits], dim=1)
        return torch.where(lost, kept_SLTB, norms_SLTB.log())

    @cached_property
    def cell_grad_norms_SLTB(self) -> Tensor | None:
        """The 2-norm of dL_p/dc_t; None for a cell without a state c."""
        return None if self.flow.dL_dc is None else node_norms(self.flow.dL_dc)

    @cached_property
    def steps(self) -> list[LayerSteps]:
        """The linearised steps of each layer on the probe sequences."""
        return linear_steps(self.architecture, self.exact_weights, torch.from_numpy(self.inputs_BTI.astype(np.float64)))

    @cached_property
    def loss_gradient_STBO(self) -> Tensor:
        """The gradient of each sequence's own loss for its predictions: that of the loss at t for those at t."""
        stack_size = len(self.weights["readout_bias"])
        top_STBH = torch.stack(self.flow.h[-1], dim=1)
        readout = self.exact_weights["readout_weight"], self.exact_weights["readout_bias"]
        predictions = project(top_STBH, *readout).transpose(1, 2).requires_grad_()
        targets = torch.from_numpy(self.exact_targets)
        loss = self.sequence_loss(predictions, targets.expand(stack_size, *targets.shape)).sum()
        (gradient_SBTO,) = torch.autograd.grad(loss, predictions)
        return gradient_SBTO.transpose(1, 2)

    def long_inputs(self, sequences: int, timesteps: int) -> np.ndarray:
        """Join sequences that are drawn to longer ones, (sequences, timesteps, I) in float64.

        Where nothing can be drawn these are the probe sequences, as long as they are.
        """
        if self.draw is None:
            return self.inputs_BTI.astype(np.float64)
        _, length, input_size = self.inputs_BTI.shape
        pieces = -(-timesteps // length)
        drawn = self.draw(sequences * pieces).astype(np.float64)
        return drawn.reshape(sequences, pieces * length, input_size)[:, :timesteps]

    def long_steps(self, sequences: int, timesteps: int, washout: int) -> tuple[list[LayerSteps], int]:
        """Linearise the steps of each layer along long inputs, and give the washout: never more than a quarter."""
        inputs_BTI = torch.from_numpy(self.long_inputs(sequences, timesteps))
        layers = linear_steps(self.architecture, self.exact_weights, inputs_BTI)
        return layers, min(washout, inputs_BTI.shape[1] // 4)

    @cached_property
    def splits(self) -> list[Split]:
        """The gradient of each state of each layer, by where it comes from."""
        return split_gradients(self.steps, self.exact_weights["readout_weight"], self.loss_gradient_STBO)

    @cached_property
    def product_logs(self) -> ProductLogs:
        """The norms of products of step Jacobians, of the first PRODUCT_SEQUENCES probe sequences."""
        few = slice(0, PRODUCT_SEQUENCES)
        return product_logs([steps.narrow(slice(None), few) for steps in self.steps])

    @cached_property
    def governing_matrices_SLHH(self) -> np.ndarray | None:
        """The matrix of each layer that governs its linearised steps; None for a cell that has no single one."""
        name = self.architecture.cell.governing_matrix
        if name is None:
            return None
        layers = range(self.architecture.layers)
        return np.stack([self.weights[f"{name}_l{layer}"].astype(np.float64) for layer in layers], axis=1)
