"""SIGINT and SIGTERM ask a command for a stop, and the work stops where nothing is lost; a second one stops at once."""

from __future__ import annotations

from rnnlab.studies.stop_signal import StopSignal

STOP = StopSignal()
