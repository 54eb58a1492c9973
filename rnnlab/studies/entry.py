"""Where a worker process begins: apart from the worker itself, so that its parent need not import torch."""

from __future__ import annotations

from multiprocessing.connection import Connection

from rnnlab.studies.messages import Setting


def start_work(pipe: Connection, setting: Setting, log: str) -> None:
    """Work until told to end."""
    from rnnlab.studies.worker import work

    work(pipe, setting, log)
