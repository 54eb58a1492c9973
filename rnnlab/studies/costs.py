"""What a run will cost, from its config alone: right within a factor of two or three, which is enough to plan."""

from __future__ import annotations

from rnnlab.config import Config
from rnnlab.config.limits import sizes_of
from rnnlab.flow.group import wanted_groups

_MEASURED_TIMESTEP = 0.75e-6
"""Seconds of one sequence's timestep in an update in float64 with PyTorch, as measuring makes them."""


def run_seconds(config: Config, engine: str) -> float:
    """Estimate the time of one core for a run: training, with PyTorch in a stack, and measuring."""
    steps, sizes = config.task.seq_len * config.model.layers, sizes_of(config)
    per_timestep = _native_timestep(config) if engine == "native" else _torch_timestep(config)
    measuring = sum(group.training_steps(sizes) for group in wanted_groups(config.record.quantities).values())
    return steps * (config.training.batches * per_timestep + measuring * sizes.sequences * _MEASURED_TIMESTEP) + 0.01


def _native_timestep(config: Config) -> float:
    """Fitted to the table of `python -m tests.benchmarks`: drawing, nonlinearities and products of one sequence."""
    units = config.model.make_cell().gates * config.model.hidden_size
    each = 3.5e-8 + 8e-10 * units + 4.3e-11 * units * config.model.hidden_size
    return config.training.batch_size * each + 5e-7


def _torch_timestep(config: Config) -> float:
    """Fitted likewise: here the overhead of PyTorch's operations counts, shared by the nets of a stack."""
    units = config.training.batch_size * config.model.make_cell().gates * config.model.hidden_size
    return 5e-6 + 4e-9 * units + 1.3e-10 * units * config.model.hidden_size


def folder_bytes(config: Config) -> int:
    """Estimate the size of a run folder."""
    model, record = config.model, config.record
    sizes = sizes_of(config)
    inputs = config.task.input_size + (model.layers - 1) * model.hidden_size + model.layers * (model.hidden_size + 2)
    parameters = model.make_cell().gates * model.hidden_size * inputs
    weights = 4 * parameters * (2 + (sizes.records if record.weights else 0))
    measured = sum(group.bytes(sizes) for group in wanted_groups(config.record.quantities).values())
    probe = 4 * record.sequences * config.task.seq_len * (config.task.input_size + config.task.output_size)
    return weights + measured + probe + 16_384
