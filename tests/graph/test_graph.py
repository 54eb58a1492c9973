"""The unrolled graph: its numbers against closed forms and autograd, its paths against the lab's count, its picture."""

from __future__ import annotations

import re
from itertools import chain, combinations, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle
from matplotlib.path import Path
from matplotlib.text import Text

from rnnlab.config import Config, config_from_mapping
from rnnlab.figures.style import find_style, render, using
from rnnlab.flow.jacobians import jacobian_norms
from rnnlab.graph.dot import write_dot
from rnnlab.graph.drawing import draw_graph
from rnnlab.graph.model import Graph, make_graph, shown
from rnnlab.labs.handrnn import count_paths
from rnnlab.nets import Architecture, initial_weights, make_cell


def config(timesteps: int, layers: int = 1, *, last: bool = False, **model: Any) -> Config:
    return config_from_mapping(
        {
            "name": "graph",
            "task": {"seq_len": timesteps, "last_timestep_only": last},
            "model": {"hidden_size": 4, "layers": layers, **model},
        }
    )


def drawing(graph: Graph, paths: str | None = None, style: str = "screen") -> Figure:
    with using(find_style(style)):
        return draw_graph(graph, find_style(style), paths)


def courses_of(artist: Any) -> list[Path]:
    """Give where an arrow or a line runs, in pixels; nothing of a circle or a box."""
    if not isinstance(artist, FancyArrowPatch | Line2D):
        return []
    axes: Any = artist.axes
    path = axes.transData.transform_path(artist.get_path())
    return [Path(points) for points in path.to_polygons(closed_only=False)]


@pytest.mark.parametrize("timesteps", range(1, 8))
def test_the_paths_from_u_are_the_lab_s(timesteps: int) -> None:
    graph = make_graph(config(timesteps))
    assert graph.path_count("U") == count_paths(timesteps)
    assert len(list(graph.walk("U"))) == graph.path_count("U")
    assert graph.path_count("W") == count_paths(timesteps - 1), "h_0 = 0: W acts on nothing at t = 1"


