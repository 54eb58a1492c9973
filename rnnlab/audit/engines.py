"""Every engine's training step, held against the float64 gradient of the same batch from the same weights.

One step of plain SGD tells an engine's gradient, g = (p₀ - p₁) / η, with η so large that p₀ does not drown it in
float32: one step for each parameter, since their gradients may differ by many orders. One step of the config's own
optimizer tells the rest: clipping, moments, corrections. Engines compute in float32; what that alone costs is measured
by running the same net's modules in float32. The native engine's source is there in float64 too, and held to 1e-12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from rnnlab.audit.automatic import by_modules
from rnnlab.audit.case import AuditCase, NotKnownError, exact_targets
from rnnlab.audit.verdict import relative_difference
from rnnlab.config import Config
from rnnlab.experiment import draw_weights, prepare
from rnnlab.nets import model_from_weights, named_parameters, pack, unpack
from rnnlab.training import (
    BATCHES,
    EngineError,
    NetState,
    Recipe,
    available_engines,
    make_engine,
    make_stream,
    native_library,
)
from rnnlab.training.native_engine import kernel_recipe
from rnnlab.training.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from rnnlab.training.schedules import rate_factors

Weights = dict[str, np.ndarray]
"""By parameter."""

_TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
"""Float32 has 7 digits, float64 16; a sum over a sequence and a batch loses one or two of them, or three."""

_ROUNDING_FACTOR = 20.0
"""An engine may lose so many times more than PyTorch's own float32 where the problem itself is that delicate."""

_FLOAT64_ROUNDING = 2.0**-29
"""So much smaller than in float32 is rounding in float64, and what it costs."""


@dataclass(frozen=True)
class EngineStep:
    """One engine's step: the largest relative difference of a parameter's gradient, and of the update."""

    engine: str
    precision: str
    gradient: float
    update: float
    rounding: float  # what the precision alone costs
    worst: str  # the parameter with the largest difference

    @property
    def name(self) -> str:
        """What a table or a verdict calls it."""
        return f"{self.engine} engine" if self.precision == "float32" else f"{self.engine} engine, {self.precision}"

    @property
    def tolerance(self) -> float:
        """What is let pass."""
        return max(_TOLERANCE[self.precision], _ROUNDING_FACTOR * self.rounding)

    @property
    def agrees(self) -> bool:
        """Whether both differences are within rounding."""
        return max(self.gradient, self.update) <= self.tolerance


def check_engines(config: Config) -> tuple[list[EngineStep], dict[str, str]]:
    """Make one step with every engine there is, and with the native one in float64 too.

    Gives also, by engine, why one cannot be held against anything.
    """
    case, weights, training = _batch(config), draw_weights(config), config.training
    if training.truncate is not None or training.make_regulariser().weight:
        # the reference is the whole gradient of the loss alone
        why = "this way does not know truncated backpropagation and regularisers"
        return [], dict.fromkeys((f"{name} engine" for name in available_engines()), why)
    reference = {str(name): gradient for (name, layer), gradient in by_modules(case).items() if layer is None}
    rounding = max(_differences(_float32(case), reference).values())
    steps, unable = [], {}
    for name in available_engines():
        try:
            steps.append(_check(name, config, reference, weights, rounding))
            if name == "native":
                steps.append(_check_float64(config, case, reference, rounding * _FLOAT64_ROUNDING))
        except (EngineError, NotKnownError) as error:
            unable[f"{name} engine"] = str(error)
    return steps, unable


def _check(name: str, config: Config, reference: Weights, weights: Weights, rounding: float) -> EngineStep:
    gradients = {key: _gradient(name, config, key, reference[key], weights[key]) for key in reference}
    training = config.training
    optimizer = training.make_optimizer()
    updated = _step(name, config, optimizer=optimizer, rate=_first_rate(config), clip=training.clip_norm)
    expected = _expected_update(config, reference, weights)
    return _compare(name, "float32", rounding, gradients, reference, updated, expected)


def _check_float64(config: Config, case: AuditCase, reference: Weights, rounding: float) -> EngineStep:
    """Hold the native engine's source, with float64 in place of float32, against the same gradient."""
    library, recipe = native_library.load(precision="float64"), prepare(config).recipe
    told, training = kernel_recipe(library, recipe, case.timesteps), config.training
    parameters_P = pack(case.weights, case.architecture)
    _, gradient_P = library.gradient(told, parameters_P, case.inputs_BTI, case.targets)
    rows = [parameters_P, np.zeros_like(parameters_P), np.zeros_like(parameters_P)]
    limit = math.inf if training.clip_norm is None else training.clip_norm
    own = training.make_optimizer().own_number
    net = native_library.KernelNet(*(row_P.ctypes.data for row_P in rows), _first_rate(config), limit, 0, own)
    library.train(told, net, library.workspace(told), case.inputs_BTI[None], case.targets[None])
    gradients, updated = (unpack(row_P, case.architecture) for row_P in (gradient_P, parameters_P))
    expected = _expected_update(config, reference, case.weights)
    return _compare("native", "float64", rounding, gradients, reference, updated, expected)


