"""Where the command begins: it listens to signals before it imports anything that takes time."""

from __future__ import annotations

import signal
from typing import NoReturn

from rnnlab.cli.signals import STOP

STOP.listen(signal.SIGINT, signal.SIGTERM)


def main() -> NoReturn:
    """Run the command line and exit."""
    from rnnlab.cli.main import main as run

    run()
