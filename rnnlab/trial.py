"""What an extension brings, tried on a few numbers: what it gives is held against what everybody else counts on.

A cell that mixes the nets of a stack, or a task whose sequences depend on how they are cut, would train all the same,
and every number of its runs would be wrong. S stack, T timesteps, B sequences, I inputs, H hidden units, G gates x H.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from math import sqrt
from types import MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnlab.extensions import LOADER, ExtensionError, has_part_in
from rnnlab.nets import Architecture, Cell, State
from rnnlab.tasks import Task

_STACK, _SEQUENCES, _TIMESTEPS = 2, 3, 2
_ROUNDING = 1e-9  # relative, float64: stacked products are summed in another order


def try_out(architecture: Architecture, task: Task) -> None:
    """Try the cell and the task of a net, as far as they are an extension's; each once.

    Raises:
        ExtensionError: one of them gives what cannot be gone on with; the message names its file and line.
    """
    if LOADER.has_declared(type(architecture.cell)):
        _try_cell(architecture.cell, architecture.input_size, architecture.hidden_size)
    if LOADER.has_declared(type(task)):
        _try_task(task)


@functools.lru_cache(maxsize=64)
def _try_cell(cell: Cell, input_size: int, hidden_size: int) -> None:
    shapes = cell.parameter_shapes(input_size, hidden_size)
    _check_parameters(cell, shapes)
    generator = np.random.default_rng(0)
    weights = {
        name: torch.from_numpy(generator.standard_normal((_STACK, *shape)) / sqrt(hidden_size))
        for name, shape in shapes.items()
    }
    x_STBI = torch.from_numpy(generator.standard_normal((_STACK, _TIMESTEPS, _SEQUENCES, input_size)))
    with torch.no_grad():
        stacked = _last_state(cell, weights, x_STBI, hidden_size)
        alone = _last_state(cell, {name: weight[0] for name, weight in weights.items()}, x_STBI[0], hidden_size)
        first = _last_state(cell, weights, x_STBI[:, :, :1], hidden_size)
    for name, one, other, few in zip(cell.states, alone, stacked, first, strict=True):
        if not _is_close(one, other[0]):
            raise _wrong(
                cell.step,
                f"{name} of a net in a stack is not what it is alone: a leading S may stand before every shape, so use "
                ".mT and dim=-1, and give a vector of the cell's own a place for B by unsqueeze(-2)",
            )
        if not _is_close(other[:, :1], few):
            raise _wrong(cell.step, f"{name} of a sequence depends on the sequences beside it")
    _check_use(cell, weights, x_STBI, hidden_size)


def _check_parameters(cell: Cell, shapes: Mapping[str, tuple[int, ...]]) -> None:
    needed = [] if "drive" in _own_methods(cell) else [name for name in ("weight_ih", "bias") if name not in shapes]
    if needed:
        raise _wrong(
            cell.parameter_shapes, f"{needed[0]} is missing among {', '.join(shapes)}; without it, write `drive` too"
        )
    if cell.has_recurrent_matrix and "weight_hh" not in shapes:
        raise _wrong(cell.parameter_shapes, "there is no 'weight_hh'; say so by has_recurrent_matrix = False")
    for name in (name for name in shapes if not name.startswith(("weight", "bias"))):
        if "draw_parameter" not in _own_methods(cell):
            raise _wrong(
                cell.parameter_shapes,
                f"'{name}' begins neither with weight nor with bias, so that `draw_parameter` must draw it",
            )


def _check_use(cell: Cell, weights: Mapping[str, Tensor], x_STBI: Tensor, hidden_size: int) -> None:
    """See that every parameter has a part in the states: an engine asks for the gradient of each."""
    leaves = {name: weight.requires_grad_() for name, weight in weights.items()}
    total = torch.stack(_last_state(cell, leaves, x_STBI, hidden_size)).sum()
    gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True) if total.requires_grad else [None]
    for name, gradient in zip(leaves, gradients, strict=False):
        if gradient is None:
            raise _wrong(cell.step, f"no state depends on '{name}'; leave it out of `parameter_shapes`, or use it")


def _own_methods(cell: Cell) -> set[str]:
    """Name what the cell, or a class between it and the base of all cells, defines anew."""
    between = type(cell).__mro__[: type(cell).__mro__.index(Cell)]
    return {name for each in between for name in vars(each)}


def _last_state(cell: Cell, weights: Mapping[str, Tensor], x_TBI: Tensor, hidden_size: int) -> State:
    """Run it over all timesteps."""
    *leading, timesteps, sequences, _ = x_TBI.shape
    drive_TBG = cell.drive(weights, x_TBI)
    wanted = (*leading, timesteps, sequences, cell.gates * hidden_size)
    if not isinstance(drive_TBG, Tensor) or drive_TBG.shape != wanted:
        raise _wrong(cell.drive, f"it gives {_shown(drive_TBG)}; needed: a tensor of shape {wanted}, (T, B, G)")
    drives = drive_TBG.unbind(dim=-3)
    state = _checked(cell, cell.begin, cell.begin(weights, drives[0]), (*leading, sequences, hidden_size))
    for drive_BG in drives:
        given = cell.step(drive_BG, state, weights)
        state = _checked(cell, cell.step, given, (*leading, sequences, hidden_size))
    return state


def _checked(cell: Cell, method: Callable[..., Any], given: Any, shape: tuple[int, ...]) -> State:
    names = ", ".join(cell.states) + ("," if len(cell.states) == 1 else "")
    is_right = (
        isinstance(given, tuple)
        and len(given) == len(cell.states)
        and all(isinstance(part, Tensor) and part.shape == shape for part in given)
    )
    if not is_right:
        raise _wrong(method, f"it gives {_shown(given)}; needed: a tuple ({names}) of tensors of shape {shape}")
    return tuple(given)


@functools.lru_cache(maxsize=64)
def _try_task(task: Task) -> None:
    timesteps, inputs, outputs = task.seq_len, task.input_size, task.output_size
    x_BTI, targets = _drawn(task, [5])
    if x_BTI.shape != (5, timesteps, inputs) or x_BTI.dtype != np.float32:
        raise _wrong(task.sample, f"its inputs are {_shown(x_BTI)}; needed: ({5}, {timesteps}, {inputs}) float32")
    classes, numbers = (5, timesteps), (5, timesteps, outputs)
    if (targets.dtype.name, targets.shape) not in {("int64", classes), ("float32", numbers)}:
        raise _wrong(
            task.sample,
            f"its targets are {_shown(targets)}; needed: {numbers} float32, or {classes} int64 where they are classes",
        )
    again = _drawn(task, [2, 3])
    if not all(np.array_equal(*pair, equal_nan=True) for pair in zip((x_BTI, targets), again, strict=True)):
        raise _wrong(
            task.sample,
            "2 sequences and then 3 are not those of 5 at once; draw sequence by sequence in one pass, all numbers "
            "from the generator that is given",
        )
    exact = torch.from_numpy(targets if targets.dtype.kind == "i" else targets.astype(np.float64))
    loss_B = task.loss(torch.zeros((*classes, outputs), dtype=torch.float64), exact)
    if not isinstance(loss_B, Tensor) or loss_B.shape != (5,):
        raise _wrong(task.sample, f"its loss of 5 sequences is {_shown(loss_B)}; needed: one number for each, (5,)")
    floors = task.floors(linear=False)
    if not isinstance(floors, dict) or not all(isinstance(floor, float) for floor in floors.values()):
        raise _wrong(task.floors, f"it gives {_shown(floors)}; needed: losses (float) by what reaches them")


def _drawn(task: Task, counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences in some calls from one stream, joined."""
    generator = np.random.Generator(np.random.Philox(0))
    pieces = []
    for count in counts:
        given = task.sample(generator, count)
        is_right = isinstance(given, tuple) and len(given) == 2 and all(isinstance(each, np.ndarray) for each in given)
        if not is_right or any(len(each) != count for each in given):
            raise _wrong(
                task.sample, f"it gives {_shown(given)}; needed: arrays of inputs and of targets, {count} each"
            )
        pieces.append(given)
    inputs, targets = zip(*pieces, strict=True)
    return np.concatenate(inputs), np.concatenate(targets)


def _is_close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True)


def _shown(given: object) -> str:
    """Write what was given: shapes of arrays and tensors, types of all else."""
    if isinstance(given, tuple):
        return f"({', '.join(map(_shown, given))}{',' if len(given) == 1 else ''})"
    if isinstance(given, Tensor | np.ndarray):
        return f"{tuple(given.shape)} {str(given.dtype).removeprefix('torch.')}"
    return f"a value of type {type(given).__name__}"


def _wrong(method: Callable[..., Any], sentence: str) -> ExtensionError:
    """Name the place of a method, if it is the extension's own, and say what is wrong with what it gives."""
    assert isinstance(method, MethodType)
    owner, code = method.__self__, method.__code__
    name = getattr(owner, "name", None) or getattr(owner, "kind", "")
    source = LOADER.source_of(type(owner))
    is_own = has_part_in(method.__module__)
    place = f"{code.co_filename}:{code.co_firstlineno}" if is_own or source is None else source.where
    return ExtensionError(f"{place}: {name}.{code.co_name}: {sentence}")
