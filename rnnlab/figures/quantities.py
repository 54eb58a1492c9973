"""What axes are called: the quantities of the index, the keys of a config, and how each is best scaled."""

from __future__ import annotations

_WHEN = {"initial": "first record", "final": "last record"}
_NAMES = {
    "final_loss": "final loss (last 200 batches)",
    "loss_over_floor": "final loss / lowest floor",
}
_RECORDED = {
    "gradient_ratio": ("||dL/dh_1|| / ||dL/dh_T||", ""),
    "gradient_slope": ("gradient slope", " (ln ||dL/dh_t|| per timestep)"),
    "spectral_radius": ("spectral radius of W_hh", ""),
}
_UNITS = {
    "task.seq_len": "timesteps",
    "model.hidden_size": "units",
    "training.batches": "updates",
    "training.batch_size": "sequences",
    "record.every": "updates",
}
_MIDDLES = {"gradient_ratio": 1.0, "gradient_slope": 0.0}


def quantity_name(name: str) -> str:
    """Write a quantity of the index with its unit and when it was taken."""
    when, _, rest = name.partition("_")
    if name in _NAMES:
        return _NAMES[name]
    if when in _WHEN and rest in _RECORDED:
        words, unit = _RECORDED[rest]
        return f"{words}, {_WHEN[when]}{unit}"
    return name.replace("_", " ")


def axis_name(key: str) -> str:
    """Write a key of the config with its unit, if it has one."""
    return f"{key} ({_UNITS[key]})" if key in _UNITS else key


def quantity_lines(name: str) -> str:
    """Write the same in lines that a panel's height holds."""
    text = quantity_name(name)
    return text.replace(" (", "\n(", 1) if "(" in text else text.replace(", ", ",\n", 1)


def middle_of(name: str) -> float | None:
    """Give the value at which a quantity changes its meaning: neither vanishing nor exploding."""
    return _MIDDLES.get(name.partition("_")[2])


def value_text(value: object) -> str:
    """Write a value of an axis as the config does."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.5g}" if isinstance(value, float) else str(value)
