"""The index of a study, one row a run: derived from the folders, so it may be rebuilt at any time."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rnnlab.component import NO_IDENTITY
from rnnlab.flow.group import GROUPS, iterate_summaries
from rnnlab.nested import flatten
from rnnlab.store.atomic import csv_text, write_bytes
from rnnlab.store.data_keys import DataKeys
from rnnlab.store.errors import DamagedRunError
from rnnlab.store.folders import RunEntry, iterate_runs
from rnnlab.store.labels import read_labels


def varied_keys(configs: Iterable[dict[str, Any]]) -> list[str]:
    """Give the dotted keys in which configs differ, in config order; not the name and not the seed.

    A config from before a key came differs by it only where another does not hold its default (rnnlab.config.later).
    """
    seen: dict[str, set[str]] = {}
    data = DataKeys()
    examples: dict[tuple[str, ...], dict[tuple[str, ...], dict[str, Any]]] = {}  # by their keys and their words
    for config in configs:
        flat = flatten(config)
        data.add(flat)
        examples.setdefault(tuple(flat), {}).setdefault(tuple(filter(_is_text, flat.values())), config)
        for key, value in flat.items():
            seen.setdefault(key, set()).add(repr(value))
    alike = [example for same in examples.values() for example in same.values()] if len(examples) > 1 else []
    for example in alike:
        flat = flat_config(example, seen)
        for key, values in seen.items():
            values.add(repr(flat[key]) if key in flat else "")
    left_out = {"name", "seed", *NO_IDENTITY, *data.following()}
    return [key for key, values in seen.items() if _differ(key, values) and key not in left_out]


def _differ(key: str, values: set[str]) -> bool:
    """Tell whether a key varies of itself: null where another component was chosen tells nothing new."""
    if len(values) == 2 and "None" in values:
        from rnnlab.config.later import is_brought  # only here: most often nothing is null

        return not is_brought(key)
    return len(values) > 1


def flat_config(config: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Give a stored config by dotted keys; where one of these is missing, with the keys that came after it."""
    flat = flatten(config)
    if all(key in flat for key in keys):
        return flat
    from rnnlab.config.later import with_younger_keys  # only here: most often nothing is missing

    return flatten(with_younger_keys(config))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def index_rows(entries: Callable[[], Iterable[RunEntry]]) -> tuple[list[str], Iterator[list[Any]]]:
    """Give the header and one row a run: id, status, what varies, seed, summary, flags; tags and notes if there are.

    A damaged run has little to say.

    Args:
        entries: gives the runs; called twice, so that a study of 10,000 runs need not be held in memory.
    """
    seen: dict[str, None] = {}
    labelled = dict.fromkeys(("tags", "note"), False)

    def iterate_configs() -> Iterator[dict[str, Any]]:
        for entry in entries():
            if entry.found:
                seen.update(dict.fromkeys(entry.found.summary))
                for name, value in _labels(entry).items():
                    labelled[name] = labelled[name] or bool(value)
                yield entry.found.config

    varied = varied_keys(iterate_configs())
    numbers = _summary_columns(seen)
    labels = [name for name, is_there in labelled.items() if is_there]
    header = ["run", "status", *varied, "seed", *numbers, "flags", *labels]
    return header, (_row(entry, varied, numbers, labels) for entry in entries())


def _summary_columns(seen: Iterable[str]) -> list[str]:
    """Give what every run has, then what else some have: in the declared order, then what is declared nowhere now."""
    base = [summary.name for summary in GROUPS["base"].summaries]
    declared = [summary.name for summary in iterate_summaries() if summary.name in seen]
    return list(dict.fromkeys([*base, *declared, *seen]))


def _labels(entry: RunEntry) -> dict[str, str]:
    """Give the tags and the note of a run; none where they cannot be read, for which no run is damaged."""
    try:
        labels = read_labels(entry.path)
    except DamagedRunError:
        return {}
    return {"tags": " ".join(labels.tags), "note": labels.note}


def _row(entry: RunEntry, varied: Sequence[str], numbers: Sequence[str], labels: Sequence[str]) -> list[Any]:
    if entry.damage:
        return [entry.path.name, "damaged", *[None] * (len(varied) + 2 + len(numbers) + len(labels))]
    flat, summary = flat_config(entry.record.config, varied), entry.record.summary
    words = _labels(entry) if labels else {}
    return [
        entry.path.name,
        entry.status,
        *(flat.get(key) for key in varied),
        flat.get("seed"),
        *(summary.get(name) for name in numbers),
        " ".join(entry.record.flags) or None,
        *(words.get(name) or None for name in labels),
    ]


def write_index(study: Path) -> None:
    """Write index.csv anew from the folders, in one replacement."""
    header, rows = index_rows(lambda: iterate_runs(study))
    write_bytes(study / "index.csv", csv_text(header, rows).encode(), durable=False)


def renew_index(study: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str] | None:
    """Write an index anew that says something else than the folders do.

    Args:
        study: its folder.
        header: what the index should begin with.
        rows: what it should hold.

    Returns:
        The runs that it named and that are gone; None where it was right, or there is none, or it cannot be written.
    """
    path = study / "index.csv"
    try:
        old, new = path.read_text(encoding="utf-8"), csv_text(header, rows)
        if old == new:
            return None
        write_bytes(path, new.encode(), durable=False)
    except (OSError, ValueError):
        return None
    named = [row[0] for row in csv.reader(old.splitlines()[1:]) if row]
    return sorted(set(named) - {row[0] for row in rows})
