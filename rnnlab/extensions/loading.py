"""Loading extensions: each content once; what it declares counts for the configs that name it.

A file is executed as a module of its own, under a name that no other module has; neither its folder nor the current one
is searched for modules. When a config without it is used, what it has declared is taken out of the registries; it is
kept, so that going back to it makes the very same classes count again.
"""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import re
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rnnlab.extensions.faults import ExtensionError, fault_of, note_module, syntax_fault
from rnnlab.extensions.source import ExtensionSource, find_entry_point
from rnnlab.registry import Declaration, recorded


@dataclass(frozen=True)
class Loaded:
    """An extension that was executed, and what it has declared."""

    source: ExtensionSource
    declarations: tuple[Declaration, ...]


@dataclass
class Loader:
    """The extensions of this process: those that were loaded, and those in use."""

    _loaded: dict[ExtensionSource, Loaded] = field(default_factory=dict)
    _used: list[Loaded] = field(default_factory=list)

    @property
    def used(self) -> list[ExtensionSource]:
        """The extensions in use, in the order in which they came."""
        return [each.source for each in self._used]

    def use(self, sources: Iterable[ExtensionSource]) -> None:
        """Let what these declare count, and nothing that others do: a config has the keys of those that it names.

        Raises:
            ExtensionError: one cannot be loaded; then none of them is in use.
        """
        wanted = list(sources)
        stamps = {each.stamp for each in wanted}
        for each in [each for each in self._used if each.source.stamp not in stamps]:
            self._give_way(each)
        try:
            for source in wanted:
                if source.stamp not in {each.source.stamp for each in self._used}:
                    self._enter(source)
        except ExtensionError:
            self.use_none()
            raise

    def use_none(self) -> None:
        """Let nothing count but what rnnlab has itself."""
        for each in list(self._used):
            self._give_way(each)

    def source_of(self, item: object) -> ExtensionSource | None:
        """Give the extension in use that has declared an item of a registry; None for what is none's."""
        its = (each for each in self._used if any(declaration.item is item for declaration in each.declarations))
        return next((each.source for each in its), None)

    def has_declared(self, item: object) -> bool:
        """Tell whether an item of a registry is there because of an extension in use."""
        return self.source_of(item) is not None

    def sources(self, extensions: Mapping[str, str]) -> list[ExtensionSource]:
        """Give the extensions of a config that was loaded in this process.

        Args:
            extensions: the stamp of each, by name.

        Raises:
            ExtensionError: one was not loaded here.
        """
        known = {source.stamp: source for source in [*self._loaded, *self.used]}
        for name, stamp in extensions.items():
            if stamp not in known:
                raise ExtensionError(f"the extension {name} ({stamp[:12]}) was not loaded in this process")
        return [known[stamp] for stamp in extensions.values()]

    def _give_way(self, loaded: Loaded) -> None:
        self._used.remove(loaded)
        for declaration in loaded.declarations:
            declaration.withdraw()

    def _enter(self, source: ExtensionSource) -> None:
        if source in self._loaded:
            _declare_again(self._loaded[source])
        else:
            self._loaded[source] = Loaded(source, _execute(source))
        self._used.append(self._loaded[source])


LOADER = Loader()
"""That of this process: the registries are the process's, too."""


def use(extensions: Mapping[str, str]) -> None:
    """Let the extensions of a config count, as they were when it was loaded.

    Args:
        extensions: the stamp of each, by name (`Config.extensions`).

    Raises:
        ExtensionError: one was not loaded in this process.
    """
    LOADER.use(LOADER.sources(extensions))


def _declare_again(loaded: Loaded) -> None:
    made: list[Declaration] = []
    try:
        for declaration in loaded.declarations:
            declaration.make()
            made.append(declaration)
    except ValueError as error:
        for declaration in made:
            declaration.withdraw()
        raise ExtensionError(f"{loaded.source.where}: {error}") from None


def _execute(source: ExtensionSource) -> tuple[Declaration, ...]:
    """Execute an extension; what one that fails has declared before is taken out again."""
    with recorded() as declared:
        try:
            if source.content is None:
                _import_package(source)
            else:
                _execute_file(source, source.content)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a file may even exit
            for declaration in declared:
                declaration.withdraw()
            raise _as_fault(error, source) from error
    return tuple(declared)


def _execute_file(source: ExtensionSource, content: bytes) -> None:
    """Execute a file as a module that lies among the others, since dataclasses look for theirs there."""
    name = f"rnnlab_extension_{re.sub(r'[^0-9a-zA-Z]', '_', source.name)}_{source.stamp[:12]}"
    text = importlib.util.decode_source(content)
    code = compile(content, source.path, "exec", dont_inherit=True)
    linecache.cache[source.path] = (len(content), None, text.splitlines(keepends=True), source.path)
    module = types.ModuleType(name)
    module.__file__ = source.path
    note_module(name)
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)  # noqa: S102 (to run it is what the config asks for)
    except BaseException:
        del sys.modules[name]
        raise


def _import_package(source: ExtensionSource) -> None:
    point = find_entry_point(source.name)
    note_module(point.module)
    importlib.import_module(point.module)


def _as_fault(error: BaseException, source: ExtensionSource) -> ExtensionError:
    if isinstance(error, ExtensionError):
        return error
    if isinstance(error, SyntaxError) and error.filename == source.path:
        return syntax_fault(error, source.path)
    fault = fault_of(error) or ExtensionError(f"{source.where}: {type(error).__name__}: {error}")
    missing = error.name if isinstance(error, ModuleNotFoundError) and error.name else ""
    if missing and source.path and Path(source.path).with_name(f"{missing}.py").exists():
        return ExtensionError(
            f"{fault}\nAn extension is one file: its folder is not searched for modules. "
            f"Put what it needs of {missing}.py into it, or install that"
        )
    return fault
