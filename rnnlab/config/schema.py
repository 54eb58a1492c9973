"""The schema: what a config can say, with every default, bound and description.

The help text, the table of keys and the JSON Schema are all made from these models. A loaded model is frozen and
complete: no default is left to be filled in later.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from rnnlab.component import AddedLater
from rnnlab.config.common_keys import Section, Valid
from rnnlab.config.sections import COMPOSED, ModelSection, TrainingSection, section_type
from rnnlab.flow.group import ALL, addable_groups, named_groups
from rnnlab.tasks import TASKS, Task

DEFAULT_TASK = "cumulative-average"
LONGEST_NAME = 100  # characters
LONGEST_NAME_BYTES = 200  # file systems allow 255 bytes, and temporary folders add to the name
VALID_GROUPS = "names of groups (rnnlab validate --quantities lists them) in a list, or all, or null"
VALID_NAME = f"1 to {LONGEST_NAME} letters, digits, '.', '_' or '-', of which the first is a letter, a digit or '_'"


def _join_groups(value: Any) -> Any:
    """Write a list of groups as text; of text, see that there are such groups."""
    if value is None or value == []:
        return None
    if not isinstance(value, str) and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        return value
    names = named_groups(value)
    return ALL if names == list(addable_groups()) else ", ".join(names)


_GROUPS_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]}


class RecordSection(Section):
    """What is measured and kept."""

    every: int = Field(
        100, ge=1, description="Updates between two records; update 0 and the last one are always recorded."
    )
    sequences: int = Field(
        32, ge=1, description="Number of probe sequences, drawn once and the same for the whole run."
    )
    quantities: Annotated[
        str | None, BeforeValidator(_join_groups), Valid(VALID_GROUPS), AddedLater(), WithJsonSchema(_GROUPS_SCHEMA)
    ] = Field(
        None,
        description="Groups of quantities to record besides those of every run, as `rnnlab measure` adds them to runs "
        "that exist; they change nothing that is trained, and are no part of a run's identity.",
    )
    weights: bool = Field(False, description="Keep the weights of every record, so that the run can be measured again.")


class Linspace(Section):
    """Evenly spaced values."""

    linspace: list[int | float] = Field(description="[first, last, number of values].", min_length=3, max_length=3)


class Geomspace(Section):
    """Values evenly spaced in their logarithm, from the first to the last."""

    geomspace: list[int | float] = Field(description="[first, last, number of values].", min_length=3, max_length=3)


class Logspace(Section):
    """Powers of ten, whose exponents are evenly spaced."""

    logspace: list[int | float] = Field(
        description="[a, b, number of values], from 10**a to 10**b.", min_length=3, max_length=3
    )


class Range(Section):
    """Values a fixed step apart."""

    range: list[int | float] = Field(description="[start, stop, step]; stop is left out.", min_length=3, max_length=3)


Value = str | int | float | bool | None


class SweepSection(Section):
    """The axes of a sweep; read by `rnnlab sweep`, ignored by `rnnlab train`."""

    axes: dict[str, list[Value] | Linspace | Geomspace | Logspace | Range] = Field(
        default_factory=dict,
        description="Dotted key of the config to its values: a list, linspace, geomspace, logspace or range.",
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
    if kind not in TASKS:
        raise ValueError(f"unknown task kind {kind!r}; valid: {', '.join(TASKS)}")
    return TASKS[kind].model_validate(dict(value))


def _make_section(name: str, value: Any) -> Any:
    """Make a section from a mapping."""
    return section_type(name).model_validate(dict(value)) if isinstance(value, Mapping) else value


class Stamps(dict[str, str]):
    """What stands for each extension by its name; as frozen as all of a config, and so a key of a mapping like it."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


VALID_EXTENSIONS = "a list of Python files and of names of installed extensions"


class Config(Section):
    """Everything that determines one run, and its name."""

    name: Annotated[str, AfterValidator(_check_name), Valid(VALID_NAME)] = Field(
        description="The study's folder under the runs folder; the file's own name if it is left out."
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Where the initial weights and all sequences are drawn from.")
    extensions: Annotated[
        dict[str, str],
        AfterValidator(Stamps),
        Valid(VALID_EXTENSIONS),
        WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}),
    ] = Field(
        default_factory=Stamps,
        description="Code of your own, which is executed: Python files that declare tasks, cells, starts, quantities "
        "and more; a path that is not absolute begins at the config file's folder. A file's content is part of a run's "
        "identity.",
    )
    task: Annotated[SerializeAsAny[Task], BeforeValidator(_make_task)] = Field(
        default_factory=lambda: TASKS[DEFAULT_TASK].model_validate({}),
        description="What the nets are trained on.",
    )
    model: Annotated[SerializeAsAny[ModelSection], BeforeValidator(partial(_make_section, "model"))] = Field(
        default_factory=partial(_make_section, "model", {}), description="The recurrent net and its initial weights."
    )
    training: Annotated[SerializeAsAny[TrainingSection], BeforeValidator(partial(_make_section, "training"))] = Field(
        default_factory=partial(_make_section, "training", {}), description="How the net is trained."
    )
    record: RecordSection = Field(default_factory=RecordSection, description="What is measured and kept.")
    sweep: SweepSection | None = Field(
        None, description="The axes of a sweep; read by `rnnlab sweep`, and null in the config of a run."
    )

    @model_serializer(mode="wrap")
    def _without_nothing(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `extensions` out where there are none, as it was before there could be any."""
        data: dict[str, Any] = serialize(self)
        return data if self.extensions else {key: value for key, value in data.items() if key != "extensions"}

    @model_validator(mode="after")
    def _net_can_begin_so(self) -> Config:
        """See that the initial weights are asked of a net, and for a task, that they fit, and the regulariser too."""
        way = self.model.make_initialiser()
        if not way.fits_any_net and (misfit := way.misfit(self.model.architecture(self.task), self.task)):
            raise ValueError(misfit)
        if misfit := self.training.make_regulariser().misfit(self.model.make_cell()):
            raise PydanticCustomError("regulariser_misfits", "{sentence}", {"sentence": misfit})
        return self


_NAME_PATTERN = r"^(?![.-])[^\x00-\x2c\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]+$"
"""No sign of ASCII but `.`, `-` and `_`; editors' schemas know no letters beyond."""


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of a config file, for editors."""
    schema = Config.model_json_schema()
    schema["required"] = []  # a file without `name` is called after itself
    schema["properties"]["task"] = {
        "description": Config.model_fields["task"].description,
        "anyOf": [*(_task_schema(kind, task) for kind, task in TASKS.items()), {"type": "null"}],
    }
    schema["properties"]["name"] |= {"pattern": _NAME_PATTERN, "maxLength": LONGEST_NAME}
    schema["$defs"].pop("Task", None)
    for name in COMPOSED:
        section = section_type(name)
        schema["$defs"][section.__name__] = section.model_json_schema()
    for name in (*COMPOSED, "record", "sweep"):  # one that is left empty, `record:`, is as if it were not there
        section_schema = schema["properties"][name]
        words = {key: section_schema.pop(key) for key in ("description", "default") if key in section_schema}
        if not {"anyOf", "oneOf"} & set(section_schema):
            section_schema = {"anyOf": [section_schema, {"type": "null"}]}
        schema["properties"][name] = words | section_schema
    schema["title"] = "rnnlab config"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _task_schema(kind: str, task: type[Task]) -> dict[str, Any]:
    schema = task.model_json_schema()
    return schema if kind == DEFAULT_TASK else {**schema, "required": ["kind", *schema.get("required", [])]}