def _compare(
    engine: str,
    precision: str,
    rounding: float,
    gradients: Weights,
    reference: Weights,
    updated: Weights,
    expected: Weights,
) -> EngineStep:
    differences = _differences(gradients, reference)
    worst = max(differences, key=lambda key: differences[key])
    update = relative_difference(_row(updated, reference), _row(expected, reference))
    return EngineStep(engine, precision, differences[worst], update, rounding, worst)


def _batch(config: Config) -> AuditCase:
    """Give the first training batch of a run as a case."""
    prepared = prepare(config)
    inputs, targets = config.task.sample(make_stream(config.seed, BATCHES), config.training.batch_size)
    return AuditCase(
        prepared.architecture,
        {name: weight.astype(np.float64) for name, weight in draw_weights(config).items()},
        inputs.astype(np.float64),
        exact_targets(targets),
        config.task.loss,
    )


def _step(name: str, config: Config, *, optimizer: Optimizer, rate: float, clip: float | None) -> Weights:
    """Give the weights after one step of an engine, float64."""
    recipe: Recipe = replace(prepare(config).recipe, batches=1, optimizer=optimizer, rate_factors_N=None)
    start_P = pack(draw_weights(config), recipe.architecture)
    session = make_engine(name).open(
        recipe, [NetState.begin(recipe, start_P, make_stream(config.seed, BATCHES), rate, clip)]
    )
    session.advance(1)
    return unpack(session.states()[0].parameters_P.astype(np.float64), recipe.architecture)


def _gradient(name: str, config: Config, key: str, reference: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Read an engine's gradient of one parameter off a step."""
    rate = _large_rate(float(np.abs(reference).max()), float(np.abs(weight).max()))
    stepped = _step(name, config, optimizer=SGD(), rate=rate, clip=None)[key]
    return np.asarray((weight.astype(np.float64) - stepped) / rate)


def _large_rate(gradient: float, weight: float) -> float:
    """Choose a power of two that makes the step a thousand times the weights, so that float32 keeps its digits."""
    if not 0 < gradient < math.inf or weight == 0:
        return 1.0
    return 2.0 ** max(-100, min(100, round(math.log2(1000 * weight / gradient))))


def _expected_update(config: Config, reference: Weights, weights: Weights) -> Weights:
    """Give the weights after the first step by the optimizer's formula, float64."""
    norm = math.sqrt(sum(float((g * g).sum()) for g in reference.values()))
    limit = config.training.clip_norm
    factor = limit / norm if limit is not None and norm > limit else 1.0
    rate, optimizer = _first_rate(config), config.training.make_optimizer()
    return {
        name: weights[name].astype(np.float64)
        - _first_change(optimizer, rate, factor * gradient, weights[name].astype(np.float64))
        for name, gradient in reference.items()
    }


def _first_rate(config: Config) -> float:
    """Give the learning rate of the first update."""
    training = config.training
    factors_N = rate_factors(training.make_schedule(), training.warm_up, training.batches)
    return training.learning_rate * (1.0 if factors_N is None or not factors_N.size else float(factors_N[0]))


def _first_change(optimizer: Optimizer, rate: float, g: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Give what the first step takes off a parameter.

    Raises:
        NotKnownError: of another optimizer.
    """
    if type(optimizer) is Adam or type(optimizer) is AdamW:
        decayed = optimizer.weight_decay * weight if isinstance(optimizer, AdamW) else 0.0
        return np.asarray(rate * (g / (np.abs(g) + 1e-8) + decayed))  # both moments are corrected back to g and g²
    if type(optimizer) is RMSprop:
        return np.asarray(rate * g / (np.sqrt(1 - optimizer.smoothing) * np.abs(g) + 1e-8))
    if type(optimizer) is SGD:
        return rate * g  # with momentum too: there was no step before
    raise NotKnownError("optimizer", optimizer.name)


def _float32(case: AuditCase) -> Weights:
    """Give the gradients by PyTorch's modules in float32: what that precision alone costs."""
    weights = {name: torch.from_numpy(weight.astype(np.float32)) for name, weight in case.weights.items()}
    model = model_from_weights(case.architecture, weights)
    targets = torch.from_numpy(case.targets)
    predictions, _ = model(torch.from_numpy(case.inputs_BTI.astype(np.float32)))
    case.loss(predictions, targets if targets.dtype == torch.int64 else targets.float()).mean().backward()
    return {
        name: np.zeros(p.shape) if p.grad is None else p.grad.double().numpy()
        for name, p in named_parameters(model).items()
    }


def _differences(got: Weights, reference: Weights) -> dict[str, float]:
    return {name: relative_difference(got[name].reshape(1, -1), reference[name].reshape(1, -1)) for name in reference}


def _row(weights: Weights, names: Weights) -> np.ndarray:
    return np.concatenate([np.ravel(weights[name]) for name in names])[None]
