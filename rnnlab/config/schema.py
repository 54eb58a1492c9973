"""The schema: what a config can say, with every default, bound and description.

The help text, the table of keys and the JSON Schema are all made from these models. A loaded model is frozen and
complete: no default is left to be filled in later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from rnnlab.tasks import Task, task_types

DEFAULT_TASK = "cumulative-average"
LONGEST_NAME = 100  # characters
LONGEST_NAME_BYTES = 200  # file systems allow 255 bytes, and temporary folders add to the name
VALID_NAME = f"1 to {LONGEST_NAME} letters, digits, '.', '_' or '-', of which the first is a letter, a digit or '_'"


class Valid:
    """What a key takes, in words, where the type alone does not say it."""

    def __init__(self, words: str) -> None:
        self.words = words


class Section(BaseModel):
    """The base of the sections: frozen, without type conversion, unknown keys or infinities."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class ModelSection(Section):
    """The recurrent net and its initial weights."""

    cell: Literal["elman", "lstm", "gru"] = Field("elman", description="The recurrent cell.")
    nonlinearity: Annotated[Literal["tanh", "relu", "identity"] | None, Valid("tanh, relu, identity")] = Field(
        "tanh",
        validate_default=True,
        description="The function that an elman cell applies at each step; always null for lstm and gru.",
    )
    hidden_size: int = Field(32, ge=1, description="H, the number of hidden units of each layer.")
    layers: int = Field(1, ge=1, description="L, the number of recurrent layers, each reading the one below.")
    init: Literal["uniform", "kaiming-normal", "gaussian", "orthogonal", "identity", "bigram"] = Field(
        "uniform",
        description="Initial weights: uniform within 1/sqrt(H) of 0; kaiming-normal with standard deviation "
        "sqrt(2/H); gaussian with 1/sqrt(H); orthogonal or identity for the recurrent matrices; bigram: the exact "
        "solution of the bigram task.",
    )
    weight_scale: float = Field(
        1.0, description="Multiplies the initial weight matrices of the recurrent net, not of the readout."
    )
    bias_scale: float = Field(
        1.0, description="Multiplies the initial biases of the recurrent net, which only init uniform makes non-zero."
    )

    @field_validator("nonlinearity")
    @classmethod
    def _fits_the_cell(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Only an elman cell has one; what is given for another cell does not apply, and so cannot tell runs apart."""
        cell = info.data.get("cell")
        if cell == "elman" and value is None:
            raise PydanticCustomError("no_nonlinearity", "an elman net needs one; choose tanh, relu or identity")
        return value if cell == "elman" else None


class TrainingSection(Section):
    """How the net is trained."""

    batches: int = Field(5000, ge=0, description="Number of updates; 0 measures the initial weights only.")
    batch_size: int = Field(32, ge=1, description="Number of fresh sequences for each update.")
    optimizer: Literal["adam", "sgd"] = Field("adam", description="The rule of the updates.")
    learning_rate: float = Field(1e-4, gt=0, description="Step size of the updates.")
    clip_norm: float | None = Field(
        None, gt=0, description="Scale the gradient down to this 2-norm, over all parameters, if above it; null: never."
    )


class RecordSection(Section):
    """What is measured and kept."""

    every: int = Field(
        100, ge=1, description="Updates between two records; update 0 and the last one are always recorded."
    )
    sequences: int = Field(
        32, ge=1, description="Number of probe sequences, drawn once and the same for the whole run."
    )
    weights: bool = Field(False, description="Keep the weights of every record, so that the run can be measured again.")


class Linspace(Section):
    """Evenly spaced values."""

    linspace: list[int | float] = Field(description="[first, last, number of values].", min_length=3, max_length=3)


class Logspace(Section):
    """Values evenly spaced in their logarithm."""

    logspace: list[int | float] = Field(
        description="[a, b, number of values], from 10**a to 10**b.", min_length=3, max_length=3
    )


class Range(Section):
    """Values a fixed step apart."""

    range: list[int | float] = Field(description="[start, stop, step]; stop is left out.", min_length=3, max_length=3)


Value = str | int | float | bool | None


class SweepSection(Section):
    """The axes of a sweep; read by `rnnlab sweep`, ignored by `rnnlab train`."""

    axes: dict[str, list[Value] | Linspace | Logspace | Range] = Field(
        default_factory=dict,
        description="Dotted key of the config to its values: a list, linspace, logspace or range.",
    )
    seeds: int | None = Field(
        None, ge=1, description="Number of seeds: short for the axis seed: [seed, seed + 1, ...]."
    )
    zip: list[list[str]] = Field(
        default_factory=list, description="Groups of axes that move together instead of being combined."
    )
    exclude: list[dict[str, Value | list[Value]]] = Field(
        default_factory=list,
        description="Combinations to leave out: each entry maps keys to the value, or the values, to leave out.",
    )


def _check_name(name: str) -> str:
    """Refuse what could not be one folder under the runs folder, or would lead out of it."""
    letters = all(c.isalpha() or c.isdecimal() or c in "._-" for c in name)
    if not (letters and name[:1] not in {"", ".", "-"} and len(name) <= LONGEST_NAME):
        raise PydanticCustomError("value", "not a name")
    if len(name.encode()) > LONGEST_NAME_BYTES:
        raise PydanticCustomError("value", "too long")
    return name


def _make_task(value: Any) -> Any:
    """Make the task that a mapping's `kind` names."""
    if not isinstance(value, Mapping):
        return value
    kind = value.get("kind", DEFAULT_TASK)
    if kind not in task_types():
        raise ValueError(f"unknown task kind {kind!r}; valid: {', '.join(task_types())}")
    return task_types()[kind].model_validate(dict(value))


class Config(Section):
    """Everything that determines one run, and its name."""

    name: Annotated[str, AfterValidator(_check_name), Valid(VALID_NAME)] = Field(
        description="The study's folder under the runs folder; the file's own name if it is left out."
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Where the initial weights and all sequences are drawn from.")
    task: Annotated[SerializeAsAny[Task], BeforeValidator(_make_task)] = Field(
        default_factory=lambda: task_types()[DEFAULT_TASK].model_validate({}),
        description="What the nets are trained on.",
    )
    model: ModelSection = Field(default_factory=ModelSection, description="The recurrent net and its initial weights.")
    training: TrainingSection = Field(default_factory=TrainingSection, description="How the net is trained.")
    record: RecordSection = Field(default_factory=RecordSection, description="What is measured and kept.")
    sweep: SweepSection | None = Field(
        None, description="The axes of a sweep; read by `rnnlab sweep`, and null in the config of a run."
    )

    @model_validator(mode="after")
    def _bigram_fits(self) -> Config:
        """See that the exact bigram solution, a linear net of one layer and a unit for each token, is asked of such."""
        model = self.model
        linear = model.cell == "elman" and model.nonlinearity == "identity" and model.layers == 1
        if model.init == "bigram" and not (
            self.task.kind == "bigram" and linear and model.hidden_size >= self.task.input_size
        ):
            raise ValueError(
                "bigram is the exact solution of the bigram task; it needs task.kind: bigram, model.cell: "
                "elman, model.nonlinearity: identity, model.layers: 1 and model.hidden_size of at least task.vocabulary"
            )
        return self


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of a config file, for editors."""
    schema = Config.model_json_schema()
    schema["required"] = []  # a file without `name` is called after itself
    schema["properties"]["task"] = {
        "description": Config.model_fields["task"].description,
        "anyOf": [_task_schema(kind, task) for kind, task in task_types().items()],
    }
    schema["$defs"].pop("Task", None)
    schema["title"] = "rnnlab config"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _task_schema(kind: str, task: type[Task]) -> dict[str, Any]:
    schema = task.model_json_schema()
    return schema if kind == DEFAULT_TASK else {**schema, "required": ["kind", *schema.get("required", [])]}
