"""From a file or a mapping, with overrides, to a Config or a Sweep; all problems are told at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rnnlab.config.all_keys import keys_of
from rnnlab.config.axes import AxisPlan, read_plan
from rnnlab.config.document import Document, read_document
from rnnlab.config.draft import Draft, Violation, document_of, draft_of
from rnnlab.config.extending import extend
from rnnlab.config.files import read_text
from rnnlab.config.overrides import apply_overrides
from rnnlab.config.scalars import Scalar
from rnnlab.config.schema import VALID_NAME, Config
from rnnlab.config.sweeps import Sweep, keys_aside, settle
from rnnlab.config.validation import config_of
from rnnlab.config.writing import changed_values


@dataclass(frozen=True)
class LoadedRun:
    """The config of one run, as it was asked for.

    Attributes:
        config: all of it.
        changed: what its overrides changed.
        has_axes: whether it has axes, which a single run leaves aside.
        left_aside: of each key that was given a value and does not apply, a sentence that says so.
    """

    config: Config
    changed: dict[str, Scalar]
    has_axes: bool
    left_aside: tuple[str, ...] = ()


def load_run(
    config: str | os.PathLike[str] | Mapping[str, object],
    overrides: Iterable[str] = (),
    extensions: Iterable[str | os.PathLike[str]] = (),
) -> LoadedRun:
    """Read the config of one run, once, with what its overrides changed.

    Args:
        config: a YAML file, or its content as a mapping.
        overrides: `key=value`, which take the place of the file's values.
        extensions: Python files, or names of installed extensions, besides those of the config; they are executed.

    Raises:
        ConfigError: with everything that is wrong, without the overrides and with them.
        ExtensionError: an extension cannot be loaded.
    """
    overrides, extensions = list(overrides), list(extensions)
    document = document_of(config, "<mapping>") if isinstance(config, Mapping) else _document(config)
    stem = None if isinstance(config, Mapping) else _stem(config)
    draft = draft_of(document)
    made = _config(draft, overrides, stem, extensions)
    changed = changed_values(_config(draft_of(document), (), stem, extensions), made) if overrides else {}
    has_axes = isinstance(document.data, dict) and "sweep" in document.data
    return LoadedRun(made, changed, has_axes, tuple(keys_aside(draft.data, made)))


def load_config(
    path: str | os.PathLike[str],
    overrides: Iterable[str] = (),
    extensions: Iterable[str | os.PathLike[str]] = (),
) -> Config:
    """Read the config of one run.

    Args:
        path: a YAML file.
        overrides: `key=value`, which take the place of the file's values.
        extensions: Python files, or names of installed extensions, besides those of the config; they are executed.

    Returns:
        The config. The file's `sweep:` section is checked but is no part of it: its `sweep` is None.

    Raises:
        ConfigError: with everything that is wrong.
        ExtensionError: an extension cannot be loaded.
    """
    return _config(draft_of(_document(path)), overrides, _stem(path), extensions)


def config_from_mapping(data: Mapping[str, object], overrides: Iterable[str] = (), source: str = "<mapping>") -> Config:
    """Make the config of one run from plain Python data, by the rules and with the errors of a file.

    Args:
        data: as a YAML file would give it; `name` is required.
        overrides: `key=value`, which take the place of the data's values.
        source: what errors call the data.

    Raises:
        ConfigError: with everything that is wrong.
    """
    return _config(draft_of(document_of(data, source)), overrides, None)


def load_extensions(
    path: str | os.PathLike[str] | None, extensions: Iterable[str | os.PathLike[str]] = ()
) -> dict[str, str]:
    """Execute the extensions of a config alone, whatever else is wrong with it; gives what stands for each, by name.

    Args:
        path: a YAML file; None where there is none.
        extensions: Python files, or names of installed extensions, besides those of the config.

    Raises:
        ConfigError: the file is no YAML, or does not list its extensions as it must.
        ExtensionError: an extension cannot be loaded.
    """
    draft = draft_of(document_of({"name": "none"}, "command line") if path is None else _document(path))
    extend(draft, extensions)
    return cast(dict[str, str], draft.data.get("extensions", {}))


def load_sweep(
    path: str | os.PathLike[str],
    overrides: Iterable[str] = (),
    extensions: Iterable[str | os.PathLike[str]] = (),
) -> Sweep:
    """Read a config and its axes.

    Args:
        path: a YAML file.
        overrides: `key=value`; a comma list, or a call such as linspace, makes or replaces an axis, and one value
            for an axis of the file becomes its only value. `seed=7` moves the first of the file's `seeds`.
        extensions: Python files, or names of installed extensions, besides those of the config; they are executed.

    Raises:
        ConfigError: with everything that is wrong, but for what shows in combinations only (see Sweep.expand).
        ExtensionError: an extension cannot be loaded.
    """
    draft = draft_of(_document(path))
    extend(draft, extensions)
    apply_overrides(draft, overrides, sweeping=True)
    _give_name(draft, _stem(path))
    config, plan = _checked(draft)
    plan = settle(config, plan)
    return Sweep(config, plan.axes, plan, draft)


def _document(path: str | os.PathLike[str]) -> Document:
    return read_document(read_text(path), os.fspath(path))


def _config(
    draft: Draft,
    overrides: Iterable[str],
    stem: str | None,
    extensions: Iterable[str | os.PathLike[str]] = (),
) -> Config:
    extend(draft, extensions)
    apply_overrides(draft, overrides, sweeping=False)
    _give_name(draft, stem)
    return _checked(draft)[0]


def _stem(path: str | os.PathLike[str]) -> str:
    return Path(path).stem.replace("_", "-")


def _give_name(draft: Draft, stem: str | None) -> None:
    """Call a config without a name after its file."""
    if "name" in draft.data:
        return
    try:
        draft.data["name"] = keys_of()["name"].read(stem)
    except ValueError:
        reason = "a config needs one" if stem is None else "and the file's own name cannot be one"
        draft.report(Violation(("name",), f"`name:` is missing, {reason}; valid: {VALID_NAME}", names_key=True))
        draft.data["name"] = "unnamed"


def _checked(draft: Draft) -> tuple[Config, AxisPlan]:
    """Check the whole draft, the sweep too, before anything is raised."""
    config, violations = config_of(draft.data, draft.folder)
    plan = read_plan(draft)
    for violation in violations:
        draft.report(violation)
    draft.check()
    assert config is not None  # it had no violations
    return config, plan
