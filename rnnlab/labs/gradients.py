"""How gradients flow through an RNN that learns the mean of what it has seen.

    h_t = σ(W_hh h_{t-1} + W_ih x_t + b),  h_0 = 0        prediction_t = W_out h_t + b_out

    x_t ~ N(0, 1)        target_t = mean(x_1 .. x_t)        L = mean of (prediction_t - target_t)², over all t or at T

First the layers are held against published numbers with all their weights alike, then the notebook's nets are
trained: one and two layers, the loss at all timesteps and at the last only (configs/labs/gradients.yaml).

B sequences, T timesteps, H hidden units.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnlab import RNN, RecurrentRegressionModel, RNNLayer, generate_batch, loss_fn
from rnnlab.experiment import architecture_of
from rnnlab.labs.report import LabReport, LabSection, compare, show
from rnnlab.nets import identity, model_from_weights
from rnnlab.shipped import shipped_configs
from rnnlab.studies.hooks import Hooks
from rnnlab.studies.run import run_one

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnlab.store import Run

PUBLISHED: dict[str, Any] = {
    "single_step": {"output": [[[0.1973753273487091]]]},
    "sequences": [
        [[0.1, 0.15], [0.2, 0.25], [0.3, 0.35], [0.4, 0.45]],
        [[-0.1, -1.5], [-0.2, -2.5], [-0.3, -3.5], [-0.4, -0.45]],
    ],
    "linear_layer": {"unit": [[-0.1250, -0.1075, -0.1328, -0.1452], [0.0600, 0.1520, 0.2344, -0.0853]]},
    "tanh_layer": {"unit": [[-0.1244, -0.1073, -0.1320, -0.1444], [0.0599, 0.1509, 0.2305, -0.0840]]},
    "regression_predictions": {"output": [[-0.0627, -0.0678, -0.0604, -0.0567], [-0.1180, -0.1453, -0.1692, -0.0748]]},
    "two_layers": {"unit": [[-0.0626, -0.0490, -0.0457, -0.0430], [-0.1174, -0.1096, -0.1354, -0.0342]]},
    "loss": {
        "pred": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]],
        "target": [[-1.1, -1.2, -1.3], [-1.4, -1.5, -1.6]],
        "all_timesteps": 3.0067,
        "last_timestep_only": 3.7,
    },
}
PARAMETER_COUNTS = {"RNNLayer(2, 3)": 18, "RecurrentRegressionModel(RNNLayer(2, 3), 4)": 34}
SHORT = 500  # batches: a tenth of the notebook's, enough to see the losses part
FRESH = 1  # the seed of the sequences that are predicted


def filled(module: nn.Module, value: float) -> nn.Module:
    """Set every parameter to one value."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(value)
    return module


def carry_out(*, full: bool = False, should_stop: Callable[[], bool] = lambda: False) -> LabReport:
    """Check the layers, then train the notebook's four nets in a temporary folder.

    Args:
        full: on 5000 batches, as the notebook did, instead of 500.
        should_stop: asked now and then.

    Raises:
        StoppedError: asked to stop.
    """
    runs = train_all([] if full else [f"training.batches={SHORT}"], should_stop)
    sections = [*_constant_weights(), _sizes(), _losses(), _final_losses(runs), *map(_predictions, runs)]
    return LabReport(sections, partial(_draw, runs), "rnnlab init labs/gradients && rnnlab sweep gradients.yaml")


# Weights that are all alike


def _constant_weights() -> list[LabSection]:
    x_BTI = torch.tensor(PUBLISHED["sequences"])
    single, _ = filled(RNNLayer(1, 1), 0.1)(torch.ones(1, 1, 1))
    checks = {
        "linear_layer": filled(RNNLayer(2, 3, identity), -0.1)(x_BTI)[0],
        "tanh_layer": filled(RNNLayer(2, 3), -0.1)(x_BTI)[0],
        "regression_predictions": filled(RecurrentRegressionModel(RNNLayer(2, 3), 4), -0.1)(x_BTI)[0],
        "two_layers": filled(RNN(2, 3, 2), -0.1)(x_BTI)[0],
    }
    published = PUBLISHED["single_step"]["output"][0][0][0]
    step = compare("tanh(0.1 + 0.1)", single.item(), published, digits=16, tolerance=1e-6)
    return [
        LabSection("One step with every parameter 0.1", [step]),
        *(_all_alike(name, output_BTH) for name, output_BTH in checks.items()),
    ]


def _sizes() -> LabSection:
    layer = RNNLayer(2, 3)
    found = {"RNNLayer(2, 3)": layer, "RecurrentRegressionModel(RNNLayer(2, 3), 4)": RecurrentRegressionModel(layer, 4)}
    steps = []
    for name, module in found.items():
        size = sum(parameter.numel() for parameter in module.parameters())
        steps.append(compare(name, size, PARAMETER_COUNTS[name], digits=0, tolerance=0))
    return LabSection("Number of parameters", steps)


