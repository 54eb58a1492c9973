"""What was seen of a recurrent module: states, their gradients and norms, the spectra of its matrices.

Names, letters and definitions are those of metrics.npz: gradients are of each sequence's own loss, means are over
sequences, logarithms are natural and taken before the mean. L layers, D directions, T timesteps, B sequences, H units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from rnnlab.flow.norms import living_mean, mean_norm, quantile, zero_share
from rnnlab.flow.spectra import eigenvalues, singular_values
from rnnlab.nets.norms import norm
from rnnlab.watching.errors import WatchError, quoted
from rnnlab.watching.tape import Tape


class Seen(ABC):
    """States and gradients of one sequence of steps. Past the end of a packed sequence they are NaN."""

    def __init__(self, name: str, *, of_mean: bool) -> None:
        self.name = name
        self._of_mean = of_mean

    @property
    @abstractmethod
    def tapes(self) -> Sequence[Tape]:
        """The forwards that it consists of, in the order of time."""

    @property
    def h(self) -> Tensor:
        """The hidden states, (L, D, T, B, H), as the module computed them."""
        return self._in_order(self._states(0))

    @property
    def c(self) -> Tensor:
        """The cell states of an LSTM, (L, D, T, B, H).

        Raises:
            WatchError: it has none.
        """
        return self._in_order(self._states(1))

    @property
    def dL_dh(self) -> Tensor:
        """The gradient of each sequence's own loss for h_t, (L, D, T, B, H); in an LSTM it holds c_t fixed.

        Raises:
            WatchError: no backward pass has come through.
        """
        return self._in_order(self._gradients(0))

    @property
    def dL_dc(self) -> Tensor:
        """The same for c_t, (L, D, T, B, H), which includes its path through h_t.

        Raises:
            WatchError: no backward pass has come through, or there is no c.
        """
        return self._in_order(self._gradients(1))

    @property
    def grad_norm(self) -> np.ndarray:
        """The mean over sequences of the 2-norm of dL/dh_t, (L, D, T) float64.

        Raises:
            WatchError: no backward pass has come through.
        """
        return self._over_sequences(norm(_exact(self._gradients(0))), mean_norm)

    @property
    def grad_log_norm(self) -> np.ndarray:
        """The mean over sequences of the logarithm of the same norm, (L, D, T) float64; -inf for a true zero.

        Raises:
            WatchError: no backward pass has come through.
        """
        return self._over_sequences(self._log_norms(), mean_norm)

    @property
    def grad_zero_share(self) -> np.ndarray:
        """The share of the sequences whose dL/dh_t is exactly zero, (L, D, T) float64.

        Raises:
            WatchError: no backward pass has come through.
        """
        return self._over_sequences(self._log_norms(), zero_share)

    @property
    def grad_log_living(self) -> np.ndarray:
        """The mean of the logarithm over the sequences where the norm is not zero, (L, D, T); -inf where none is.

        Raises:
            WatchError: no backward pass has come through.
        """
        return self._over_sequences(self._log_norms(), living_mean)

    def grad_log_quantile(self, share: float) -> np.ndarray:
        """Give a quantile of the logarithm over sequences, (L, D, T) float64: `share` 0.5 for the median.

        Raises:
            WatchError: no backward pass has come through.
        """
        return self._over_sequences(self._log_norms(), partial(quantile, share=share))

    @property
    def hidden_norm(self) -> np.ndarray:
        """The mean over sequences of the 2-norm of h_t, (L, D, T) float64."""
        return self._over_sequences(norm(_exact(self._states(0))), mean_norm)

    @property
    def cell_grad_norm(self) -> np.ndarray:
        """The mean over sequences of the 2-norm of dL/dc_t, (L, D, T) float64.

        Raises:
            WatchError: no backward pass has come through, or there is no c.
        """
        return self._over_sequences(norm(_exact(self._gradients(1))), mean_norm)

    @property
    def eigenvalues(self) -> np.ndarray:
        """Those of weight_hh when it was called, (L, D, H) complex128, by falling magnitude.

        Raises:
            WatchError: no single matrix governs it.
        """
        return eigenvalues(self._governing_matrices())

    @property
    def singular_values(self) -> np.ndarray:
        """Those of weight_hh when it was called, (L, D, H) float64, largest first.

        Raises:
            WatchError: no single matrix governs it.
        """
        return singular_values(self._governing_matrices())

    @property
    def has_gradients(self) -> bool:
        """Whether a backward pass has come through it."""
        return any(tape.has_gradients for tape in self.tapes)

    @property
    def has_cell_state(self) -> bool:
        """Whether there is a c."""
        return "c" in self.tapes[-1].kernel.states

    @property
    def is_governed(self) -> bool:
        """Whether one matrix governs it, weight_hh, so that there are spectra."""
        return self.tapes[-1].kernel.is_governed

    @property
    def underflows(self) -> bool:
        """Whether a gradient fell below the range of the module's own numbers."""
        return any(_underflows(self._gradients(part)) for part in range(1 + self.has_cell_state))

    def _states(self, part: int) -> Tensor:
        self._require(part)
        return torch.cat([tape.states(part) for tape in self.tapes], dim=2)

    def _gradients(self, part: int) -> Tensor:
        self._require(part)
        tapes = self.tapes
        if not any(tape.has_gradients for tape in tapes):
            raise WatchError(
                f"no gradient has come to the states of {quoted(self.name)}: call backward inside of the context, on a "
                "loss that depends on them (what create_graph=True computes does not count)"
            )
        factor = tapes[-1].sequences if self._of_mean else 1
        return torch.cat([tape.gradients(part) for tape in tapes], dim=2) * factor

    def _require(self, part: int) -> None:
        if part and not self.has_cell_state:
            raise WatchError(f"{quoted(self.name)} has no cell state c: only an LSTM has")

    def _in_order(self, values_LDTBH: Tensor) -> Tensor:
        """Put the sequences of a packed batch where the caller has them."""
        unsorted = self.tapes[-1].unsorted
        return values_LDTBH if unsorted is None else values_LDTBH.index_select(3, unsorted)

    def _log_norms(self) -> Tensor:
        return norm(_exact(self._gradients(0))).log()

    def _over_sequences(self, values_LDTB: Tensor, take: Callable[[Tensor], Tensor]) -> np.ndarray:
        """Take a mean, or what else there is, over the sequences that have not ended, (L, D, T)."""
        sizes = [size for tape in self.tapes for size in tape.sizes]
        found = [take(values_LDTB[:, :, t, :size]) for t, size in enumerate(sizes)]
        return torch.stack(found, dim=-1).numpy()

    def _governing_matrices(self) -> np.ndarray:
        if not self.is_governed:
            raise WatchError(
                f"{quoted(self.name)} has no spectrum: no single matrix governs its steps, which its gates change"
            )
        matrices: np.ndarray = _exact(self.tapes[-1].recurrent_matrices()).numpy()
        return matrices


def _exact(values: Tensor) -> Tensor:
    return values.to("cpu", torch.float64)


def _underflows(gradients_LDTBH: Tensor) -> bool:
    """Look for a norm below the smallest normal number, or a zero before a norm whose square is below it."""
    tiny = torch.finfo(gradients_LDTBH.dtype).tiny
    norms_LDTB = norm(_exact(gradients_LDTBH))
    before, after = norms_LDTB[:, :, :-1], norms_LDTB[:, :, 1:]
    return bool(
        ((norms_LDTB > 0) & (norms_LDTB < tiny)).any() or ((before == 0) & (after > 0) & (after**2 < tiny)).any()
    )
