"""An extension as a person would write it, its variants, and a config that uses it."""

from __future__ import annotations

from pathlib import Path

OWN = """\
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from rnnlab.component import key
from rnnlab.nets import CELLS, INITIALISERS, NONLINEARITIES, Cell, Initialiser, Nonlinearity
from rnnlab.tasks import TASKS, MeanSquaredError, Task

NONLINEARITIES.register(Nonlinearity("arctan", "arctan(x)", lambda x: x.atan()))


@CELLS.register
@dataclass(frozen=True)
class Pulled(Cell):
    name: ClassVar[str] = "pulled"
    noun: ClassVar[str] = "a pulled net"
    pull: float = key(0.5, gt=0, le=1, description="How much of the state is new.")

    def step(self, drive_BG, state, weights):
        new_BH = (drive_BG + state[0] @ weights["weight_hh"].mT).tanh()
        return ((1 - self.pull) * state[0] + self.pull * new_BH,)


@INITIALISERS.register
@dataclass(frozen=True)
class Halves(Initialiser):
    name: ClassVar[str] = "halves"
    meaning: ClassVar[str] = "all one half over H"

    def recurrent_matrix(self, generator, shape, hidden_size):
        import numpy as np

        return np.full(shape, 0.5 / hidden_size)


@TASKS.register
class Echo(Task):
    kind: Literal["echo"] = Field("echo", description="The input, back.")
    seq_len: int = Field(4, ge=1, description="T.")
    loudness: float = Field(1.0, gt=0, description="The deviation of the inputs.")
    input_size: ClassVar[int] = 1
    output_size: ClassVar[int] = 1
    loss: ClassVar[MeanSquaredError] = MeanSquaredError()

    def sample(self, generator, count):
        import numpy as np

        x_BT1 = np.float32(self.loudness) * generator.standard_normal((count, self.seq_len, 1), dtype=np.float32)
        return x_BT1, x_BT1.copy()

    def floors(self, *, linear):
        return {"predict zero": self.loudness**2}
"""

CONFIG = """\
extensions: [own.py]
task: {kind: echo}
model: {cell: pulled, hidden_size: 3}
training: {batches: 12, batch_size: 4, learning_rate: 0.01}
record: {every: 5, sequences: 3}
"""

STEP = "        return ((1 - self.pull) * state[0] + self.pull * new_BH,)"


def write(folder: Path, code: str = OWN, config: str = CONFIG) -> Path:
    """Write an extension and a config beside it; gives the config."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "own.py").write_text(code)
    (folder / "study.yaml").write_text(config)
    return folder / "study.yaml"


def with_step(line: str) -> str:
    """Give the extension with another last line of its step."""
    return OWN.replace(STEP, f"        {line}")
