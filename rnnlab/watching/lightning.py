"""A `Recorder` for trainings by Lightning, as a callback of its Trainer: `pip install 'rnnlab[lightning]'`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.watching.context import Reduction
from rnnlab.watching.errors import WatchError
from rnnlab.watching.recorder import Recorder

try:
    from lightning.pytorch import Callback
except ModuleNotFoundError:
    raise WatchError("a callback for Lightning needs lightning: pip install 'rnnlab[lightning]'") from None

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer


class RecorderCallback(Callback):
    """Records what a Trainer trains, as a run folder.

    trainer = Trainer(callbacks=[RecorderCallback("mine", every=100)])

    The first process records. With `accumulate_grad_batches=N` an update is one of the optimizer; its loss and the
    gradients of its states are those of its last batch over N, which is what Lightning lets go backward. Mixed
    precision cannot be watched.

    Args:
        name: the study, a folder under the runs folder.
        every: watch one update in so many.
        reduction: what the loss does over the batch, `mean` or `sum`.
        runs: the runs folder.

    Attributes:
        recorder: of the training that is under way, or was last; None before the first. Its config are the
            hyperparameters that the module has saved.
    """

    def __init__(
        self, name: str, *, every: int = 100, reduction: Reduction = "mean", runs: str | Path = "runs"
    ) -> None:
        super().__init__()
        self._name, self._every, self._reduction, self._runs = name, every, reduction, runs
        self._updates = 0
        self.recorder: Recorder | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to record."""
        self._updates = trainer.global_step
        self.recorder = None
        if trainer.is_global_zero:
            self.recorder = Recorder(
                pl_module,
                self._name,
                every=self._every,
                reduction=self._reduction,
                config=dict(pl_module.hparams),
                runs=self._runs,
            )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell of an update, where the batch has led to one.

        Raises:
            WatchError: the module's training step gives no loss.
        """
        del pl_module, batch, batch_idx
        if self.recorder is None or trainer.global_step == self._updates:
            return
        self._updates = trainer.global_step
        loss = outputs.get("loss") if hasattr(outputs, "get") else outputs
        if loss is None:
            raise WatchError("a training that is recorded needs its losses: return them from training_step")
        self.recorder.update(loss)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish the recording."""
        del trainer, pl_module
        if self.recorder is not None:
            self.recorder.finish()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Keep what there is as unfinished, and give the model back."""
        del trainer, pl_module
        if self.recorder is not None:
            self.recorder.__exit__(type(exception))
