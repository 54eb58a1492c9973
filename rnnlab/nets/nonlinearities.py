"""The nonlinearities that a config can choose, each once for tensors and once for numpy arrays.

A new one is a `NONLINEARITIES.register(Nonlinearity(...))`. Written with tensor methods only, so that nothing here
imports torch or numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnlab.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True)
class Nonlinearity:
    """A function σ that a cell applies to each number.

    Attributes:
        name: what a config calls it.
        meaning: its formula.
        function: of a tensor.
        numpy_function: of an array; without one, whatever needs it goes through torch.
        is_linear: whether a net with it is linear.
        place: where it stands in lists.
    """

    name: str
    meaning: str
    function: Callable[[Tensor], Tensor]
    numpy_function: Callable[[np.ndarray], np.ndarray] | None = None
    is_linear: bool = False
    place: int = 100

    def __call__(self, x: Tensor) -> Tensor:
        """Apply it."""
        return self.function(x)


LEAK = 0.01
"""The slope of a leaky relu below zero (Maas et al. 2013), PyTorch's default."""

NONLINEARITIES: Registry[Nonlinearity] = Registry("nonlinearity", __name__)
"""Every nonlinearity, by name."""


def identity(x: Tensor) -> Tensor:
    """Leave x as it is: the nonlinearity of a linear net."""
    return x


def _tanh(x: Tensor) -> Tensor:
    return x.tanh()


def _relu(x: Tensor) -> Tensor:
    return x.relu()


def _sigmoid(x: Tensor) -> Tensor:
    return x.sigmoid()


def _leaky_relu(x: Tensor) -> Tensor:
    return x.where(x > 0, LEAK * x)


def _softplus(x: Tensor) -> Tensor:
    return x.logaddexp(x.new_zeros(()))


def _hard_tanh(x: Tensor) -> Tensor:
    return x.clamp(-1, 1)


def _numpy_tanh(x: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.asarray(np.tanh(x))


def _numpy_relu(x: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.asarray(np.maximum(x, 0.0))


def _numpy_sigmoid(x: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def _numpy_leaky_relu(x: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.where(x > 0, x, LEAK * x)


def _numpy_softplus(x: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.asarray(np.logaddexp(x, 0.0))


def _numpy_hard_tanh(x: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.asarray(np.clip(x, -1.0, 1.0))


def _numpy_identity(x: np.ndarray) -> np.ndarray:
    return x


NONLINEARITIES.register(Nonlinearity("tanh", "tanh x", _tanh, _numpy_tanh, place=1))
NONLINEARITIES.register(Nonlinearity("relu", "max(x, 0)", _relu, _numpy_relu, place=2))
NONLINEARITIES.register(Nonlinearity("identity", "x", identity, _numpy_identity, is_linear=True, place=3))
NONLINEARITIES.register(Nonlinearity("sigmoid", "1 / (1 + exp(-x))", _sigmoid, _numpy_sigmoid, place=4))
NONLINEARITIES.register(Nonlinearity("leaky-relu", "x above 0, 0.01 x below", _leaky_relu, _numpy_leaky_relu, place=5))
NONLINEARITIES.register(Nonlinearity("softplus", "ln(1 + exp(x))", _softplus, _numpy_softplus, place=6))
NONLINEARITIES.register(Nonlinearity("hard-tanh", "max(-1, min(x, 1))", _hard_tanh, _numpy_hard_tanh, place=7))
