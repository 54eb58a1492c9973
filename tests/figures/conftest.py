"""The command line, for tests of figures that it writes."""

from tests.cli.conftest import call

__all__ = ["call"]
