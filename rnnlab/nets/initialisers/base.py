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
class Scales:
    """What the drawn numbers are multiplied with; the scales change nothing of what is drawn.

    Attributes:
        weight: of all matrices of the recurrent net.
        bias: of its biases.
        input: of its matrices W_ih, on top of `weight`.
        readout: of the readout, matrix and bias.
        bias_std: the standard deviation of normal biases that take the place of those of the way to begin, before
            `bias` multiplies them; None for those of the way itself.
    """

    weight: float = 1.0
    bias: float = 1.0
    input: float = 1.0
    readout: float = 1.0
    bias_std: float | None = None

    def of(self, name: str) -> float:
        """Give the factor of a parameter.

        Raises:
            ValueError: it is neither a matrix nor a bias, by its name.
        """
        if name.startswith("readout"):
            return self.readout
        return scale_of(name, self.weight, self.bias) * (self.input if name.startswith("weight_ih") else 1.0)


UNSCALED = Scales()
"""What is drawn, as it is."""


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

    def cell_bias(
        self,
        generator: np.random.Generator,
        name: str,  # noqa: ARG002 (most draw all alike)
        shape: tuple[int, ...],
        architecture: Architecture,
    ) -> np.ndarray:
        """Draw a bias of a cell by the name that the cell gives it, where its gates or biases are not all alike."""
        return self.bias(generator, shape, architecture.hidden_size)

    def weights(
        self,
        architecture: Architecture,
        generator: np.random.Generator,
        task: Task | None = None,  # noqa: ARG002 (most are for any task)
        scales: Scales = UNSCALED,
    ) -> dict[str, np.ndarray]:
        """Draw all parameters, float32, in the order of `parameter_shapes`, then the biases with a deviation of theirs.

        The readout is uniform. Matrices are the same whatever the biases: those with a deviation come last.
        """
        import numpy as np

        shapes = architecture.parameter_shapes
        drawn = {name: self._draw(name, generator, shape, architecture) for name, shape in shapes.items()}
        if scales.bias_std is not None:
            for name in filter(_is_bias, drawn):
                drawn[name] = scales.bias_std * normal(generator, shapes[name])
        with np.errstate(over="ignore"):  # an infinity is a result: the run diverges, and says so
            scaled = {name: number if _is_own(name) else number * scales.of(name) for name, number in drawn.items()}
            return {name: number.astype(np.float32) for name, number in scaled.items()}

    def _draw(
        self, name: str, generator: np.random.Generator, shape: tuple[int, ...], architecture: Architecture
    ) -> np.ndarray:
        if name.startswith("readout"):
            return uniform(generator, shape, architecture.hidden_size)
        if _is_own(name):
            own = architecture.cell.draw_parameter(generator, name.rpartition("_l")[0], architecture.hidden_size)
            if own is None:
                raise ValueError(
                    f"the parameter '{name}' is neither a matrix nor a bias, and its cell does not draw it"
                )
            return own
        if _is_bias(name):
            return self.cell_bias(generator, name.rpartition("_l")[0], shape, architecture)
        draw = self.recurrent_matrix if name.startswith("weight_hh") else self.input_matrix
        return draw(generator, shape, architecture.hidden_size)


def _is_bias(name: str) -> bool:
    """Tell a bias of the recurrent net."""
    return name.startswith("bias")


def _is_own(name: str) -> bool:
    """Tell a parameter that its cell draws."""
    return not name.startswith(("weight", "bias", "readout"))


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
    input_scale: float = 1.0,
    readout_scale: float = 1.0,
    bias_std: float | None = None,
) -> dict[str, np.ndarray]:
    """Draw the weights a run starts from, float32, in the order of `parameter_shapes`.

    Args:
        architecture: the net.
        generator: where the numbers come from; the scales do not change what is drawn.
        init: a name of `INITIALISERS`.
        weight_scale: multiplies the matrices of the recurrent net.
        bias_scale: multiplies its biases.
        input_scale: multiplies its matrices W_ih, on top of weight_scale.
        readout_scale: multiplies the readout.
        bias_std: the standard deviation of normal biases in the place of those of `init`; None for these.

    Returns:
        By name, float32.

    Raises:
        UnknownNameError: there is no such `init`.
    """
    scales = Scales(weight_scale, bias_scale, input_scale, readout_scale, bias_std)
    return shifted(make_initialiser(init).weights(architecture, generator, scales=scales), architecture)


def shifted(weights: dict[str, np.ndarray], architecture: Architecture) -> dict[str, np.ndarray]:
    """Add to the biases what the cell begins with, such as the forget bias of an LSTM; no scale multiplies that."""
    return {
        name: weight if (shift := shift_of(name, architecture)) is None else (weight + shift).astype(weight.dtype)
        for name, weight in weights.items()
    }


def shift_of(name: str, architecture: Architecture) -> np.ndarray | None:
    """Give what `shifted` adds to a parameter; None for nothing."""
    return architecture.cell.bias_shift(name.rpartition("_l")[0], architecture.hidden_size)


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
