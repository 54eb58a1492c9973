"""The torch engine: a stack of nets of one shape, trained together by autograd. Any cell, any device, float32.

For nets this small the cost of a step is the number of operations, not their size, so a stack of S nets runs the
operations of one, each on S times the data. The nets meet in no operation: the loss that is differentiated is the
sum of their losses, and every parameter belongs to one net.

S stack, B sequences in a batch, T timesteps, I inputs, O outputs, P parameters, N batches drawn at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rnnlab.flow.steps import linear_steps
from rnnlab.nets import Trajectory, run_net, unpack
from rnnlab.training.batches import Batches
from rnnlab.training.clipping import clip, gradient_norms
from rnnlab.training.errors import EngineError
from rnnlab.training.regularisers import omega
from rnnlab.training.state import NetState, Recipe, last_losses

_BLOCK_BYTES = 4 * 2**20
"""Batches are drawn some at a time: enough to hide numpy's overhead, few enough to stay in the cache."""


class TorchEngine:
    """Trains with PyTorch on `cpu`, `cuda`, or `auto`: CUDA where there is one."""

    name = "torch"
    any_stack = False

    def __init__(self, device: str = "cpu") -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cuda" and not torch.cuda.is_available():
            raise EngineError(
                "PyTorch finds no CUDA device here; use --device cpu, or install PyTorch's CUDA build "
                "(rnnlab doctor says which build this is)"
            )
        self.device = device
        self.details = {"instructions": torch.backends.cpu.get_cpu_capability()}

    def supports(self, recipe: Recipe) -> str | None:  # noqa: ARG002 (whatever has a step)
        """Say that it can train everything that has a step."""
        return None

    def open(self, recipe: Recipe, states: Sequence[NetState]) -> TorchSession:
        """Put the stack on the device."""
        return TorchSession(recipe, states, torch.device(self.device))


