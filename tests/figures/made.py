"""Runs for pictures, made by the real store from arrays of our own, without training; and texts as they are drawn."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from rnnlab.flow import GROUPS
from rnnlab.nets import Architecture, initial_weights, make_cell
from rnnlab.store import Run, Workspace, look_at
from rnnlab.store.atomic import npz_bytes
from rnnlab.tasks import TASKS
from tests.store.samples import make_info, make_record

HIDDEN = 4
FLOORS = {"predict zero": 0.3, "best linear filter": 0.09}


def make_config(**changes: Any) -> dict[str, Any]:
    """Give a whole config as plain data; changes are written `model__layers=2`."""
    config: dict[str, Any] = {
        "name": "study",
        "seed": 0,
        "task": {"kind": "cumulative-average", "seq_len": 5, "last_timestep_only": False},
        "model": {"cell": "elman", "nonlinearity": "tanh", "hidden_size": HIDDEN, "layers": 1, "weight_scale": 1.0},
        "training": {"batches": 40, "learning_rate": 0.01},
        "record": {"every": 10, "sequences": 3},
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            config[section] = {**config[section], name: value}
        else:
            config[section] = value
    return config


def make_metrics(config: Mapping[str, Any], diverged_at: int | None = None) -> dict[str, np.ndarray]:
    """Give arrays of the right shapes, all different, falling with each step back; NaN after divergence."""
    model, training = config["model"], config["training"]
    batches, every = training["batches"], config["record"]["every"]
    step = np.unique([*range(0, batches + 1, every), batches]).astype(np.int64)
    shape = (len(step), model["layers"], config["task"]["seq_len"])
    generator = np.random.default_rng([config["seed"], int(1000 * model["weight_scale"])])
    base_RLT = generator.uniform(0.5, 1.0, shape) * 0.5 ** np.arange(shape[2])[::-1] * model["weight_scale"]
    metrics = {
        "loss": generator.uniform(0.5, 1, batches).astype(np.float32) * np.geomspace(1, 0.01, batches or 1)[:batches],
        "step": step,
        "probe_loss": generator.uniform(0.1, 1, len(step)),
        "grad_norm": base_RLT,
        "grad_log_norm": np.log(base_RLT),
        "hidden_norm": generator.uniform(0.5, 2.0, shape),
        "param_grad_norm": generator.uniform(size=(len(step), 2)),
        "param_names": np.array(["a", "b"]),
    }
    metrics["loss"] = metrics["loss"].astype(np.float32)
    if model["cell"] == "lstm":
        metrics["cell_grad_norm"] = base_RLT * 2
    if model["cell"] == "elman":
        matrices = generator.standard_normal((*shape[:2], HIDDEN, HIDDEN)) / 2
        values = np.linalg.eigvals(matrices)
        metrics["eigenvalues"] = np.take_along_axis(values, np.argsort(-np.abs(values), axis=-1), axis=-1)
        metrics["singular_values"] = np.linalg.svd(matrices, compute_uv=False)
    if diverged_at is not None:
        metrics["loss"][diverged_at:] = np.nan
        for name, values in metrics.items():
            if name not in {"loss", "step", "param_names"}:
                values[step > diverged_at] = np.nan
    return metrics


def make_run(study: Path, **changes: Any) -> Run:
    """Publish a run; `diverged_at` makes it a diverged one, `metrics` replaces arrays, `files` are added to it."""
    metrics: Mapping[str, np.ndarray] = changes.pop("metrics", {})
    added: Mapping[str, bytes] = changes.pop("files", {})
    diverged_at, label = changes.pop("diverged_at", None), changes.pop("label", "default")
    config = make_config(**{"name": study.name, **changes})
    arrays = make_metrics(config, diverged_at) | dict(metrics)
    identity = hashlib.sha256(json.dumps([config, diverged_at]).encode()).hexdigest()
    info = make_info(
        identity,
        config=config,
        seed=config["seed"],
        label=label,
        floors=FLOORS,
        summary=GROUPS["base"].summarise(arrays, FLOORS),
        status="completed" if diverged_at is None else "diverged",
        diverged_at=diverged_at,
    )
    files = {"config.yaml": b"", "metrics.npz": npz_bytes(arrays), "weights.npz": npz_bytes(make_weights(config))}
    files |= added
    with Workspace(study, identity, label) as workspace:
        return Run(look_at(workspace.publish(files, make_record(files, info))))


def make_weights(config: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Give the final weights of a net of that shape."""
    model, task = config["model"], TASKS[config["task"]["kind"]].model_validate(config["task"])
    sizes = (task.input_size, HIDDEN, model["layers"], task.output_size)
    architecture = Architecture(make_cell(model["cell"], model), *sizes)
    weights = initial_weights(architecture, np.random.default_rng(config["seed"]))
    return {f"final/{name}": value for name, value in weights.items()}


def make_sweep(study: Path, **axes: list[Any]) -> list[Run]:
    """Publish every combination of some axes, with seeds 0 and 1."""
    runs = []
    for values in itertools.product(*axes.values(), range(2)):
        *swept, seed = values
        runs.append(make_run(study, seed=seed, **dict(zip(axes, swept, strict=True))))
    return runs


def cells(mesh: QuadMesh) -> np.ndarray:
    """Give what a map holds."""
    values = mesh.get_array()
    assert values is not None
    return values


def drawn_texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """Give every text that a person sees, with the box that it fills; ticks outside of their axis are not seen."""
    figure.draw_without_rendering()
    hidden = {id(text) for axes in _all_axes(figure) for text in _hidden_texts(axes)}
    seen = []
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_visible() and text.get_text().strip() and id(text) not in hidden:
            seen.append((text.get_text(), text.get_window_extent()))
    return seen


def _all_axes(figure: Figure) -> Iterator[Axes]:
    for artist in figure.findobj(Axes):
        if isinstance(artist, Axes):
            yield artist


def _hidden_texts(axes: Axes) -> Iterator[Text]:
    for axis in (axes.xaxis, axes.yaxis):
        if not axes.axison:
            yield from _texts_of(axis)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            low, high = sorted(axis.get_view_interval())
            room = 1e-6 * (high - low)
            inside = low - room <= tick.get_loc() <= high + room
            if not inside:
                yield from (tick.label1, tick.label2)


def _texts_of(axis: Axis) -> Iterator[Text]:
    for artist in axis.findobj(Text):
        if isinstance(artist, Text):
            yield artist


def assert_readable(figure: Figure) -> None:
    """See that every text lies inside the figure and that no two touch."""
    texts, page = drawn_texts(figure), figure.bbox
    assert texts
    for words, box in texts:
        inside = box.x0 >= -0.5 and box.y0 >= -0.5 and box.x1 <= page.x1 + 0.5 and box.y1 <= page.y1 + 0.5
        assert inside, f"{words!r} at {box} leaves the figure {page}"
    for (one, its_box), (other, other_box) in itertools.combinations(texts, 2):
        width = min(its_box.x1, other_box.x1) - max(its_box.x0, other_box.x0)
        height = min(its_box.y1, other_box.y1) - max(its_box.y0, other_box.y0)
        assert width <= 0.5 or height <= 0.5, f"{one!r} and {other!r} overlap by {width:.1f} x {height:.1f}"
