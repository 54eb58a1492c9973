"""What a command imports: only what it needs, so that it starts at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.samples import make_run

_MODULES = """
import json, sys
from rnnlab.cli.main import main
try:
    main()
except SystemExit:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], {"torch", "numpy", "pydantic", "matplotlib", "rich", "yaml"}),
        # typer itself reads arguments with pydantic since 0.29, so what is asked here is that rnnlab does not.
        (["ls", "runs/study"], {"torch", "numpy", "rnnlab.config", "matplotlib", "rich"}),
        (["show", "runs/study"], {"torch", "rnnlab.config", "matplotlib", "rich"}),
        (["init"], {"torch", "numpy", "rnnlab.config", "matplotlib", "rich"}),
        (["validate", "--keys"], {"torch", "matplotlib", "rich"}),
        (["validate", "--quantities"], {"torch", "numpy", "rnnlab.config", "matplotlib", "rich"}),
        (["export", "runs/study", "--table", "loss"], {"torch", "rnnlab.config", "matplotlib", "rich"}),
    ],
)
def test_a_command_imports_only_what_it_needs(tmp_path: Path, arguments: list[str], absent: set[str]) -> None:
    make_run(tmp_path / "runs" / "study")
    done = subprocess.run(
        [sys.executable, "-c", _MODULES, *arguments], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert absent & set(json.loads(done.stderr.splitlines()[-1])) == set()