class TorchSession:
    """A stack in training."""

    def __init__(self, recipe: Recipe, states: Sequence[NetState], device: torch.device) -> None:
        if len({state.step for state in states}) != 1:
            raise ValueError("all nets of a stack must stand at the same update")
        self._recipe, self._states, self._device = recipe, list(states), device
        self._record_at = {int(step): index for index, step in enumerate(recipe.record_steps_R)}
        self._step = states[0].step
        self._alive_S = np.array([state.diverged_at is None for state in states])
        self._batches = Batches(recipe, states)
        self._block_size = max(1, _BLOCK_BYTES // (len(states) * self._batches.bytes_of_one()))
        self._load()

    def _load(self) -> None:
        """Lay the stack out on the device; what has diverged takes part as zeros, for the sake of the shape."""
        stack_SP = np.stack([state.parameters_P for state in self._states])
        stack_SP[~self._alive_S] = 0.0
        self._parameters_SP = torch.from_numpy(stack_SP).to(self._device)
        # Leaves that are views of the flat rows: one update of the rows updates every parameter.
        self._weights = {
            name: view.detach().requires_grad_()
            for name, view in unpack(self._parameters_SP, self._recipe.architecture).items()
        }
        self._limits_S1 = self._column([state.clip_norm or np.inf for state in self._states])
        self._clips = any(state.clip_norm is not None for state in self._states)
        self._rates_S1 = self._column([state.learning_rate for state in self._states])
        self._moments = self._recipe.optimizer.begin(self._parameters_SP)
        for name, moment_SP in self._moments.items():
            for index, state in enumerate(self._states):
                if name in state.moments and self._alive_S[index]:
                    moment_SP[index] = torch.from_numpy(state.moments[name])

    def _column(self, values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self._device)[:, None]

    @property
    def step(self) -> int:
        """Updates made so far."""
        return self._step

    def advance(self, updates: int) -> None:
        """Make so many more updates, or as many as are left."""
        stop = min(self._step + updates, self._recipe.batches)
        while self._step < stop and self._alive_S.any():
            count = min(stop - self._step, self._block_size)
            inputs_NSBTI, targets_NSBTO = self._batches.draw(count)
            for x_SBTI, y_SBTO in zip(inputs_NSBTI, targets_NSBTO, strict=True):
                self._record()
                self._update(self._to_device(x_SBTI), self._to_device(y_SBTO))
        if not self._alive_S.any():
            self._step = self._recipe.batches
        if self._step == self._recipe.batches:
            self._record()

    def _to_device(self, batch: np.ndarray) -> Tensor:
        """Copy a batch into memory of its own: kernels may round by alignment, which a slice would inherit."""
        return torch.from_numpy(batch).to(self._device, copy=True)

    def _update(self, x_SBTI: Tensor, y_SBTO: Tensor) -> None:
        """Make one update of every net."""
        recipe = self._recipe
        net = recipe.architecture
        trajectory = run_net(net.cell, net.layers, self._weights, x_SBTI, recipe.truncate)
        loss_S = recipe.sequence_loss(trajectory.predictions_BTO, y_SBTO).mean(dim=-1)
        self._keep_losses(loss_S.detach().cpu().numpy())
        by_name = self._gradients(loss_S, trajectory, x_SBTI)
        with torch.no_grad():
            gradient_SP = torch.cat([gradient.flatten(1) for gradient in by_name.values()], dim=-1)
            norms_S1 = gradient_norms(gradient_SP)
            self._keep_norms(norms_S1.squeeze(-1).cpu().numpy())
            if self._clips:
                gradient_SP = clip(gradient_SP, self._limits_S1, norms_S1)
            rates_S1, factors_N = self._rates_S1, recipe.rate_factors_N
            if factors_N is not None:
                rates_S1 = rates_S1 * float(factors_N[self._step])
            self._step += 1
            recipe.optimizer.update(self._parameters_SP, gradient_SP, self._moments, rates_S1, self._step)
            if not self._alive_S.all():
                self._parameters_SP[torch.from_numpy(~self._alive_S).to(self._device)] = 0.0

    def _gradients(self, loss_S: Tensor, trajectory: Trajectory, x_SBTI: Tensor) -> dict[str, Tensor]:
        """Give the gradient of each net's loss by parameter, with that of the regulariser."""
        regulariser, names = self._recipe.regulariser, list(self._weights)
        if regulariser.weight == 0:
            gradients = torch.autograd.grad(loss_S.sum(), list(self._weights.values()))
            return dict(zip(names, gradients, strict=True))
        nodes = [part for layer in trajectory.states for state in layer for part in state]
        gradients = torch.autograd.grad(loss_S.sum(), [*self._weights.values(), *nodes], materialize_grads=True)
        by_name, by_node = dict(zip(names, gradients, strict=False)), gradients[len(names) :]
        cell, layers = self._recipe.architecture.cell, self._recipe.architecture.layers
        by_layer_SLTBAH = torch.stack(by_node, dim=1).unflatten(1, (layers, -1, len(cell.states))).movedim(3, 4)
        with torch.no_grad():
            steps = linear_steps(self._recipe.architecture, self._weights, x_SBTI)
            _, slopes = omega(regulariser, cell, steps, by_layer_SLTBAH.unbind(dim=1))
            for layer, slope_SGH in enumerate(slopes):
                by_name[f"weight_hh_l{layer}"] = by_name[f"weight_hh_l{layer}"] + regulariser.weight * slope_SGH
        return by_name

    def _keep_losses(self, loss_S: np.ndarray) -> None:
        """Write down this batch's losses, and freeze the nets whose loss is not finite any more."""
        for index in np.flatnonzero(self._alive_S):
            self._states[index].losses[self._step] = loss_S[index]
        for index in np.flatnonzero(self._alive_S & ~np.isfinite(loss_S)):
            self._take(int(index))
            self._states[index].diverged_at = self._step
            self._alive_S[index] = False

    def _keep_norms(self, norms_S: np.ndarray) -> None:
        """Write down how long this update's gradients are."""
        for index in np.flatnonzero(self._alive_S):
            self._states[index].update_norms[self._step] = norms_S[index]

    def _record(self) -> None:
        """Keep the weights of the nets still in training, if this is a recorded step."""
        record = self._record_at.get(self._step)
        if record is not None:
            rows_SP = self._parameters_SP.detach().cpu().numpy()
            for index in np.flatnonzero(self._alive_S):
                self._states[index].snapshots_RP[record] = rows_SP[index]

    def _take(self, index: int) -> None:
        """Copy one net's parameters and moments back into its state."""
        state = self._states[index]
        state.parameters_P = self._parameters_SP[index].detach().cpu().numpy().copy()
        state.moments = {name: moment_SP[index].cpu().numpy().copy() for name, moment_SP in self._moments.items()}

    def states(self) -> list[NetState]:
        """Give the states as they are now."""
        for index, state in enumerate(self._states):
            if self._alive_S[index]:
                self._take(index)
            state.step = self._step
            state.stream = self._batches.stream(index)
        return self._states

    def last_losses(self) -> list[float]:
        """Give each net's most recent loss."""
        return last_losses(self._states, self._step)
