"""The five teaching labs that rnnlab grew from: one file a lab, the equation first, short enough to read in a lesson.

Each lab's `carry_out()` gives a LabReport: its steps, each beside what it is held against, and its figure. The labs'
own names are for notebooks: `from rnnlab.labs.byhand import RNNCell`, `from rnnlab.labs.handrnn import path_sum`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from rnnlab.labs.report import LabReport

LABS = {
    "manual": "every gradient and update of a many-to-one RNN, by hand",
    "gradients": "how gradients flow through an RNN that averages its inputs",
    "byhand": "an Elman classifier in numpy, its backward pass written out",
    "handrnn": "RNN arithmetic, bigram models, backpropagation as a sum over paths",
    "sentiment": "the smallest sentence classifier, trained by plain SGD",
}
"""Every lab by name: what it is about."""


def carry_out(name: str, *, full: bool = False, should_stop: Callable[[], bool] = lambda: False) -> LabReport:
    """Carry out one lab.

    Args:
        name: one of LABS.
        full: let `gradients` train on as many batches as its notebook did.
        should_stop: asked now and then by `gradients`, which takes longest; if true it raises StoppedError.
    """
    module = importlib.import_module(f"rnnlab.labs.{name}")
    report: LabReport = (
        module.carry_out(full=full, should_stop=should_stop) if name == "gradients" else module.carry_out()
    )
    return report
