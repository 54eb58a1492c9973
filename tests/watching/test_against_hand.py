"""`watch` agrees with nets unrolled by hand, a sequence at a time, and changes nothing of what the model computes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import rnnlab
from rnnlab.watching.seen import Seen
from tests.watching.unrolled import HandState, gradients, kind_of, run_by_hand, step_by_hand

assert_close = partial(torch.testing.assert_close, rtol=1e-12, atol=1e-12)


@dataclass(frozen=True)
class Case:
    """A model, its inputs, and how it is called."""

    kind: str = "LSTM"
    layers: int = 1
    bidirectional: bool = False
    batch_first: bool = False
    bias: bool = True
    proj_size: int = 0
    lengths: tuple[int, ...] = (3, 3)
    form: str = "batched"  # batched, sorted, unsorted, unbatched
    given_state: bool = False
    only_last: bool = False
    reduction: str = "mean"
    seed: int = 0


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kind = draw(st.sampled_from(["tanh", "relu", "LSTM", "GRU"]))
    form = draw(st.sampled_from(["batched", "sorted", "unsorted", "unbatched"]))
    size = 1 if form == "unbatched" else draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(1, 5), min_size=size, max_size=size))
    if form in {"batched", "unbatched"}:
        lengths = [lengths[0]] * size
    elif form == "sorted":
        lengths = sorted(lengths, reverse=True)
    return Case(
        kind=kind,
        layers=draw(st.integers(1, 3)),
        bidirectional=draw(st.booleans()),
        batch_first=draw(st.booleans()),
        bias=draw(st.booleans()),
        proj_size=draw(st.integers(0, 2)) if kind == "LSTM" else 0,
        lengths=tuple(lengths),
        form=form,
        given_state=draw(st.booleans()),
        only_last=draw(st.booleans()),
        reduction=draw(st.sampled_from(["mean", "sum"])),
        seed=draw(st.integers(0, 2**31)),
    )


class Model(nn.Module):
    """A recurrent module somewhere inside of another, and what it is given."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        make: dict[str, Any] = {"tanh": nn.RNN, "relu": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
        options: dict[str, Any] = {"bias": case.bias, "batch_first": case.batch_first}
        options |= {"bidirectional": case.bidirectional, "dtype": torch.float64}
        if case.kind in {"tanh", "relu"}:
            options["nonlinearity"] = case.kind
        if case.proj_size:
            options["proj_size"] = case.proj_size
        self.inside = nn.ModuleDict({"it": make[case.kind](2, 3, case.layers, **options)})

    @property
    def recurrent(self) -> nn.RNNBase:
        module = self.inside["it"]
        assert isinstance(module, nn.RNNBase)
        return module

    def forward(self, x_BTI: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Give outputs (B, T, D H), padded with zeros, and the last states (L D, B, H)."""
        case, lengths = self.case, torch.tensor(self.case.lengths)
        x: Tensor | PackedSequence = x_BTI if case.batch_first else x_BTI.transpose(0, 1)
        parts: tuple[Tensor, ...] = state if case.kind == "LSTM" else state[:1]
        if case.form == "unbatched":
            x, parts = x_BTI[0], tuple(part[:, 0] for part in parts)
        elif case.form != "batched":
            assert isinstance(x, Tensor)
            x = pack_padded_sequence(x, lengths, case.batch_first, enforce_sorted=case.form == "sorted")
        hx = (parts if case.kind == "LSTM" else parts[0]) if case.given_state else None
        output, final = self.recurrent(x, hx)
        if isinstance(output, PackedSequence):
            output, _ = pad_packed_sequence(output, case.batch_first)
        last = final if isinstance(final, tuple) else (final,)
        if case.form == "unbatched":
            return output[None], last[0].unsqueeze(1), last[1].unsqueeze(1) if len(last) > 1 else None
        output = output if case.batch_first else output.transpose(0, 1)
        return output, last[0], last[1] if len(last) > 1 else None


def weighted(output_TH: Tensor, h: Tensor, c: Tensor | None, *, only_last: bool) -> Tensor:
    """Give the loss of one sequence, in which every unit and timestep has a weight of its own."""
    weights_TH = torch.arange(1, output_TH.numel() + 1, dtype=torch.float64).reshape(output_TH.shape).sin()
    loss = (output_TH[-1:] * weights_TH[-1:]).sum() if only_last else (output_TH**2 * weights_TH).sum()
    for number, part in enumerate([h] if c is None else [h, c]):
        loss = loss + (
            part * torch.arange(1, part.numel() + 1, dtype=torch.float64).reshape(part.shape).cos()
        ).sum() * (0.5 + number)
    return loss


def run(model: Model, x_BTI: Tensor, state: tuple[Tensor, Tensor]) -> list[Tensor]:
    """Go forward and backward; gives outputs, last states and the gradients of parameters, inputs and states."""
    case = model.case
    leaves = [*model.parameters(), x_BTI, *state]
    for leaf in leaves:
        leaf.grad = None
    output, h, c = model(x_BTI, state)
    losses = [
        weighted(output[p, :length], h[:, p], None if c is None else c[:, p], only_last=case.only_last)
        for p, length in enumerate(case.lengths)
    ]
    total = torch.stack(losses).sum()
    (total / len(losses) if case.reduction == "mean" else total).backward()
    found = [output.detach(), h.detach(), *([] if c is None else [c.detach()])]
    return found + [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]


def by_hand(model: Model, x_BTI: Tensor, state: tuple[Tensor, Tensor]) -> list[HandState]:
    """Run each sequence alone, and let its own loss go backward."""
    case, found = model.case, []
    for p, length in enumerate(case.lengths):
        first = [part[:, p] if case.given_state else torch.zeros_like(part[:, p]) for part in state]
        hand = run_by_hand(model.recurrent, x_BTI[p, :length], *first)
        h, c = torch.stack(hand.last(hand.h)), torch.stack(hand.last(hand.c))
        output_TH = torch.stack(hand.outputs)
        weighted(output_TH, h, c if case.kind == "LSTM" else None, only_last=case.only_last).backward()
        found.append(hand)
    return found


def assert_agrees(seen: Seen, hands: list[HandState], lengths: tuple[int, ...], *, lstm: bool) -> None:
    """Compare every gradient and state of every sequence, and what must be NaN."""
    layers, directions, timesteps, sequences = seen.dL_dh.shape[:4]
    assert (timesteps, sequences) == (max(lengths), len(lengths))
    for p, (hand, length) in enumerate(zip(hands, lengths, strict=True)):
        pairs = [(seen.dL_dh, gradients(hand.h)), (seen.h, torch.stack([torch.stack(h) for h in hand.h.values()]))]
        if lstm:
            pairs.append((seen.dL_dc, gradients(hand.c)))
            pairs.append((seen.c, torch.stack([torch.stack(c) for c in hand.c.values()])))
        for mine, reference in pairs:
            own = mine[:, :, :length, p].reshape(layers * directions, length, -1)
            assert_close(own, reference.detach())
            assert mine[:, :, length:, p].isnan().all()
    norms = torch.full((layers * directions, timesteps, sequences), torch.nan, dtype=torch.float64)
    for p, (hand, length) in enumerate(zip(hands, lengths, strict=True)):
        norms[:, :length, p] = (gradients(hand.h) ** 2).sum(dim=-1).sqrt()
    shape = layers, directions, timesteps
    for means, each in ((seen.grad_norm, norms), (seen.grad_log_norm, norms.log())):
        assert_close(torch.from_numpy(means), each.nanmean(dim=-1).reshape(shape))


@settings(max_examples=200)
@given(cases())
@example(Case("LSTM", 3, True, True, False, 2, (2, 5, 1), "unsorted", True, False, "mean", 1))
@example(Case("GRU", 2, True, lengths=(1, 4, 4, 2), form="unsorted", given_state=True))
@example(Case("relu", lengths=(5, 2), form="sorted", only_last=True))
def test_gradients_of_generated_models_are_those_of_nets_unrolled_by_hand(case: Case) -> None:
    """And outputs, last states and gradients of parameters, inputs and given states are unchanged to 1e-12."""
    torch.manual_seed(case.seed)
    model = Model(case)
    module = model.recurrent
    width = case.proj_size or 3
    count = case.layers * (2 if case.bidirectional else 1)
    x_BTI = torch.randn(len(case.lengths), max(case.lengths), 2, dtype=torch.float64).requires_grad_()
    state = (
        torch.randn(count, len(case.lengths), width, dtype=torch.float64).requires_grad_(),
        torch.randn(count, len(case.lengths), 3, dtype=torch.float64).requires_grad_(),
    )
    without = run(model, x_BTI, state)
    with rnnlab.watch(model, reduction=case.reduction) as flow:  # type: ignore[arg-type]
        watched = run(model, x_BTI, state)
    for one, other in zip(watched, without, strict=True):
        assert_close(one, other)
    assert flow.modules == ("inside.it",)
    assert "forward" not in vars(module)
    assert_agrees(flow["inside.it"], by_hand(model, x_BTI, state), case.lengths, lstm=case.kind == "LSTM")


@settings(max_examples=40)
@given(st.sampled_from(["tanh", "relu", "LSTM", "GRU"]), st.booleans(), st.integers(1, 5), st.integers(0, 2**31))
def test_calls_of_a_cell_are_the_timesteps_of_one_sequence(kind: str, bias: bool, timesteps: int, seed: int) -> None:
    torch.manual_seed(seed)
    cells: dict[str, Any] = {"LSTM": nn.LSTMCell, "GRU": nn.GRUCell}
    options: dict[str, Any] = {} if kind in cells else {"nonlinearity": kind}
    cell = cells.get(kind, nn.RNNCell)(2, 3, bias=bias, dtype=torch.float64, **options)
    x_TBI = torch.randn(timesteps, 2, 2, dtype=torch.float64)

    def loss_of() -> Tensor:
        state, total = None, torch.zeros(2, dtype=torch.float64)
        for t, x_BI in enumerate(x_TBI):
            state = cell(x_BI, state)
            h_BH = state[0] if isinstance(state, tuple) else state
            total = total + (h_BH**2).sum(dim=-1) * (t + 1)
        return total.mean()

    grads = []
    cell.zero_grad()
    loss_of().backward()
    grads.append([parameter.grad.clone() for parameter in cell.parameters()])
    cell.zero_grad()
    with rnnlab.watch(cell) as flow:
        loss_of().backward()
    grads.append([parameter.grad.clone() for parameter in cell.parameters()])
    for one, other in zip(*grads, strict=True):
        assert_close(one, other)

    hands = []
    for p in range(2):
        h_H = c_H = torch.zeros(3, dtype=torch.float64)
        hand = HandState([], {(0, 0): []}, {(0, 0): []})
        for x_I in x_TBI[:, p]:
            h_H, c_H = step_by_hand(kind_of(cell), x_I, h_H, c_H, lambda name: getattr(cell, name, None))
            h_H.retain_grad()
            hand.h[0, 0].append(h_H)
            hand.c[0, 0].append(c_H)
        total = sum((h**2).sum() * (t + 1) for t, h in enumerate(hand.h[0, 0]))
        assert isinstance(total, Tensor)
        total.backward()
        hands.append(hand)
    assert_agrees(flow[""], hands, (timesteps, timesteps), lstm=kind == "LSTM")
    assert (len(flow[""].calls), len(flow[""].sequences)) == (timesteps, 1)
