"""No process of a sweep imports from the folder that it was started in: what lies there is somebody's, not Python's."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.studies.sweeping import BARE, EIGHT, RATES

PLANTED = """
from pathlib import Path
Path(__file__).with_suffix(".imported").touch()
raise RuntimeError("imported from the current folder")
"""


def test_a_sweep_beside_files_named_like_modules_imports_none_of_them(tmp_path: Path) -> None:
    names = {name.partition(".")[0] for name in (*sys.stdlib_module_names, *packages_distributions(), "rnnlab")}
    for name in names:
        (tmp_path / f"{name}.py").write_text(PLANTED)
    (tmp_path / "eight.yaml").write_text(EIGHT.replace(RATES, "[0.01, 0.02]"))
    program = Path(sys.executable).with_name("rnnlab")
    ended = subprocess.run(
        [program, "sweep", "eight.yaml", "--quiet", "--engine", "torch"],
        cwd=tmp_path,
        env=BARE,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(list((tmp_path / "runs" / "eight").glob("*/run.json"))) == 2
    assert not list(tmp_path.glob("*.imported"))
