"""The unrolled graph as Graphviz text, whole, for those who lay graphs out with other tools."""

from __future__ import annotations

from rnnlab.graph.unrolled import Graph


def write_dot(graph: Graph) -> str:
    """Write the graph; nodes and edges carry their norms as labels and attributes."""
    lines = ["digraph rnn {", "  rankdir=BT;", f'  label="{graph.name}";', '  L [shape=box, label="L"];']
    for t in range(graph.timesteps):
        lines += [f"  x{t + 1} [shape=plaintext];", f"  o{t + 1} [shape=plaintext];"]
    for layer in range(graph.layers):
        lines.append(f"  {{ rank=same; {' '.join(_name(layer, t) + ';' for t in range(graph.timesteps))} }}")
        for t in range(graph.timesteps):
            norm = graph.grad_norm_LT[layer, t]
            lines.append(f'  {_name(layer, t)} [label="h{t + 1}\\n{norm:.2e}", gradient="{norm:.17g}"];')
    for layer in range(graph.layers):
        for t in range(graph.timesteps):
            below = f"x{t + 1}" if layer == 0 else _name(layer - 1, t)
            lines.append(_edge(below, _name(layer, t), graph.from_below_LT[layer, t]))
            if t > 0:
                lines.append(_edge(_name(layer, t - 1), _name(layer, t), graph.through_time_LT[layer, t]))
    for t in range(graph.timesteps):
        lines.append(f"  {_name(graph.layers - 1, t)} -> o{t + 1};")
    lines += [f"  o{t + 1} -> L;" for t in graph.exits]
    return "\n".join([*lines, "}"]) + "\n"


def _name(layer: int, t: int) -> str:
    return f"h{layer}_{t + 1}"


def _edge(start: str, end: str, norm: float) -> str:
    return f'  {start} -> {end} [label="{norm:.2g}", jacobian="{norm:.17g}"];'