@pytest.mark.parametrize(("layers", "last"), [(2, False), (3, False), (2, True)])
def test_every_path_is_walked_once_and_ends_in_the_loss(layers: int, last: bool) -> None:
    graph = make_graph(config(4, layers, last=last))
    paths = [tuple(path) for path in graph.walk("b")]
    assert len(set(paths)) == len(paths) == graph.path_count("b")
    for path in paths:
        assert path[0][0] == 0
        assert path[-1][0] == layers - 1
        assert path[-1][1] in graph.exits
        steps = {(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(path)}
        assert steps <= {(0, 1), (1, 0)}


def test_jacobians_of_a_scaled_rotation_stretch_by_its_scale() -> None:
    graph = make_graph(config(5, nonlinearity="identity", init="orthogonal", weight_scale=1.5))
    assert np.allclose(graph.through_time_LT, 1.5, rtol=1e-6)
    ratios = graph.grad_norm_LT[0, :-1] / graph.grad_norm_LT[0, 1:]
    last = make_graph(config(5, last=True, nonlinearity="identity", init="orthogonal", weight_scale=1.5))
    assert np.allclose(last.grad_norm_LT[0, :-1] / last.grad_norm_LT[0, 1:], 1.5, rtol=1e-5)
    assert not np.allclose(ratios, 1.5, rtol=1e-2)


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_jacobians_are_those_of_finite_differences(cell: str) -> None:
    architecture = Architecture(make_cell(cell), 2, 3, 1, 1)
    drawn = initial_weights(architecture, np.random.default_rng(0))
    weights = {name: torch.from_numpy(weight).double() for name, weight in drawn.items()}
    x = torch.randn(1, 1, 2, dtype=torch.float64)
    norms = jacobian_norms(architecture, weights, x)

    def state(inputs: torch.Tensor) -> torch.Tensor:
        from rnnlab.nets import run_layer
        from rnnlab.nets.parameters import layer_weights

        states = run_layer(architecture.cell, layer_weights(weights, 0), inputs.transpose(0, 1))
        return torch.cat(states[-1], dim=-1)[0]

    step = 1e-6
    columns = []
    for i in range(2):
        nudge = torch.zeros_like(x)
        nudge[0, 0, i] = step
        columns.append((state(x + nudge) - state(x - nudge)) / (2 * step))
    expected = torch.linalg.matrix_norm(torch.stack(columns, dim=1), ord=2)
    assert torch.allclose(norms.from_below_LT[0, 0], expected, rtol=1e-7)


@pytest.mark.parametrize(
    ("timesteps", "layers", "paths", "cell"),
    [(1, 1, None, "elman"), (3, 1, "U", "elman"), (6, 2, "W", "lstm"), (20, 4, None, "gru"), (60, 6, "U", "elman")],
)
@pytest.mark.parametrize("style", ["paper", "screen", "dark"])
def test_every_drawn_state_has_a_node_and_all_text_is_on_the_page(
    timesteps: int, layers: int, paths: str | None, cell: str, style: str
) -> None:
    nonlinearity = "tanh" if cell == "elman" else None
    graph = make_graph(config(timesteps, layers, cell=cell, nonlinearity=nonlinearity))
    with using(find_style(style)):
        figure = draw_graph(graph, find_style(style), paths)
        circles = [patch for axes in figure.axes for patch in axes.patches if isinstance(patch, Circle)]
        assert len(circles) == len(shown(timesteps, 20)) * len(shown(layers, 4))
        figure.draw_without_rendering()
        page = figure.bbox
        texts = [*figure.texts, *(text for axes in figure.axes for text in [*axes.texts, axes.xaxis.label])]
        for text in texts:
            box = text.get_window_extent()
            assert page.x0 - 1 <= box.x0 and box.x1 <= page.x1 + 1, text.get_text()
            assert page.y0 - 1 <= box.y0 and box.y1 <= page.y1 + 1, text.get_text()


@pytest.mark.parametrize("style", ["paper", "screen", "dark"])
@pytest.mark.parametrize(
    ("timesteps", "layers", "last", "paths"),
    [
        (1, 1, False, "b"),
        (3, 1, False, "U"),
        (4, 1, False, "U"),
        (3, 2, True, "U"),
        (10, 1, False, "U"),
        (10, 1, True, "U"),
        (10, 2, False, "W"),
        (20, 1, False, "U"),
        (60, 6, False, "b"),
        (20, 1, False, None),
    ],
)
def test_no_arrow_and_no_path_crosses_a_text(
    timesteps: int, layers: int, last: bool, paths: str | None, style: str
) -> None:
    graph = make_graph(config(timesteps, layers, last=last))
    with using(find_style(style)):
        figure = draw_graph(graph, find_style(style), paths)
        figure.draw_without_rendering()
        axes = figure.axes[0]
        courses = [course for artist in [*axes.patches, *axes.lines] for course in courses_of(artist)]
        circles = [patch.get_window_extent() for patch in axes.patches if isinstance(patch, Circle | Rectangle)]
        boxes = [(text, Text.get_window_extent(text)) for text in axes.texts]
    for (text, box), (other, another) in combinations(boxes, 2):
        assert not box.overlaps(another), f"{text.get_text()} and {other.get_text()} overlap"
    # What has a ground of its own hides what runs behind it.
    bare = [(text, box) for text, box in boxes if not text.get_bbox_patch() and not any(map(box.overlaps, circles))]
    assert len(bare) >= len(shown(timesteps, 20))
    for text, box in bare:
        assert not any(course.intersects_bbox(box, filled=False) for course in courses), f"{text.get_text()} is crossed"


def test_arrows_to_the_loss_leave_the_predictions_free() -> None:
    figure = drawing(make_graph(config(20)))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    predictions = [text.get_window_extent() for text in axes.texts if text.get_text().startswith("$o_")]
    assert len(predictions) == 20
    for course in chain.from_iterable(map(courses_of, axes.patches)):
        assert not any(course.intersects_bbox(box, filled=False) for box in predictions)


def test_a_parameter_that_acts_on_nothing_has_no_paths_and_no_warning() -> None:
    title = drawing(make_graph(config(1)), "W").texts[0].get_text()
    assert title.endswith("\n0 paths from W to L")


def test_what_is_left_out_is_said() -> None:
    figure = drawing(make_graph(config(60, 6)))
    title = figure.texts[0].get_text()
    assert "19 of 60 timesteps are drawn" in title
    assert "3 of 6 layers are drawn" in title
    assert len(drawing(make_graph(config(20, 4))).texts[0].get_text().splitlines()) == 1


def test_a_true_zero_is_marked() -> None:
    graph = make_graph(config(3, last=True, nonlinearity="identity", weight_scale=0.0, init="identity"))
    assert graph.grad_norm_LT[0].tolist()[:2] == [0.0, 0.0]
    circles = [patch for patch in drawing(graph).axes[0].patches if isinstance(patch, Circle)]
    assert circles[0].get_facecolor() == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("file_format", ["png", "svg", "pdf"])
def test_the_same_graph_is_the_same_bytes(file_format: str) -> None:
    def once() -> bytes:
        style = find_style("paper")
        with using(style):
            return render(draw_graph(make_graph(config(4)), style, "U"), file_format)

    assert once() == once()


def test_dot_holds_every_node_and_edge_with_its_norm() -> None:
    graph = make_graph(config(5, 2, last=True))
    text = write_dot(graph)
    edges = re.findall(r"^  (\w+) -> (\w+)", text, re.MULTILINE)
    assert len(edges) == 5 * 2 + 4 * 2 + 5 + 1
    assert len(re.findall(r"gradient=", text)) == 10
    found = re.search(r'h1_2 \[.*gradient="([^"]+)"', text)
    assert found
    assert float(found[1]) == graph.grad_norm_LT[1, 1]
