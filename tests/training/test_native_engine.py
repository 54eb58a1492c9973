"""The native engine against the torch engine on the same batches, at odd sizes, and its own promises: a net's bits
depend on nothing but the net."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rnnlab.nets import Architecture
from rnnlab.tasks import CrossEntropy, MeanSquaredError
from rnnlab.training import Engine, EngineError, NetState, Recipe, make_engine, native_library
from rnnlab.training.native_engine import NativeEngine
from rnnlab.training.torch_engine import TorchEngine
from tests.training import native_sanitized
from tests.training.setting import assert_same, begin

needs_kernel = pytest.mark.skipif(native_library.missing() is not None, reason="the native engine is not built here")

INSTRUCTIONS = () if native_library.missing() else native_library.load().available

CELLS = [("elman", "tanh"), ("elman", "relu"), ("elman", "identity"), ("lstm", None), ("gru", None)]


@dataclass(frozen=True)
class Noise:
    """Inputs and targets that have nothing to do with each other: right for gradients, and of any size."""

    timesteps: int
    inputs: int
    outputs: int
    classes: bool

    def __call__(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw sequence by sequence."""
        drawn = generator.standard_normal((count, self.timesteps, self.inputs + self.outputs), dtype=np.float32)
        x, y = drawn[..., : self.inputs], drawn[..., self.inputs :]
        return np.ascontiguousarray(x), (y.argmax(axis=-1) if self.classes else np.ascontiguousarray(y))


def make_recipe(
    cell: str = "elman",
    nonlinearity: str | None = "tanh",
    *,
    hidden: int = 5,
    layers: int = 1,
    sizes: tuple[int, int] = (1, 1),
    timesteps: int = 6,
    batch_size: int = 8,
    classes: bool = False,
    last: bool = False,
    batches: int = 1,
    optimizer: str = "sgd",
    every: int = 20,
) -> Recipe:
    inputs, outputs = sizes
    architecture = Architecture(cell, nonlinearity, inputs, hidden, layers, outputs)
    loss = CrossEntropy(last) if classes else MeanSquaredError(last)
    noise = Noise(timesteps, inputs, outputs, classes)
    return Recipe(architecture, loss, noise, batches, batch_size, optimizer, every)


def train(engine: Engine, recipe: Recipe, states: Sequence[NetState], *cuts: int) -> list[NetState]:
    session = engine.open(recipe, states)
    for updates in (*cuts, recipe.batches):
        session.advance(updates)
    return session.states()


def assert_steps_agree(recipe: Recipe, instructions: str | None = None, tolerance: float = 1e-5) -> None:
    """Make one step of plain SGD with a large rate by both: what differs is the gradient, parameter by parameter."""
    rate = 64.0  # so that the weights' own rounding does not drown the gradient's
    (native,) = train(NativeEngine(instructions), recipe, [begin(recipe, 0, learning_rate=rate)])
    (expected,) = train(TorchEngine(), recipe, [begin(recipe, 0, learning_rate=rate)])
    assert_allclose(native.losses, expected.losses, rtol=1e-5)
    scale = np.linalg.norm(expected.parameters_P)
    assert np.linalg.norm(native.parameters_P - expected.parameters_P) <= tolerance * scale


# one step


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("hidden", [1, 3, 7, 16, 17, 33, 129])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_one_step_at_any_hidden_size(cell: str, nonlinearity: str | None, hidden: int, instructions: str) -> None:
    assert_steps_agree(make_recipe(cell, nonlinearity, hidden=hidden, layers=2), instructions)


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("batch_size", [1, 3, 7, 8, 17, 33, 129])
@pytest.mark.parametrize("timesteps", [1, 2, 17])
def test_one_step_at_any_batch_and_length(batch_size: int, timesteps: int, instructions: str) -> None:
    for cell, nonlinearity in (CELLS[0], CELLS[3], CELLS[4]):
        recipe = make_recipe(cell, nonlinearity, batch_size=batch_size, timesteps=timesteps)
        assert_steps_agree(recipe, instructions)


