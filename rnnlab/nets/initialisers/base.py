"""What every way to begin has: what it draws for each kind of parameter, and what it asks of the net."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from math import sqrt
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import make_component
from rnnlab.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.nets.parameters import Architecture
    from rnnlab.tasks import Task


@dataclass(frozen=True)
class Initialiser(ABC):
    """Draws initial weights. Fields are keys of the config.

    A subclass gives `name`, `meaning` and `recurrent_matrix`, and what differs from here: uniform input matrices, zero
    biases, any net. Arrays are float64, of shapes (G, I), (G, H) and (G); G holds the gates, each H rows.
    """

    name: ClassVar[str]
    """What a config calls it."""
    meaning: ClassVar[str]
    """What goes on behind the name in a list of all, for the help; one that begins with a colon stands by itself."""
    place: ClassVar[int] = 100
    """Where it stands in lists."""
    draws_biases: ClassVar[bool] = False
    """Whether biases are anything but zero, so that their scale matters."""
    fits_any_net: ClassVar[bool] = True
    """Whether every cell and depth can begin so; if not, `misfit` says what is wrong."""

    @abstractmethod
    def recurrent_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw a matrix that the previous state goes through, (G, H)."""

    def input_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw a matrix that the inputs go through, (G, I): uniform, where a way is for square matrices."""
        return uniform(generator, shape, hidden_size)

    def bias(
        self,
        generator: np.random.Generator,  # noqa: ARG002 (zero needs none)
        shape: tuple[int, ...],
        hidden_size: int,  # noqa: ARG002
    ) -> np.ndarray:
        """Draw a bias, (G)."""
        import numpy as np

        return np.zeros(shape)

    def misfit(self, architecture: Architecture, task: Task) -> str | None:  # noqa: ARG002 (most fit everything)
        """Say why a net for this task cannot begin so, in a sentence; None where it can."""
        return None

    def weights(
        self,
        architecture: Architecture,
        generator: np.random.Generator,
        task: Task | None = None,  # noqa: ARG002 (most are for any task)
        *,
        weight_scale: float = 1.0,
        bias_scale: float = 1.0,
    ) -> dict[str, np.ndarray]:
        """Draw all parameters, float32, in the order of `parameter_shapes`; the readout is uniform, never scaled."""
        import numpy as np

        weights = {}
        for name, shape in architecture.parameter_shapes.items():
            drawn = self._draw(name, generator, shape, architecture.hidden_size)
            drawn = drawn * scale_of(name, weight_scale, bias_scale)
            with np.errstate(over="ignore"):  # an infinity is a result: the run diverges, and says so
                weights[name] = drawn.astype(np.float32)
        return weights

    def _draw(self, name: str, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        if name.startswith("readout"):
            return uniform(generator, shape, hidden_size)
        if name.startswith("bias"):
            return self.bias(generator, shape, hidden_size)
        draw = self.recurrent_matrix if name.startswith("weight_hh") else self.input_matrix
        return draw(generator, shape, hidden_size)


INITIALISERS: Registry[type[Initialiser]] = Registry("init", "rnnlab.nets.initialisers")
"""Every way to begin, by name."""


def make_initialiser(name: str, values: Mapping[str, object] | None = None) -> Initialiser:
    """Give a way to begin with its own keys.

    Raises:
        UnknownNameError: there is none of that name.
    """
    return make_component(INITIALISERS, name, values or {})


def initial_weights(
    architecture: Architecture,
    generator: np.random.Generator,
    *,
    init: str = "uniform",
    weight_scale: float = 1.0,
    bias_scale: float = 1.0,
) -> dict[str, np.ndarray]:
    """Draw the weights a run starts from, float32, in the order of `parameter_shapes`.

    Args:
        architecture: the net.
        generator: where the numbers come from; the scales do not change what is drawn.
        init: a name of `INITIALISERS`.
        weight_scale: multiplies the matrices of the recurrent net.
        bias_scale: multiplies its biases.

    Returns:
        By name, float32.

    Raises:
        UnknownNameError: there is no such `init`.
    """
    way = make_initialiser(init)
    return way.weights(architecture, generator, weight_scale=weight_scale, bias_scale=bias_scale)


def describe_initialisers() -> str:
    """Join the meanings of all to one sentence without its period; ways with the same meaning share it."""
    parts = []
    for meaning, ways in groupby(INITIALISERS.values(), key=lambda way: way.meaning):
        names = " or ".join(way.name for way in ways)
        parts.append(f"{names}{meaning}" if meaning.startswith(":") else f"{names} {meaning}")
    return "; ".join(parts)


def scale_of(name: str, weight_scale: float, bias_scale: float) -> float:
    """Give the factor of a parameter: matrices and biases of the recurrent net each have one, the readout has none.

    Raises:
        ValueError: the name says neither.
    """
    if name.startswith("readout"):
        return 1.0
    if name.startswith("weight"):
        return weight_scale
    if name.startswith("bias"):
        return bias_scale
    raise ValueError(f"the parameter '{name}' is neither a matrix nor a bias: its name begins with weight or bias")


def uniform(generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
    """Draw uniformly within 1/√H of zero (PyTorch's)."""
    import numpy as np

    return (2.0 * generator.random(shape, dtype=np.float32).astype(np.float64) - 1.0) / sqrt(hidden_size)


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw standard normals, as float32, so that a stream does not depend on how it is cut."""
    import numpy as np

    return generator.standard_normal(shape, dtype=np.float32).astype(np.float64)
