"""What the tasks with classes share, to be named beside Task: `class Phonemes(FreeSizes, Classification, Task)`."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated

from pydantic import BaseModel, Field

from rnnlab.tasks.losses import CrossEntropy
from rnnlab.tasks.task import LastTimestepOnly

Inputs = Annotated[int, Field(ge=1, le=100_000, description="I, the number of inputs at each timestep.")]
Classes = Annotated[int, Field(ge=2, le=100_000, description="C, the number of classes.")]


class Classification(BaseModel):
    """One logit a class, the cross-entropy with the right one, and a guess to hold it against."""

    last_timestep_only: LastTimestepOnly = True

    @property
    @abstractmethod
    def output_size(self) -> int:
        """C, one logit a class."""

    @property
    def loss(self) -> CrossEntropy:
        """Cross-entropy with the class of a timestep."""
        return CrossEntropy(self.last_timestep_only)

    def floors(self, *, linear: bool) -> dict[str, float]:  # noqa: ARG002 (a guess is a guess)
        """Give the loss of a uniform guess, ln C."""
        return {"uniform guess": math.log(self.output_size)}


class FreeSizes(BaseModel):
    """The numbers of inputs and of classes as keys of the config."""

    inputs: Inputs
    classes: Classes

    @property
    def input_size(self) -> int:
        """I."""
        return self.inputs

    @property
    def output_size(self) -> int:
        """C, one logit a class."""
        return self.classes
