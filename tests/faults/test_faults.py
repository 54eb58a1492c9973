"""Some of the faults that `make torture` puts in: nothing is lost, nothing half there, nothing left over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.scenarios import SCENARIOS
from tests.faults.shim import COMPILER, build, start_under


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
def test_what_fails_or_kills_at_any_operation_loses_nothing_and_the_next_start_is_the_same_to_the_byte(
    tmp_path: Path,
) -> None:
    done = start_under(build(tmp_path), ["--stride", "97"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(re.search(rf"^{re.escape(name)}: \d+ operations$", done.stdout, re.MULTILINE) for name in SCENARIOS)
    faults = re.search(r"^(\d+) faults, 0 not survived$", done.stdout, re.MULTILINE)
    assert faults is not None
    assert int(faults[1]) > 80
