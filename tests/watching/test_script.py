"""A public kind of script, with three lines added and nothing else, does what it did and leaves a run."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from rnnlab.store import open_run

SCRIPT = Path(__file__).with_name("char_rnn.py")

LINES = {
    "criterion = nn.CrossEntropyLoss()\n": "import rnnlab; recorder = rnnlab.Recorder(model, 'chars', every=2)\n",
    "    losses.append(loss)\n": "    recorder.update(loss)\n",
    'torch.save(model, "model.pt")\n': "recorder.finish()\n",
}
"""After which line of the script which one is added."""


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_character_model_is_recorded_with_three_lines(
    cell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["char_rnn.py", "--cell", cell])
    plain = runpy.run_path(str(SCRIPT), run_name="__main__")
    said = capsys.readouterr().out
    text = SCRIPT.read_text()
    for line, added in LINES.items():
        assert text.count(line) == 1
        text = text.replace(line, line + added)
    watched = tmp_path / "watched.py"
    watched.write_text(text)
    recorded = runpy.run_path(str(watched), run_name="__main__")
    assert capsys.readouterr().out == said  # the samples too, and so every random number
    np.testing.assert_allclose(recorded["losses"], plain["losses"], rtol=1e-5)
    run = open_run("runs/chars")
    assert run.metrics["step"].tolist() == [0, 2, 4]
    assert run.metrics["grad_norm"].shape == (3, 2, 10)  # ten letters are one sequence
    assert np.isfinite(run.metrics["grad_log_norm"]).all()
