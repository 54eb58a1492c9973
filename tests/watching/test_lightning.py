"""The callback for Lightning, where that is installed: a Trainer's run is recorded as a loop's is."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from rnnlab.store import open_run

pytest.importorskip("lightning", reason="needs pip install 'rnnlab[lightning]'")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's own
        yield


def trained(runs: Path, batches: int, **options: Any) -> Any:
    """Train a small module of Lightning's with the callback; gives the losses that its step returned."""
    from lightning.pytorch import LightningModule, Trainer

    from rnnlab.watching.lightning import RecorderCallback

    class Tagger(LightningModule):
        def __init__(self, hidden: int = 3) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.rnn, self.readout = nn.GRU(2, hidden, batch_first=True), nn.Linear(hidden, 1)
            self.losses: list[float] = []

        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            if batch_idx == options.get("fails_at"):
                raise ZeroDivisionError
            loss: Tensor = self.readout(self.rnn(batch[0])[0]).square().mean()
            self.losses.append(float(loss.detach()))
            return loss

        def validation_step(self, batch: Any) -> None:
            self.readout(self.rnn(batch[0])[0])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    data = DataLoader(TensorDataset(torch.randn(2 * batches, 5, 2)), batch_size=2)
    module = Tagger()
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accumulate_grad_batches=options.get("accumulate", 1),
        callbacks=[RecorderCallback("mine", every=2, runs=runs)],
    )
    try:
        trainer.fit(module, data, data)
    finally:
        assert not any("forward" in vars(each) for each in module.modules())
    return module.losses


def test_a_trainer_s_updates_are_recorded(tmp_path: Path) -> None:
    losses = trained(tmp_path, 5)
    run = open_run(tmp_path / "mine")
    assert (run.status, run.record.config["own"]) == ("completed", {"hidden": 3})
    np.testing.assert_allclose(run.metrics["loss"], losses, rtol=1e-6)
    assert run.metrics["step"].tolist() == [0, 2, 4]
    assert run.metrics["grad_norm"].shape == (3, 1, 5)


def test_batches_that_are_accumulated_are_one_update(tmp_path: Path) -> None:
    losses = trained(tmp_path, 6, accumulate=2)
    run = open_run(tmp_path / "mine")
    np.testing.assert_allclose(run.metrics["loss"], np.array(losses[1::2]) / 2, rtol=1e-6)
    assert run.metrics["step"].tolist() == [0, 2]


def test_a_training_that_fails_leaves_an_unfinished_run(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        trained(tmp_path, 5, fails_at=3)
    run = open_run(tmp_path / "mine")
    assert (run.status, len(run.metrics["loss"])) == ("unfinished", 3)
