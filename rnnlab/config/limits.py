"""What a config needs of memory, estimated by arithmetic alone, and held against what a machine has.

Whether a config is valid does not depend on the machine that reads it: this is asked where a run is made.
An estimate, to stop a slip of the pen (`hidden_size: 1000000`) before it takes the machine down. It counts what
must stand in memory at once: weights with Adam's two moments and the gradients, snapshots, losses, one batch's
activations in float32, one record's probe in float64, and the measured quantities.
"""

from __future__ import annotations

import os
from typing import ClassVar, NamedTuple

from rnnlab.config.all_keys import keys_of
from rnnlab.config.errors import shown
from rnnlab.config.scalars import Scalar
from rnnlab.config.schema import Config
from rnnlab.config.writing import flatten
from rnnlab.errors import UserError
from rnnlab.flow.group import wanted_groups
from rnnlab.flow.quantity import RECORD, Sizes
from rnnlab.words import bytes_text

_BEYOND = 10**15  # bytes: more than any machine has, so that how much more says nothing


class TooLargeError(UserError):
    """A run does not fit into the memory of the machine that is to make it."""

    exit_code: ClassVar[int] = 2


class Need(NamedTuple):
    """Bytes that a config needs for one thing, and the keys that they grow with, each with its power."""

    what: str
    size: int
    powers: dict[str, int]


def needs_of(config: Config) -> list[Need]:
    """Estimate what a config needs, thing by thing."""
    model, training, record, T = config.model, config.training, config.record, config.task.seq_len
    H, L, gates = model.hidden_size, model.layers, model.make_cell().gates
    R = -(-training.batches // record.every) + 1
    parameters = _parameters(config.task.input_size, config.task.output_size, H, L, gates)
    net = {"model.hidden_size": 2, "model.layers": 1}
    records = {"training.batches": 1, "record.every": -1}
    states = {"task.seq_len": 1, "model.layers": 1, "model.hidden_size": 1}
    return [
        Need("the weights", 4 * 4 * parameters, net),
        Need("the weights of every record", 4 * R * parameters, {**net, **records}),
        Need("the task's data", config.task.data_bytes, {}),
        Need("the losses", 12 * training.batches, {"training.batches": 1}),
        Need("one batch", training.batch_size * T * L * H * gates * 4 * 3, {"training.batch_size": 1, **states}),
        Need("the probe", record.sequences * T * L * H * gates * 8 * 3, {"record.sequences": 1, **states}),
        Need("what is measured", _measured_bytes(sizes_of(config), config.record.quantities), {**states, **records}),
    ]


def sizes_of(config: Config) -> Sizes:
    """Give what the size and the cost of the measured quantities depend on."""
    model, training, record = config.model, config.training, config.record
    return Sizes(
        records=-(-training.batches // record.every) + 1,
        layers=model.layers,
        timesteps=config.task.seq_len,
        hidden_size=model.hidden_size,
        parameters=4 * model.layers + 2,  # as named arrays, at the most
        sequences=record.sequences,
        batches=training.batches,
    )


def _measured_bytes(sizes: Sizes, quantities_wanted: str | None) -> int:
    """Add up every quantity of every record."""
    quantities = (quantity for group in wanted_groups(quantities_wanted).values() for quantity in group.quantities)
    return sum(quantity.bytes(sizes) for quantity in quantities if RECORD in quantity.axes)


def _parameters(I: int, O: int, H: int, L: int, gates: int) -> int:  # noqa: E741 - the letters of the design
    first = gates * (H * I + H * H + H)
    above = gates * (H * H + H * H + H)
    return first + (L - 1) * above + O * H + O


def memory_of_machine() -> int | None:
    """Give the bytes of physical memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def memory_bytes(config: Config) -> int:
    """Estimate what making a run takes altogether."""
    return sum(need.size for need in needs_of(config))


def check_memory(config: Config, available: int | None) -> None:
    """See that a config's run fits into so many bytes, if that is known.

    Raises:
        TooLargeError: it does not; the message says which key to change.
    """
    if available is not None and memory_bytes(config) > available:
        raise TooLargeError(memory_problem(config, available))


def memory_problem(config: Config, available: int) -> str:
    """Say which key makes a config too large for so many bytes."""
    needs = needs_of(config)
    largest = max(needs, key=lambda need: need.size)
    flat = flatten(config)
    if not largest.powers:
        return (
            f"task.file: {flat['task.file']} needs {_amount(largest.size)} of memory for its data, and this "
            f"machine has {bytes_text(available)}; name a smaller file"
        )
    name = max(largest.powers, key=lambda key: _excess(flat[key], key, largest.powers[key]))
    return (
        f"{name}: {shown(flat[name])} needs {_amount(sum(need.size for need in needs))} of memory, most of it for "
        f"{largest.what}, and this machine has {bytes_text(available)}; "
        f"choose a {'smaller' if largest.powers[name] > 0 else 'larger'} value for {name}"
    )


def _excess(value: Scalar, key: str, power: int) -> float:
    """How many times a key makes the need larger than its default does."""
    default = keys_of()[key].default
    ratio = int(str(value)) / int(default) if power > 0 else int(default) / int(str(value))
    return ratio ** abs(power)


def _amount(count: int) -> str:
    return f"about {bytes_text(count)}" if count < _BEYOND else f"more than {bytes_text(_BEYOND)}"
