"""The keys of `model:` and `training:` that every net and every training has, and what all sections have in common.

Those that a cell, an init or an optimizer brings are added by rnnlab.config.sections.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rnnlab.component import AddedLater

ALWAYS_WRITTEN = ("nonlinearity",)
"""Keys of components that are null, and not absent, where they do not apply: so it was when there was only this one."""


class Valid:
    """What a key takes, in words, where the type alone does not say it."""

    def __init__(self, words: str) -> None:
        self.words = words


class Brought:
    """Marks a key that a component brings: null stands where it does not apply, and is nothing that a person writes."""


class Section(BaseModel):
    """The base of the sections: frozen, without type conversion, unknown keys or infinities."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class ModelKeys(Section):
    """The keys of `model:` that every net has; those that a component brings are added behind the choice of it."""

    cell: str = Field("elman", description="The recurrent cell.")
    hidden_size: int = Field(32, ge=1, description="H, the number of hidden units of each layer.")
    layers: int = Field(1, ge=1, description="L, the number of recurrent layers, each reading the one below.")
    init: str = Field("uniform", description="Initial weights: {initialisers}.")
    weight_scale: float = Field(
        1.0, description="Multiplies the initial weight matrices of the recurrent net, not of the readout."
    )
    bias_scale: float = Field(
        1.0,
        description="Multiplies the initial biases of the recurrent net, which only some starts ({biased}) and "
        "bias_std make non-zero.",
    )
    input_scale: Annotated[float, AddedLater()] = Field(
        1.0, description="Multiplies the initial matrices W_ih of the recurrent net, on top of weight_scale."
    )
    readout_scale: Annotated[float, AddedLater()] = Field(
        1.0, description="Multiplies the initial weights and bias of the readout."
    )
    bias_std: Annotated[float | None, AddedLater()] = Field(
        None,
        ge=0,
        description="The standard deviation of normal initial biases, which take the place of those of init; "
        "null: those of init.",
    )


class TrainingKeys(Section):
    """The keys of `training:` that every training has."""

    batches: int = Field(5000, ge=0, description="Number of updates; 0 measures the initial weights only.")
    batch_size: int = Field(32, ge=1, description="Number of fresh sequences for each update.")
    optimizer: str = Field("adam", description="The rule of the updates.")
    learning_rate: float = Field(1e-4, gt=0, description="Step size of the updates.")
    clip_norm: float | None = Field(
        None, gt=0, description="Scale the gradient down to this 2-norm, over all parameters, if above it; null: never."
    )
    schedule: Annotated[str, AddedLater()] = Field("constant", description="How the learning rate changes.")
    warm_up: Annotated[int, AddedLater()] = Field(
        0, ge=0, description="Updates over which the learning rate rises to that of its schedule, linearly."
    )
    truncate: Annotated[int | None, AddedLater()] = Field(
        None,
        ge=1,
        description="Cut backpropagation through time between blocks of so many timesteps (torch engine); null: never.",
    )
    regulariser: Annotated[str, AddedLater()] = Field(
        "none", description="What is added to the loss so that gradients keep their length (torch engine)."
    )
