"""The extensions of a config: found and executed before anything else is checked, since they bring keys and choices."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from rnnlab.config.all_keys import keys_of
from rnnlab.config.draft import Draft, Violation
from rnnlab.config.errors import shown
from rnnlab.config.schema import VALID_EXTENSIONS
from rnnlab.extensions import LOADER, ExtensionError, ExtensionSource, fault_of, find_package, is_file_name, read_file


def extend(draft: Draft, others: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Execute the extensions that a draft lists, and put what stands for each in the place of the list.

    Args:
        draft: whose `extensions` is what the person has written; unknown keys of it are those of all extensions.
        others: more of them, from the command line: their paths begin at the current folder.

    Raises:
        ConfigError: the list is none, or a file or a package is not there.
        ExtensionError: an extension cannot be loaded.
    """
    known = len(draft.problems)
    listed = _sources(draft)
    if len(draft.problems) > known:
        draft.check()  # without its extensions nothing that follows could be told right
    sources = _distinct([*listed, *(_other(os.fspath(name)) for name in others)])
    draft.data.pop("extensions", None)
    LOADER.use(sources)
    if sources:
        _check_keys(sources)
        draft.data["extensions"] = {source.name: source.stamp for source in sources}


def _sources(draft: Draft) -> list[ExtensionSource]:
    """Read what the file lists; what is wrong becomes problems of the draft."""
    value = draft.data.get("extensions")
    if value is None or (isinstance(value, list) and not value):
        return []
    if not isinstance(value, list):
        draft.report(Violation(("extensions",), f"got {shown(value)}; valid: {VALID_EXTENSIONS}"))
        return []
    found = []
    for place, name in enumerate(value):
        try:
            if not isinstance(name, str) or not name:
                raise ExtensionError(f"got {shown(name)}; valid: {VALID_EXTENSIONS}")
            found.append(_source(name, draft.folder))
        except ExtensionError as error:
            draft.report(Violation(("extensions", place), str(error)))
    return found


def _source(name: str, folder: Path) -> ExtensionSource:
    """Find an extension.

    Raises:
        ExtensionError: there is none of that name.
    """
    if not is_file_name(name):
        return find_package(name)
    try:
        path = (folder / Path(name).expanduser()).resolve()
    except (OSError, ValueError, RuntimeError):
        raise ExtensionError(f"{shown(name)} cannot be the path of a file") from None
    return read_file(path)


def _other(name: str) -> ExtensionSource:
    """Find an extension that no config names.

    Raises:
        ExtensionError: there is none of that name.
    """
    try:
        return _source(name, Path.cwd())
    except ExtensionError as error:
        raise ExtensionError(f"extension {name}: {error}") from None


def _distinct(sources: Iterable[ExtensionSource]) -> list[ExtensionSource]:
    """Take each extension once.

    Raises:
        ExtensionError: two are called alike, and a run folder could not keep both.
    """
    by_name: dict[str, ExtensionSource] = {}
    for source in sources:
        other = by_name.setdefault(source.name, source)
        if other.stamp != source.stamp:
            raise ExtensionError(
                f"two extensions are called {source.name}: {other.where} and {source.where}; rename one"
            )
    return list(by_name.values())


def _check_keys(sources: Iterable[ExtensionSource]) -> None:
    """See that what was declared goes together with all there is.

    Raises:
        ExtensionError: it does not; then none of the extensions is in use.
    """
    try:
        keys_of()
    except Exception as error:
        LOADER.use_none()
        where = ", ".join(source.where for source in sources)
        what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise fault_of(error) or ExtensionError(f"{where}: {what}") from error
