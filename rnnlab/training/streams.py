"""The random streams of a run: one numpy Philox generator for each purpose, all from the run's seed.

The same seed sees the same batches whatever else differs between two runs, so runs can be compared in pairs.
Philox is counter-based (Salmon et al. 2011): its whole state is a few numbers, cheap to save.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

WEIGHTS, BATCHES, PROBE, FRESH = 0, 1, 2, 3
"""The streams: initial weights, training batches, probe sequences, and sequences that neither of these has seen."""


def make_stream(seed: int, stream: int) -> np.random.Generator:
    """Give the generator of one stream of a seed, at its beginning."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, stream])))


def stream_to_text(generator: np.random.Generator) -> str:
    """Write down where a generator stands; equal texts give equal numbers from there on."""
    return json.dumps(generator.bit_generator.state, default=_to_plain, sort_keys=True)


def stream_from_text(text: str) -> np.random.Generator:
    """Make the generator that `stream_to_text` wrote down."""
    state: dict[str, Any] = json.loads(text)
    bits: Any = np.random.Philox()
    bits.state = state | {
        "buffer": np.array(state["buffer"], dtype=np.uint64),
        "state": {name: np.array(values, dtype=np.uint64) for name, values in state["state"].items()},
    }
    return np.random.Generator(bits)


def _to_plain(value: np.ndarray | np.integer) -> Any:
    return value.tolist()
