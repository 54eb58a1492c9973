"""`watch` in the ways that training loops call it: what it gives, what it leaves alone, what it refuses."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint

import rnnlab
from rnnlab.registry import UnknownNameError
from rnnlab.watching import WatchError


def inputs(timesteps: int = 5, sequences: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
    """Give (T, B, 2)."""
    torch.manual_seed(7)
    return torch.randn(timesteps, sequences, 2, dtype=dtype)


def gru(**options: Any) -> nn.GRU:
    torch.manual_seed(3)
    return nn.GRU(2, 4, dtype=torch.float64, **options)


class Tagger(nn.Module):
    """A model as people write them."""

    def __init__(self, kind: Callable[..., nn.RNNBase] = nn.GRU, **options: Any) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.rnn = kind(2, 4, dtype=torch.float64, **options)
        self.readout = nn.Linear(4, 1, dtype=torch.float64)

    def forward(self, x_TBI: Tensor) -> Tensor:
        output, _ = self.rnn(x_TBI)
        found: Tensor = self.readout(output)
        return found


def gradients_of(module: nn.Module) -> list[Tensor]:
    found = [parameter.grad for parameter in module.parameters()]
    assert all(gradient is not None for gradient in found)
    return [gradient.clone() for gradient in found if gradient is not None]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("packed", [False, True], ids=["batched", "packed"])
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
def test_dropout_between_layers_draws_the_same_masks_on_a_cpu(
    dtype: torch.dtype, packed: bool, kind: Callable[..., nn.RNNBase], bidirectional: bool
) -> None:
    """Float32 too, where PyTorch takes other kernels; and what is drawn afterwards is the same."""
    model: nn.RNNBase = kind(2, 4, 3, dropout=0.5, bidirectional=bidirectional, dtype=dtype)
    x = inputs(dtype=dtype)

    def forward() -> tuple[Tensor, Tensor]:
        torch.manual_seed(11)
        output, _ = model(pack_padded_sequence(x, torch.tensor([5, 4, 2])) if packed else x)
        return (output.data if packed else output), torch.rand(3)

    (output, after), expected = forward(), None
    with rnnlab.watch(model):
        expected = forward()
    tolerance = 1e-12 if dtype is torch.float64 else 1e-6
    torch.testing.assert_close(output, expected[0], rtol=tolerance, atol=tolerance)
    assert torch.equal(after, expected[1])


def test_an_exception_inside_restores_everything() -> None:
    model = Tagger()
    before = {name: set(vars(module)) for name, module in model.named_modules()}
    with pytest.raises(ZeroDivisionError), rnnlab.watch(model):
        model(inputs())
        raise ZeroDivisionError
    assert {name: set(vars(module)) for name, module in model.named_modules()} == before
    with rnnlab.watch(model) as flow:
        model(inputs()).mean().backward()
    assert flow["rnn"].grad_norm.shape == (1, 1, 5)


def test_a_fault_of_the_caller_is_pytorch_s_own_and_leaves_no_mode_behind() -> None:
    model = gru()
    with rnnlab.watch(model) as flow:
        with pytest.raises(RuntimeError, match=r"[Ee]xpected 2, got 3"):
            model(torch.zeros(4, 1, 3, dtype=torch.float64))
        with pytest.raises(RuntimeError, match="Expected sequence length to be larger than 0"):
            model(torch.zeros(0, 1, 2, dtype=torch.float64))
    assert type(gru()(inputs())[0].grad_fn).__name__ == type(model(inputs())[0].grad_fn).__name__
    with pytest.raises(WatchError, match="the model was not called"):
        _ = flow[""].h


def test_a_forward_of_the_person_s_own_is_put_back() -> None:
    model = gru()
    plain, calls = model.forward, []

    def mine(*arguments: Any) -> Any:
        calls.append(1)
        return plain(*arguments)

    model.forward = mine  # type: ignore[assignment]
    with rnnlab.watch(model) as flow:
        model(inputs())[0].mean().backward()
    assert (model.forward, len(calls), flow[""].h.shape) == (mine, 1, (1, 1, 5, 3, 4))


def test_hooks_run_once_and_the_state_dict_and_class_are_the_same_inside() -> None:
    model, called = gru(), []
    model.register_forward_pre_hook(lambda *_: called.append("before"))
    model.register_forward_hook(lambda *_: called.append("after"))
    keys = list(model.state_dict())
    with rnnlab.watch(model):
        model(inputs())
        assert (type(model), list(model.state_dict())) == (nn.GRU, keys)
    assert called == ["before", "after"]


def test_copies_and_pickles_that_are_made_inside_are_plain_models() -> None:
    model = Tagger()
    with rnnlab.watch(model) as flow:
        twin, saved = copy.deepcopy(model), pickle.dumps(model)
        torch.save(model, io.BytesIO())
        for other in (twin, pickle.loads(saved)):
            assert torch.equal(other(inputs()), Tagger()(inputs()))
    with pytest.raises(WatchError, match="'rnn' was not called inside of the context"):
        _ = flow["rnn"].h


def test_evaluation_without_gradients_runs_the_fused_kernels_and_is_not_kept() -> None:
    model = Tagger()
    with torch.no_grad():
        expected = model(inputs())
    with rnnlab.watch(model) as flow:
        model(inputs()).mean().backward()
        with torch.no_grad():
            assert torch.equal(model(inputs()), expected)
        with torch.inference_mode():
            assert torch.equal(model(inputs()), expected)
    assert len(flow["rnn"].calls) == 1
    with torch.no_grad(), rnnlab.watch(model) as silent:
        model(inputs())
    with pytest.raises(WatchError, match=r"but under torch\.no_grad"):
        _ = silent["rnn"].dL_dh


def test_backward_twice_adds_up_as_it_does_in_parameters() -> None:
    model = Tagger()
    with rnnlab.watch(model) as flow:
        loss = model(inputs()).square().mean()
        loss.backward(retain_graph=True)
        once = flow["rnn"].dL_dh
        loss.backward()
    torch.testing.assert_close(flow["rnn"].dL_dh, 2 * once)


def test_losses_that_go_backward_one_by_one_give_the_gradient_of_their_sum() -> None:
    model = Tagger()
    found = []
    for together in (True, False):
        with rnnlab.watch(model) as flow:
            y = model(inputs())
            first, second = y[-1].mean(), y.square().mean()
            if together:
                (first + second).backward()
            else:
                first.backward(retain_graph=True)
                second.backward()
        found.append(flow["rnn"].dL_dh)
    torch.testing.assert_close(*found)


def test_a_gradient_penalty_counts_through_the_loss_that_it_is_part_of() -> None:
    """The first pass, with create_graph, is not the loss's; the reference is autograd on steps written out."""
    model, x = Tagger(nn.RNN), inputs(3, 2).requires_grad_()

    def penalised(y: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        return y.sum() + gradient.square().sum()

    with rnnlab.watch(model, reduction="sum") as flow:
        penalised(model(x)).backward()
    rnn, states = cast(Any, model.rnn), [torch.zeros(2, 4, dtype=torch.float64)]
    for x_BI in x:
        drive = x_BI @ rnn.weight_ih_l0.mT + rnn.bias_ih_l0 + rnn.bias_hh_l0
        states.append(torch.tanh(drive + states[-1] @ rnn.weight_hh_l0.mT))
    expected = torch.autograd.grad(penalised(model.readout(torch.stack(states[1:]))), states[1:])
    torch.testing.assert_close(flow["rnn"].dL_dh[0, 0], torch.stack(expected), rtol=1e-12, atol=1e-12)


def test_what_create_graph_computes_is_not_taken_for_the_gradient_of_a_loss() -> None:
    model, x = Tagger(), inputs().requires_grad_()
    with rnnlab.watch(model) as flow:
        torch.autograd.grad(model(x).sum(), x, create_graph=True)
    with pytest.raises(WatchError, match="create_graph=True computes does not count"):
        _ = flow["rnn"].dL_dh


def test_several_calls_in_one_forward_are_all_kept_and_the_last_is_given() -> None:
    model = gru()
    with rnnlab.watch(model, reduction="sum") as flow:
        first, _ = model(inputs(2))
        second, _ = model(inputs(3))
        (first.sum() + 2 * second.sum()).backward()
    seen = flow[""]
    assert [call.h.shape[2] for call in seen.calls] == [2, 3]
    assert torch.equal(seen.dL_dh, seen.calls[1].dL_dh)
    torch.testing.assert_close(seen.calls[1].dL_dh[0, 0, -1], torch.full((3, 4), 2.0, dtype=torch.float64))


def test_a_module_that_a_loop_calls_step_by_step_is_one_sequence() -> None:
    """As decoders and the older character models are written."""
    whole, stepped = gru(num_layers=2), gru(num_layers=2)
    with rnnlab.watch(whole) as expected:
        whole(inputs())[0].square().mean().backward()
    with rnnlab.watch(stepped) as flow:
        state, outputs = None, []
        for x_BI in inputs():
            output, state = stepped(x_BI[None], state)
            outputs.append(output)
        torch.cat(outputs).square().mean().backward()
    seen = flow[""]
    assert (len(seen.calls), len(seen.sequences), seen.calls[0].dL_dh.shape) == (5, 1, (2, 1, 1, 3, 4))
    torch.testing.assert_close(seen.dL_dh, expected[""].dL_dh, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(seen.grad_log_norm, expected[""].grad_log_norm, rtol=1e-12)


def test_a_state_that_is_detached_or_of_other_sequences_begins_anew() -> None:
    model = gru()
    with rnnlab.watch(model) as flow:
        output, state = model(inputs(2))
        later, state = model(inputs(2), state * 0.5)
        apart, state = model(inputs(2), state.detach())
        fewer, _ = model(inputs(2, 2), state[:, :2])
        (output.sum() + later.sum() + apart.sum() + fewer.sum()).backward()
    assert [each.h.shape[2] for each in flow[""].sequences] == [4, 2, 2]


def test_a_call_without_a_backward_does_not_hide_the_one_with() -> None:
    model = Tagger()
    with rnnlab.watch(model) as flow:
        model(inputs(5)).mean().backward()
        model(inputs(2))  # an evaluation by someone who forgot torch.no_grad
    assert flow["rnn"].dL_dh.shape[2] == 5


def test_a_module_with_two_names_is_found_under_both() -> None:
    model = Tagger()
    model.add_module("again", model.rnn)
    with rnnlab.watch(model) as flow:
        model(inputs()).mean().backward()
    assert flow.modules == ("rnn",)
    assert torch.equal(flow["again"].dL_dh, flow["rnn"].dL_dh)


def test_frozen_parameters_do_not_keep_gradients_from_states() -> None:
    model, expected = Tagger(nn.LSTM), Tagger(nn.LSTM)
    model.rnn.requires_grad_(False)
    with rnnlab.watch(model) as flow, rnnlab.watch(expected) as reference:
        model(inputs()).square().mean().backward()
        expected(inputs()).square().mean().backward()
    torch.testing.assert_close(flow["rnn"].dL_dh, reference["rnn"].dL_dh)
    torch.testing.assert_close(flow["rnn"].dL_dc, reference["rnn"].dL_dc)
    assert all(parameter.grad is None for parameter in model.rnn.parameters())


def test_steps_that_the_loss_does_not_see_have_a_gradient_of_zero() -> None:
    model = Tagger()
    with rnnlab.watch(model) as flow:
        model(inputs())[1].mean().backward()
    norms_T = flow["rnn"].grad_norm[0, 0]
    assert (norms_T[:2] > 0).all()
    assert (norms_T[2:] == 0).all()
    assert np.isneginf(flow["rnn"].grad_log_norm[0, 0, 2:]).all()


def test_spectra_are_those_of_the_matrix_at_the_time_of_the_call() -> None:
    model = Tagger(nn.RNN, num_layers=2)
    weight = cast(Tensor, model.rnn.weight_hh_l0)
    with torch.no_grad():
        weight.copy_(torch.diag(torch.tensor([0.5, -2.0, 1.0, 0.0])))
    with rnnlab.watch(model) as flow:
        model(inputs()).mean().backward()
        with torch.no_grad():
            weight.zero_()
    seen = flow["rnn"]
    np.testing.assert_allclose(seen.eigenvalues[0, 0], [-2, 1, 0.5, 0], atol=1e-15)
    np.testing.assert_allclose(seen.singular_values[0, 0], [2, 1, 0.5, 0], atol=1e-15)
    assert seen.eigenvalues.shape == (2, 1, 4)


def test_what_a_module_lacks_is_a_sentence() -> None:
    model = Tagger()
    with rnnlab.watch(model) as flow:
        model(inputs()).mean().backward()
    with pytest.raises(WatchError, match="no single matrix governs its steps"):
        _ = flow["rnn"].eigenvalues
    with pytest.raises(WatchError, match="'rnn' has no cell state c: only an LSTM has"):
        _ = flow["rnn"].dL_dc
    with pytest.raises(UnknownNameError, match="there is no watched module 'rn'; valid: 'rnn'"):
        _ = flow["rn"]


def test_before_a_backward_pass_there_are_states_and_no_gradients() -> None:
    model = Tagger()
    with rnnlab.watch(model) as flow:
        model(inputs())
    assert flow["rnn"].hidden_norm.shape == (1, 1, 5)
    with pytest.raises(WatchError, match="call backward inside of the context"):
        _ = flow["rnn"].grad_norm


def test_parametrised_modules_and_subclasses_go_their_own_way() -> None:
    """What a module does around the kernel stays its own: here weights that are dropped before each forward."""

    class Dropping(nn.RNN):
        def forward(self, *arguments: Any) -> Any:
            me: Any = self
            raw = me.weight_hh_l0
            del me._parameters["weight_hh_l0"]
            me.weight_hh_l0 = torch.nn.functional.dropout(raw, 0.5)
            try:
                return super().forward(*arguments)
            finally:
                del me.weight_hh_l0
                me.weight_hh_l0 = raw

    torch.manual_seed(0)
    dropping = Dropping(2, 4, dtype=torch.float64)
    parametrised = nn.RNN(2, 4, dtype=torch.float64)
    parametrize.register_parametrization(parametrised, "weight_hh_l0", nn.Tanh())
    for model in (dropping, parametrised):
        found = []
        for watched in (False, True):
            model.zero_grad()
            torch.manual_seed(1)
            if watched:
                with rnnlab.watch(model) as flow:
                    model(inputs())[0].square().mean().backward()
                assert flow[""].grad_norm.shape == (1, 1, 5)
            else:
                model(inputs())[0].square().mean().backward()
            found.append([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_models_are_watched(reentrant: bool) -> None:
    model, plain = Tagger(), Tagger()
    with rnnlab.watch(plain) as expected:
        plain(inputs()).square().mean().backward()
    with rnnlab.watch(model) as flow:
        checkpoint(model, inputs().requires_grad_(), use_reentrant=reentrant).square().mean().backward()
    torch.testing.assert_close(flow["rnn"].dL_dh, expected["rnn"].dL_dh)
    for one, other in zip(gradients_of(model), gradients_of(plain), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_one_watch_inside_of_another_is_refused_and_the_outer_goes_on() -> None:
    model = Tagger()
    with rnnlab.watch(model) as flow:
        with pytest.raises(WatchError, match="'rnn' is watched already"), rnnlab.watch(model):
            pass
        other = Tagger()
        with rnnlab.watch(other) as inner:  # another model may be
            other(inputs()).mean().backward()
        model(inputs()).mean().backward()
    torch.testing.assert_close(inner["rnn"].dL_dh, flow["rnn"].dL_dh)


def test_autocast_is_refused_where_the_module_is_called() -> None:
    model = nn.LSTM(2, 4)
    x = inputs(dtype=torch.float32)
    with rnnlab.watch(model):
        with torch.autocast("cpu"), pytest.raises(WatchError, match="autocast is on where the model is called"):
            model(x)
        with torch.autocast("cpu"), torch.no_grad():
            model(x)
        model(x)


class _Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch deprecates it, and people have it
            self.rnn = torch.jit.script(nn.LSTM(2, 4))


class _Quantised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.rnn = torch.ao.nn.quantized.dynamic.LSTM(2, 4)


def _compiled() -> nn.Module:
    return torch.compile(Tagger(), backend="eager")  # type: ignore[return-value]


def _compiled_in_place() -> nn.Module:
    model = Tagger()
    model.rnn.compile(backend="eager")
    return model


def _parallel() -> nn.Module:
    parallel = nn.DataParallel(Tagger())
    parallel.device_ids = [0, 1]  # as it has where there are two
    return parallel


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_Scripted, "'rnn' is a scripted LSTM"),
        (_Quantised, "'rnn' is a quantised LSTM"),
        (_compiled, "'_orig_mod.rnn' runs inside of what torch.compile has made of the model"),
        (_compiled_in_place, "'rnn' runs inside of what torch.compile has made of 'rnn'"),
        (_parallel, "'module.rnn' stands in the model, a DataParallel"),
        (lambda: nn.Linear(2, 2), "Linear holds no recurrent module that can be watched"),
        (lambda: "a model", "what is watched is a torch.nn.Module; got str"),
    ],
    ids=["scripted", "quantised", "compiled", "compiled in place", "parallel", "none", "no model"],
)
def test_what_cannot_be_watched_is_named(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(WatchError, match=sentence):
        rnnlab.watch(make())


def test_what_cannot_be_watched_beside_what_can_is_a_warning() -> None:
    model = Tagger()
    model.add_module("other", _Scripted())
    flow = rnnlab.watch(model)
    with pytest.warns(UserWarning, match=r"'other\.rnn' is a scripted LSTM"), flow:
        model(inputs()).mean().backward()
    assert flow.modules == ("rnn",)
    with pytest.raises(WatchError, match=r"'other\.rnn' is a scripted LSTM"):
        _ = flow["other.rnn"]


def test_a_reduction_that_is_none_is_refused() -> None:
    with pytest.raises(WatchError, match="'mean' or 'sum'; got 'avg'"):
        rnnlab.watch(Tagger(), reduction="avg")  # type: ignore[arg-type]