@needs_kernel
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("sizes", [(1, 1), (1, 3), (3, 1), (7, 17), (33, 2), (17, 33), (2, 129)])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_one_step_at_any_number_of_inputs_outputs_and_layers(
    layers: int, sizes: tuple[int, int], classes: bool, last: bool
) -> None:
    for cell, nonlinearity in CELLS:
        recipe = make_recipe(cell, nonlinearity, layers=layers, sizes=sizes, classes=classes, last=last)
        for instructions in INSTRUCTIONS:
            assert_steps_agree(recipe, instructions)


# whole trainings


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("clip_norm", [None, 0.01])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_a_whole_training_has_the_torch_engine_s_losses(
    cell: str, nonlinearity: str | None, optimizer: str, clip_norm: float | None, instructions: str
) -> None:
    recipe = make_recipe(
        cell, nonlinearity, hidden=9, layers=2, sizes=(3, 4), classes=True, batches=100, optimizer=optimizer
    )
    rate = 1e-3 if optimizer == "adam" else 0.1
    (native,) = train(NativeEngine(instructions), recipe, [begin(recipe, 0, learning_rate=rate, clip_norm=clip_norm)])
    (expected,) = train(TorchEngine(), recipe, [begin(recipe, 0, learning_rate=rate, clip_norm=clip_norm)])
    assert_allclose(native.losses, expected.losses, rtol=2e-5)
    assert_allclose(native.snapshots_RP, expected.snapshots_RP, rtol=0, atol=1e-4)
    assert native.to_arrays().keys() == expected.to_arrays().keys()
    assert native.to_arrays()["stream"] == expected.to_arrays()["stream"]


@needs_kernel
def test_clipping_holds_where_squares_of_gradients_are_beyond_float32() -> None:
    recipe = make_recipe("elman", "identity", batches=1, every=1)
    state = begin(recipe, 0, learning_rate=1.0, clip_norm=1.0)
    state.parameters_P[-6:] = 1e16  # the readout: losses of 1e32, gradients of 1e32 and more
    (state,) = train(NativeEngine(), recipe, [state])
    moved = state.snapshots_RP[1].astype("f8") - state.snapshots_RP[0]
    assert np.isfinite(state.losses).all()
    assert np.linalg.norm(moved[:-6]) <= 1.0 + 1e-6
    assert np.linalg.norm(moved[:-6]) > 0.5


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("inputs", [1, 3])
def test_clipping_takes_an_infinite_gradient_for_infinite_whatever_the_padding_holds(
    inputs: int, instructions: str
) -> None:
    """g limit / inf: the finite numbers of the gradient become 0, and the infinite ones NaN."""
    x_1TI = np.full((1, 1, inputs), 0.5, np.float32)
    recipe = make_recipe("elman", "identity", sizes=(inputs, 1), timesteps=1, batch_size=1)
    recipe = replace(recipe, sample=_Fixed(x_1TI, np.zeros((1, 1, 1), np.float32)))
    state = begin(recipe, 0, learning_rate=1.0, clip_norm=1.0)
    state.parameters_P[:] = 0.25
    state.parameters_P[-6:] = [1e21, -1e21, 0.0, 0.0, 0.0, 1e18]  # two units cancel in the prediction
    before = state.parameters_P.copy()
    (state,) = train(NativeEngine(instructions), recipe, [state])
    assert state.losses[0] == pytest.approx(1e36)
    assert np.isnan(state.parameters_P[: 2 * inputs]).all()
    assert_array_equal(state.parameters_P[2 * inputs : 5 * inputs], before[2 * inputs : 5 * inputs])
    assert_array_equal(state.parameters_P[-6:], before[-6:])


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("hidden", [3, 16])
def test_a_state_beyond_float32_that_does_not_reach_the_prediction_is_no_divergence(
    hidden: int, outputs: int, instructions: str
) -> None:
    """h_1 = (inf, ...), h_2 = relu(-inf) = 0, so that y = b = 1."""
    x_1TI = np.array([[[2.0], [-2.0]]], np.float32)
    sizes = (1, outputs)
    recipe = make_recipe("elman", "relu", hidden=hidden, sizes=sizes, timesteps=2, batch_size=1, last=True)
    recipe = replace(recipe, sample=_Fixed(x_1TI, np.zeros((1, 2, outputs), np.float32)))
    state = begin(recipe, 0, learning_rate=1e-3)
    state.parameters_P[:] = 0.5
    state.parameters_P[0] = 3e38
    state.parameters_P[hidden : hidden + hidden**2] = -0.5
    state.parameters_P[-outputs:] = 1.0
    (state,) = train(NativeEngine(instructions), recipe, [state])
    assert_array_equal(state.losses, [1.0])
    assert state.diverged_at is None


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_a_vanished_gradient_is_zero_while_a_net_trains_and_only_then(instructions: str) -> None:
    """dL/dW_ih = 1e-9 · 1e-30 is below the smallest normal number."""
    target_1TO = np.full((1, 1, 1), -0.5e-9, np.float32)
    recipe = make_recipe("elman", "identity", hidden=1, timesteps=1, batch_size=1)
    recipe = replace(recipe, sample=_Fixed(np.ones((1, 1, 1), np.float32), target_1TO))
    state = begin(recipe, 0, learning_rate=1e38)
    state.parameters_P[:] = [1.0, 0.0, 0.0, 1e-30, 0.0]
    (state,) = train(NativeEngine(instructions), recipe, [state])
    assert state.parameters_P[0] == 1.0
    assert state.parameters_P[-1] == pytest.approx(-1e29)
    assert np.float32(1e-30) * np.float32(1e-9) > 0


