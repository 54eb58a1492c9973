"""What there is of a kind, by name: tasks, cells, initialisers, optimizers, quantities, figures, engines, executors.

Each of these is declared in one place, a file of its own in the folder of its kind, and everybody else asks the
registry: the choices of the config, the help texts, the tables of the documentation are made from it. An unknown name
is an error that lists the known ones, and never something plausible.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from rnnlab.errors import UserError
from rnnlab.words import unknown_name

Item = TypeVar("Item")

_versions = itertools.count(1)


class UnknownNameError(UserError, KeyError):
    """There is nothing of that name; the message lists what there is, and the nearest."""

    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        """Give the sentence: a KeyError alone would put it in quotes."""
        return str(self.args[0])


class Registry(Mapping[str, Item]):
    """The declared things of one kind, in the order of their `place`, then by name.

    Args:
        kind: what they are called in messages: "cell".
        package: the package whose modules declare them, or a module; imported when the registry is first read.
        name_of: gives the name of an item; its attribute `name` by default.
    """

    def __init__(self, kind: str, package: str, name_of: Callable[[Item], str] | None = None) -> None:
        self.kind = kind
        self._package = package
        self._name_of = name_of or _name_of
        self._items: dict[str, Item] = {}
        self._is_filled = False
        self._version = 0

    @property
    def version(self) -> int:
        """A number for the content: what was made from the registry is made anew when it is another."""
        self._fill()
        return self._version

    def register(self, item: Item) -> Item:
        """Declare an item; may be used as a decorator.

        Raises:
            ValueError: the name is taken.
        """
        name = self._name_of(item)
        is_outside = _is_outside(sys._getframe(1).f_globals)
        if is_outside:
            self._fill()  # so that a name of rnnlab's own is taken already
        if name in self._items:
            raise ValueError(f"there is already a {self.kind} '{name}'; choose another name")
        if is_outside and _recordings:
            _recordings[-1].append(Declaration(self, item))
        items = {**self._items, name: item}
        self._items = dict(sorted(items.items(), key=lambda pair: (getattr(pair[1], "place", 100), pair[0])))
        self._version = next(_versions)
        return item

    def withdraw(self, item: Item) -> None:
        """Take an item out again; without it nothing happens."""
        self._items = {name: each for name, each in self._items.items() if each is not item}
        self._version = next(_versions)

    @contextmanager
    def extended(self, *items: Item) -> Iterator[None]:
        """Declare items for the length of a `with` block."""
        self._fill()
        before = dict(self._items), self._version
        try:
            for item in items:
                self.register(item)
            yield
        finally:
            self._items, self._version = before

    def _fill(self) -> None:
        """Import what declares the items: the module, or every module of the package."""
        if self._is_filled:
            return
        self._is_filled = True
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
            importlib.import_module(f"{self._package}.{module.name}")

    def __getitem__(self, name: str) -> Item:
        """Give the item of that name.

        Raises:
            UnknownNameError: there is none.
        """
        self._fill()
        if name in self._items:
            return self._items[name]
        raise UnknownNameError(unknown_name(self.kind, str(name), self._items))

    def __iter__(self) -> Iterator[str]:
        self._fill()
        return iter(self._items)

    def __len__(self) -> int:
        self._fill()
        return len(self._items)


def _name_of(item: object) -> str:
    return str(item.name)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Declaration:
    """Something that code outside of rnnlab has declared, and where."""

    registry: Registry[Any]
    item: Any

    def make(self) -> None:
        """Declare it again.

        Raises:
            ValueError: the name is taken.
        """
        self.registry.register(self.item)

    def withdraw(self) -> None:
        """Take it out of its registry."""
        self.registry.withdraw(self.item)


_recordings: list[list[Declaration]] = []


@contextmanager
def recorded() -> Iterator[list[Declaration]]:
    """Keep a list of what code outside of rnnlab declares in a `with` block; what rnnlab itself does, is its own."""
    declared: list[Declaration] = []
    _recordings.append(declared)
    try:
        yield declared
    finally:
        _recordings.pop()


def _is_outside(names: Mapping[str, Any]) -> bool:
    """Tell whether a module, given by its global names, is none of rnnlab's."""
    return str(names.get("__name__")).partition(".")[0] != __package__
