"""The sections that components make: `model` and `training` hold what every net has, and what its parts bring.

The choices of a cell, an initialiser and an optimizer are what is registered, and each brings its own keys
(rnnlab.component). A key that does not apply to what was chosen is null, so that it cannot tell runs apart. When more
is registered the sections are made anew.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, create_model, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from rnnlab.component import AddedLater, OwnKey, make_component, own_keys
from rnnlab.config.common_keys import Brought, ModelKeys, Section, TrainingKeys
from rnnlab.nets.cells import CELLS, Cell
from rnnlab.nets.initialisers import INITIALISERS, Initialiser, describe_initialisers
from rnnlab.nets.nonlinearities import NONLINEARITIES
from rnnlab.nets.parameters import Architecture
from rnnlab.registry import Registry
from rnnlab.tasks import TASKS, Task
from rnnlab.training.optimizers import OPTIMIZERS, Optimizer
from rnnlab.training.regularisers import REGULARISERS, Regulariser
from rnnlab.training.schedules import SCHEDULES, Schedule


class _Composed(Section):
    """A section whose keys depend on what components there are. Its class is made, so it is pickled by its values."""

    section: ClassVar[str]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.section, dict(vars(self)), self.model_fields_set)


def _restore(name: str, values: dict[str, Any], fields_set: set[str]) -> Section:
    return section_type(name).model_construct(fields_set, **values)


if TYPE_CHECKING:
    _ModelBase = ModelKeys
    _TrainingBase = TrainingKeys
else:  # the keys are added by section_type, in their order, with those of the components
    _ModelBase = _TrainingBase = Section


class ModelSection(_Composed, _ModelBase):
    """The recurrent net and its initial weights."""

    section: ClassVar[str] = "model"

    def make_cell(self) -> Cell:
        """Make the cell with its own keys."""
        return make_component(CELLS, self.cell, vars(self))

    def make_initialiser(self) -> Initialiser:
        """Make what draws the initial weights, with its own keys."""
        return make_component(INITIALISERS, self.init, vars(self))

    def architecture(self, task: Task) -> Architecture:
        """Give the shape of the net for a task."""
        return Architecture(self.make_cell(), task.input_size, self.hidden_size, self.layers, task.output_size)

    @model_validator(mode="after")
    def _can_be_made(self) -> ModelSection:
        """Let the components refuse a combination of their keys."""
        self.make_cell()
        self.make_initialiser()
        return self


class TrainingSection(_Composed, _TrainingBase):
    """How the net is trained."""

    section: ClassVar[str] = "training"

    def make_optimizer(self) -> Optimizer:
        """Make the rule of the updates with its own keys."""
        return make_component(OPTIMIZERS, self.optimizer, vars(self))

    def make_schedule(self) -> Schedule:
        """Make what changes the learning rate with its own keys."""
        return make_component(SCHEDULES, self.schedule, vars(self))

    def make_regulariser(self) -> Regulariser:
        """Make what is added to the loss with its own keys."""
        return make_component(REGULARISERS, self.regulariser, vars(self))

    @model_validator(mode="after")
    def _can_be_made(self) -> TrainingSection:
        """Let the components refuse a combination of their keys."""
        self.make_optimizer()
        self.make_schedule()
        self.make_regulariser()
        return self


@dataclass(frozen=True)
class ComponentKey:
    """A key whose value is the name of a component.

    Attributes:
        key: within its section.
        registry: the components.
        noun: what one of them makes, for "an elman net needs one".
    """

    key: str
    registry: Registry[type[Any]]
    noun: str

    def brought(self) -> dict[str, OwnKey]:
        """Give the keys that its components bring, in order.

        Raises:
            ValueError: two of them declare a key of one name, and not alike.
        """
        found: dict[str, OwnKey] = {}
        for component in self.registry.values():
            for name, own in own_keys(component).items():
                if found.setdefault(name, own) != own:
                    raise ValueError(f"the {self.registry.kind} '{component.name}' declares {name} unlike another")
        return found

    def has(self, chosen: str, key: str) -> bool:
        """Tell whether the component of that name, if there is one, brings the key."""
        component = self.registry.get(chosen)
        return component is not None and key in own_keys(component)


COMPOSED: dict[str, tuple[ComponentKey, ...]] = {
    "model": (ComponentKey("cell", CELLS, "net"), ComponentKey("init", INITIALISERS, "start")),
    "training": (
        ComponentKey("optimizer", OPTIMIZERS, "optimizer"),
        ComponentKey("schedule", SCHEDULES, "schedule"),
        ComponentKey("regulariser", REGULARISERS, "regulariser"),
    ),
}
"""The choices of each section that components fill."""

_TEMPLATES: dict[str, tuple[type[Section], type[Section]]] = {
    "model": (ModelKeys, ModelSection),
    "training": (TrainingKeys, TrainingSection),
}

_WORDS: dict[str, Callable[[], str]] = {
    "initialisers": describe_initialisers,
    "biased": lambda: ", ".join(name for name, way in INITIALISERS.items() if way.draws_biases),
}
"""What descriptions take from the components."""


def declared() -> tuple[int, ...]:
    """Give what tells apart the contents of all registries that the schema is made from."""
    return tuple(
        registry.version
        for registry in (TASKS, CELLS, INITIALISERS, NONLINEARITIES, OPTIMIZERS, SCHEDULES, REGULARISERS)
    )


def section_type(name: str) -> type[Section]:
    """Give the class of the section `model` or `training`, with the keys of all components there are now.

    Raises:
        ValueError: components declare keys that do not go together.
    """
    return _section_type(name, declared())


@functools.cache
def _section_type(name: str, _: tuple[int, ...]) -> type[Section]:
    template, base = _TEMPLATES[name]
    slots = {slot.key: slot for slot in COMPOSED[name]}
    fields: dict[str, Any] = {}
    owners: dict[str, ComponentKey] = {}
    for key, info in template.model_fields.items():
        slot = slots.get(key)
        description = (info.description or "").format(**{word: give() for word, give in _WORDS.items()})
        choices: Any = info.annotation if slot is None else Literal[tuple(slot.registry)]
        fields[key] = (choices, FieldInfo.merge_field_infos(info, annotation=choices, description=description))
        for own in slot.brought().values() if slot else ():
            if own.name in {*template.model_fields, *owners}:
                raise ValueError(f"there is already a key {name}.{own.name}; choose another name")
            fields[own.name], owners[own.name] = _field(own, slots[key]), slots[key]
    validators: dict[str, Any] = {"own_keys_apply": field_validator(*owners)(_check_of(owners))} if owners else {}
    return create_model(
        base.__name__,
        __base__=base,
        __module__=base.__module__,
        __doc__=base.__doc__,
        __validators__=validators,
        **fields,
    )


def _field(own: OwnKey, slot: ComponentKey) -> Any:
    """Declare an own key as a field: null where it does not apply."""
    kind: Any = own.type if own.choices is None else Literal[tuple(own.choices)]
    others = [name for name in slot.registry if not slot.has(name, own.name)]
    aside = f"; always null for {joined(others, 'and')}." if others else "."
    description = own.description.removesuffix(".") + aside
    bounds: dict[str, Any] = dict(own.bounds)
    info: Any = Field(own.default, validate_default=True, description=description, **bounds)
    marks = (Brought(), AddedLater()) if own.added_later else (Brought(),)
    return Annotated[kind | None, *marks], info


def _check_of(owners: Mapping[str, ComponentKey]) -> Callable[[type[BaseModel], Any, ValidationInfo], Any]:
    """Make the check that a key applies: what is given for another component says nothing."""

    def check(cls: type[BaseModel], value: Any, info: ValidationInfo) -> Any:  # noqa: ARG001 (pydantic goes by it)
        assert info.field_name is not None
        slot = owners[info.field_name]
        chosen = str(info.data.get(slot.key))
        if not slot.has(chosen, info.field_name):
            return None
        if value is None:
            own = slot.brought()[info.field_name]
            what = f"; choose {joined(list(own.choices), 'or')}" if own.choices else f", such as {own.default}"
            article = "an" if chosen[0] in "aeiou" else "a"
            raise PydanticCustomError("needs_a_value", f"{article} {chosen} {slot.noun} needs one{what}")
        return value

    return check


def joined(names: list[str], word: str) -> str:
    """Write a list with a word before its last: `lstm and gru`."""
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
