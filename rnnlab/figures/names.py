"""What axes and numbers are called on a figure: summary numbers, keys of a config, their values."""

from __future__ import annotations

from pathlib import Path

from rnnlab.flow.group import iterate_summaries
from rnnlab.flow.quantity import Summary

_UNITS = {
    "task.seq_len": "timesteps",
    "model.hidden_size": "units",
    "training.batches": "updates",
    "training.batch_size": "sequences",
    "record.every": "updates",
}


def summary_of(name: str) -> Summary:
    """Give the declaration of a summary number; one that nobody declares is called by its name."""
    undeclared = Summary(name, name.replace("_", " "), "", lambda _arrays, _floors: None)
    return next((summary for summary in iterate_summaries() if summary.name == name), undeclared)


def summary_lines(name: str) -> str:
    """Write a summary number with its unit, in lines that a panel's height holds."""
    summary = summary_of(name)
    text = f"{summary.words} ({summary.unit})" if summary.unit else summary.words
    return text.replace(" (", "\n(", 1) if "(" in text else text.replace(", ", ",\n", 1)


def axis_name(key: str) -> str:
    """Write a key of the config with its unit, if it has one."""
    return f"{key} ({_UNITS[key]})" if key in _UNITS else key


def value_text(value: object) -> str:
    """Write a value of an axis as the config does; of a file's path, the end."""
    if isinstance(value, str) and (path := Path(value)).is_absolute():
        return "/".join(path.parts[1:][-2:])
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def plain(text: str) -> str:
    """Write a text so that matplotlib draws it as it is, dollar signs and control characters too."""
    printable = "".join(c if c.isprintable() or c == "\N{NO-BREAK SPACE}" else "?" for c in text)
    return printable.replace("$", r"\$")
