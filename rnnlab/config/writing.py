"""Whole configs by key: flat, compared, and written as YAML that reads back as the same config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnlab import nested
from rnnlab.component import NO_IDENTITY
from rnnlab.config.later import is_left_aside, only_follows
from rnnlab.config.scalars import Scalar, write_for_every_yaml
from rnnlab.extensions import LOADER

if TYPE_CHECKING:
    from rnnlab.config.schema import Config


def flatten(config: Config) -> dict[str, Scalar]:
    """Give every key but those of `sweep` by its dotted name, in the order of the schema."""
    return nested.flatten(config.model_dump(exclude={"sweep"}))


def differences(config_a: Config, config_b: Config) -> dict[str, tuple[Scalar, Scalar]]:
    """Give the keys in which two configs differ, with both values; None stands for a key that one does not have."""
    a, b = flatten(config_a), flatten(config_b)
    return {key: (a.get(key), b.get(key)) for key in {**a, **b} if a.get(key) != b.get(key)}


def changed_values(file: Config, config: Config) -> dict[str, Scalar]:
    """Give what overrides have changed, for the label of a run; not a name, nor what a file answers."""
    changed = differences(file, config)
    follows = {"name", *NO_IDENTITY, *(f"task.{key}" for key in config.task.read_from_file)}
    return {
        key: new
        for key, (old, new) in changed.items()
        if key not in follows and not (_left_aside(key, config) or only_follows(key, old, new))
    }


def _left_aside(dotted: str, config: Config) -> bool:
    section, _, key = dotted.rpartition(".")
    return bool(section) and is_left_aside(section, key, vars(getattr(config, section)))


def _named(config: Config, *, with_copies: bool) -> list[str]:
    """Write what a config's list of extensions holds."""
    sources = LOADER.sources(config.extensions)
    return [write_for_every_yaml(source.copy if with_copies else source.where) for source in sources]


def write_config(config: Config, *, with_copies: bool = False) -> str:
    """Write every key but `sweep` as YAML, one a line, so that loading the text gives an equal config.

    Keys of components that were not chosen are left out.

    Args:
        config: whose keys.
        with_copies: name the copies of extension files that a run folder holds in `extensions/`, and not the files that
            they were loaded from.
    """
    lines: list[str] = []
    open_section = ""
    values = nested.flatten(config.model_dump(exclude={"sweep", "extensions"}))
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        if _left_aside(key, config):
            continue
        if section != open_section:
            lines.append(f"{section}:")
            open_section = section
        lines.append(f"{'  ' if section else ''}{name}: {write_for_every_yaml(value)}")
        if key == "seed" and config.extensions:
            lines += ["extensions:", *(f"  - {name}" for name in _named(config, with_copies=with_copies))]
    return "\n".join(lines) + "\n"