def _all_alike(name: str, output_BTH: Tensor) -> LabSection:
    """Hold all units against the published one; the one that is farthest from it is shown."""
    steps = []
    for i, published in enumerate(*PUBLISHED[name].values()):
        distance_TH = (output_BTH[i] - torch.tensor(published)[:, None]).abs()
        farthest_T = output_BTH[i].gather(1, distance_TH.argmax(dim=1, keepdim=True))[:, 0]
        steps.append(compare(f"sequence {i + 1}", farthest_T.tolist(), published, digits=4))
    title = f"{name.replace('_', ' ').capitalize()}, every parameter -0.1"
    return LabSection(title, steps, columns=[f"t = {t}" for t in range(1, output_BTH.shape[1] + 1)])


def _losses() -> LabSection:
    published = PUBLISHED["loss"]
    prediction, target = torch.tensor(published["pred"]), torch.tensor(published["target"])
    steps = []
    for name, last in (("all_timesteps", False), ("last_timestep_only", True)):
        loss = loss_fn(prediction, target, last_timestep_only=last).item()
        steps.append(compare(name.replace("_", " "), loss, published[name], digits=4))
    return LabSection("Mean squared error", steps)


# The notebook's training


def train_all(overrides: Sequence[str], should_stop: Callable[[], bool] = lambda: False) -> list[Run]:
    """Make every run of configs/labs/gradients.yaml; their folders are gone afterwards, what was read stays."""
    from rnnlab.config import load_sweep

    hooks = Hooks(should_stop=should_stop)
    with tempfile.TemporaryDirectory(prefix="rnnlab-lab-") as folder:
        swept = load_sweep(shipped_configs()["labs/gradients"], overrides).expand().runs
        runs = [run_one(each.config, runs=folder, values=each.values, hooks=hooks).run for each in swept]
        for run in runs:
            _ = run.metrics, run.weights, run.config  # read and kept
    return runs


def _name(run: Run) -> str:
    layers = ("one layer", "two layers")[run.config.model.layers - 1]
    return f"{layers}, {'last only' if run.config.task.loss.last_timestep_only else 'all timesteps'}"


def _final_losses(runs: Sequence[Run]) -> LabSection:
    steps = []
    for run in runs:
        zero = run.config.task.floors(linear=False)["predict zero"]
        steps.append(show(_name(run), run.summary["final_loss"], zero))
    batches = runs[0].config.training.batches
    return LabSection(f"Loss after {batches} batches", steps, beside="predict 0")


def _predictions(run: Run) -> LabSection:
    """Predict one fresh sequence, the same for every net."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(FRESH)
        x_BT1, target_BT1 = generate_batch(run.config.task.seq_len)
    weights = {
        name.removeprefix("final/"): torch.from_numpy(value)
        for name, value in run.weights.items()
        if name.startswith("final/")
    }
    model = model_from_weights(architecture_of(run.config), weights)
    with torch.no_grad():
        predictions_BT1, _ = model(x_BT1)
    pairs = zip(predictions_BT1[0, :, 0].tolist(), target_BT1[0, :, 0].tolist(), strict=True)
    steps = [show(f"t = {t}", *pair) for t, pair in enumerate(pairs, start=1)]
    return LabSection(f"Predictions of a fresh sequence: {_name(run)}", steps, beside="target")


def _draw(runs: Sequence[Run]) -> Figure:
    """Draw the losses, and the gradient flow through each layer before and after training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    losses, *flows = figure.subplots(1, 3)
    for run in runs:
        loss = run.metrics["loss"]
        width = max(1, len(loss) // 50)
        smooth = loss[: len(loss) // width * width].reshape(-1, width).mean(axis=1)
        losses.semilogy(np.arange(len(smooth)) * width + width / 2, smooth, label=_name(run))
    losses.set(title="Loss", xlabel="batch", ylabel="mean squared error")
    _legend(losses)
    for axes, last in zip(flows, (False, True), strict=True):
        _draw_flow(axes, [run for run in runs if run.config.task.loss.last_timestep_only == last])
        axes.set_title(f"Gradient flow, loss at {'the last step' if last else 'all timesteps'}")
    return figure


def _draw_flow(axes: Any, runs: Sequence[Run]) -> None:
    for run in runs:
        grad_norm_RLT = run.metrics["grad_norm"]
        layers = grad_norm_RLT.shape[1]
        for layer in range(layers):
            label = "one layer" if layers == 1 else f"two layers, {('lower', 'upper')[layer]}"
            t = np.arange(1, grad_norm_RLT.shape[2] + 1)
            (line,) = axes.semilogy(t, grad_norm_RLT[-1, layer], "o-", markersize=3, label=label)
            axes.semilogy(t, grad_norm_RLT[0, layer], ":", color=line.get_color())
    axes.set(xlabel="timestep t (dotted: before training)", ylabel="||dL/dh_t||")
    _legend(axes)


def _legend(axes: Any) -> None:
    """Put it under the panel, where no curve runs."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