@dataclass(frozen=True)
class _Fixed:
    """One sequence, the same for ever."""

    inputs_1TI: np.ndarray
    targets_1TO: np.ndarray

    def __call__(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        return np.repeat(self.inputs_1TI, count, axis=0), np.repeat(self.targets_1TO, count, axis=0)


# a net's bits depend on nothing but the net


@needs_kernel
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_a_net_alone_and_in_a_session_of_many_is_the_same_to_the_bit(cell: str, nonlinearity: str | None) -> None:
    recipe = make_recipe(cell, nonlinearity, batches=60, optimizer="adam", hidden=7, layers=2)

    def states() -> list[NetState]:
        wild = begin(recipe, 9, learning_rate=1e30)
        return [wild, *(begin(recipe, seed % 3, learning_rate=1e-3 * (1 + seed)) for seed in range(6))]

    together = train(NativeEngine(), recipe, states(), 7)
    for alone, stacked in zip(states(), together, strict=True):
        assert_same(train(NativeEngine(), recipe, [alone])[0], stacked)


@needs_kernel
def test_padding_never_shows() -> None:
    """The last sequences of a batch repeated: the same mean, another number of rows in memory, the same numbers."""
    recipe = make_recipe(batch_size=4, batches=1)
    twice = replace(recipe, batch_size=8, sample=_Twice(recipe.sample))
    (one,) = train(NativeEngine(), recipe, [begin(recipe, 0, learning_rate=1.0)])
    (other,) = train(NativeEngine(), twice, [begin(recipe, 0, learning_rate=1.0)])
    assert_allclose(one.losses, other.losses, rtol=1e-6)
    assert_allclose(one.parameters_P, other.parameters_P, rtol=1e-5, atol=1e-6)


@dataclass(frozen=True)
class _Twice:
    sample: object

    def __call__(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        inputs, targets = self.sample(generator, max(1, count // 2))  # type: ignore[operator]
        return np.concatenate([inputs, inputs])[:count], np.concatenate([targets, targets])[:count]


@needs_kernel
def test_what_is_given_is_not_written_to() -> None:
    """The caller's arrays of a saved state stay as they were read."""
    recipe = make_recipe(batches=3, optimizer="adam")
    (saved,) = train(NativeEngine(), recipe, [begin(recipe, 0)])
    arrays = {name: array.copy() for name, array in saved.to_arrays().items()}
    again = begin(replace(recipe, batches=3), 0)
    again.restore(arrays | {"step": np.array(1)})
    train(NativeEngine(), recipe, [again])
    for name in ("parameters", "moments/first", "moments/second"):
        assert_array_equal(arrays[name], saved.to_arrays()[name])


# errors


@needs_kernel
def test_no_nets_are_refused() -> None:
    with pytest.raises(ValueError, match="a stack needs at least one net"):
        NativeEngine().open(make_recipe(), [])


@needs_kernel
def test_a_class_that_does_not_exist_is_an_error() -> None:
    recipe = make_recipe(sizes=(1, 3), classes=True)
    wrong = replace(recipe, sample=lambda g, n: (np.zeros((n, 6, 1), np.float32), np.full((n, 6), 3)))
    with pytest.raises(ValueError, match=r"classes from 3 to 3, but the net has outputs for 0 to 2"):
        train(NativeEngine(), wrong, [begin(recipe, 0)])


@needs_kernel
def test_an_unknown_loss_is_an_error_that_says_what_to_do() -> None:
    recipe = replace(make_recipe(), sequence_loss=lambda predictions, targets: (predictions - targets).abs())
    with pytest.raises(EngineError, match=r"does not know the loss .*; use --engine torch"):
        NativeEngine().open(recipe, [begin(recipe, 0)])


@needs_kernel
def test_an_unknown_instruction_set_is_an_error_that_lists_the_valid_ones() -> None:
    with pytest.raises(EngineError, match=r"this processor cannot run 'mmx'; valid: .*baseline"):
        NativeEngine("mmx")


@needs_kernel
def test_cuda_is_not_for_the_native_engine() -> None:
    with pytest.raises(EngineError, match="trains on the CPU; use --device cpu, or --engine torch"):
        make_engine("native", "cuda")


@needs_kernel
def test_the_automatic_engine_is_the_native_one() -> None:
    assert make_engine().name == "native"


def test_switched_off_the_automatic_engine_is_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native_library.SWITCH, "1")
    assert make_engine().name == "torch"
    with pytest.raises(EngineError, match="switched off by RNNLAB_NO_NATIVE; unset it, or use --engine torch"):
        make_engine("native")


def test_not_built_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(native_library.SWITCH, raising=False)
    monkeypatch.setattr(native_library, "_path", lambda: None)
    native_library._load.cache_clear()
    with pytest.raises(EngineError, match=r"not built here; install rnnlab from source .* or use --engine torch"):
        make_engine("native")
    assert make_engine().name == "torch"
    native_library._load.cache_clear()


def test_a_broken_library_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "_native.so"
    broken.write_bytes(b"not a library")
    monkeypatch.delenv(native_library.SWITCH, raising=False)
    monkeypatch.setattr(native_library, "_path", lambda: broken)
    native_library._load.cache_clear()
    with pytest.raises(EngineError, match=r"cannot be loaded \(.*\); install rnnlab from source"):
        make_engine("native")
    native_library._load.cache_clear()


# the build


@needs_kernel
@pytest.mark.skipif(not native_sanitized.compilers(), reason="there is no C++ compiler here")
def test_sanitizers_find_nothing_and_instruction_sets_agree(tmp_path: Path) -> None:
    """Addresses and undefined behaviour, over odd sizes of every kind of net."""
    said = native_sanitized.run(tmp_path, native_sanitized.Target(native_sanitized.compilers()[0]))
    assert said.endswith("trainings: nothing found")
    losses = native_sanitized.losses(said)
    assert tuple(losses) == INSTRUCTIONS
    for name in INSTRUCTIONS:
        assert_allclose(losses[name], losses["baseline"], rtol=1e-5, atol=1e-6)


@needs_kernel
@pytest.mark.skipif(native_sanitized.emulated_arm() is None, reason="needs g++-aarch64-linux-gnu and qemu-user")
def test_an_arm_processor_comes_to_the_same_losses(tmp_path: Path) -> None:
    """Built for NEON, without sanitizers, which an emulator does not take; against the baseline of this processor."""
    arm = native_sanitized.emulated_arm()
    assert arm is not None
    here = native_sanitized.Target(native_sanitized.compilers()[0], ("-O1",))
    told = []
    for name, target in (("arm", arm), ("here", here)):
        (tmp_path / name).mkdir()
        told.append(native_sanitized.losses(native_sanitized.run(tmp_path / name, target)))
    assert list(told[0]) == ["baseline"]
    assert_allclose(told[0]["baseline"], told[1]["baseline"], rtol=1e-5, atol=1e-6)


@needs_kernel
def test_the_kernel_is_built_from_the_sources_as_they_are() -> None:
    """Else `make` has not been run since they changed."""
    folder = Path(native_library.__file__).parent / "native"
    if not folder.exists():
        pytest.skip("installed without sources")
    sources = sorted([*folder.glob("*.cpp"), *folder.glob("*.h")])
    whole = hashlib.sha256(b"".join(path.read_bytes() for path in sources))
    assert NativeEngine().details["kernel"].startswith(whole.hexdigest()[:12])
