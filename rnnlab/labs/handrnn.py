"""RNN arithmetic, bigram language models as RNNs, and backpropagation as a sum over paths.

    h_t = σ(U x_t + V h_{t-1}),  h_0 = 0        o_t = W h_t        (no biases)

A bigram model, Pr(next = j | now = i) = P_ij, is such a net: σ the identity, V = 0, U and W with W U = Pᵀ. Its
output after token i is row i of P.

For a scalar net with L = Σ_k (o_k - target_k)², U reaches L along N (N + 1) / 2 paths: it enters h_t, h_t leads to
h_k, h_k to o_k. With z_t = U x_t + V h_{t-1}:

    dL/dU = Σ_k Σ_{t<=k}  2 (o_k - target_k) · W · Π_{j=t+1..k} σ'(z_j) V · σ'(z_t) x_t

N timesteps, d numbers in each input and output, V words in a vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rnnlab.labs.report import LabReport, LabSection, compare, show
from rnnlab.nets import identity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Sigma = Callable[[Tensor], Tensor]
Scalar = float | Tensor
Term = tuple[int, int, Tensor]


def forward(inputs: Tensor, dim: int, U: Tensor, V: Tensor, W: Tensor, sigma: Sigma = torch.relu) -> Tensor:
    """Run the net over one sequence.

    Args:
        inputs: x_1 .. x_N, (N, d).
        dim: the number of hidden units.
        U: (dim, d).
        V: (dim, dim).
        W: (d, dim).
        sigma: the nonlinearity, a function of a tensor.

    Returns:
        The outputs o_1 .. o_N, (N, d), in the type of the weights (or of the inputs, if that is finer).

    Raises:
        ValueError: the shapes do not go together.
    """
    if inputs.dim() != 2 or U.shape != (dim, inputs.shape[1]) or V.shape != (dim, dim) or W.shape[1:] != (dim,):
        shapes = ", ".join(str(tuple(value.shape)) for value in (inputs, U, V, W))
        raise ValueError(
            f"inputs, U, V, W must have shapes (N, d), ({dim}, d), ({dim}, {dim}), (d, {dim}) for dim={dim}; "
            f"got {shapes}"
        )
    dtype = torch.promote_types(inputs.dtype, U.dtype)
    inputs, U, V, W = (value.to(dtype) for value in (inputs, U, V, W))
    h = inputs.new_zeros(dim)
    outputs = inputs.new_zeros(len(inputs), len(W))
    rows = []
    for x in inputs:
        h = sigma(U @ x + V @ h)
        rows.append(W @ h)
    return torch.stack(rows) if rows else outputs


def sequence_probability(sequence: Tensor, P: Tensor) -> Tensor:
    """Give the probability of a sequence under a bigram model; its first token is free.

    Args:
        sequence: one-hot tokens, (N, V).
        P: the table, (V, V); row i holds the probabilities of what follows i.

    Returns:
        A scalar.

    Raises:
        ValueError: the shapes do not go together.
    """
    if P.dim() != 2 or P.shape[0] != P.shape[1] or sequence.dim() != 2 or sequence.shape[1] != P.shape[0]:
        raise ValueError(f"sequence and P must be (N, V) and (V, V); got {tuple(sequence.shape)} and {tuple(P.shape)}")
    now, following = sequence[:-1].to(P.dtype), sequence[1:].to(P.dtype)
    return ((now @ P) * following).sum(dim=1).prod()


def bigram_rnn(P: Tensor) -> tuple[Sigma, Tensor, Tensor, Tensor]:
    """Give the RNN that is a bigram model: its output after token i is row i of P.

    With U the identity h_t is x_t itself, so W must be Pᵀ.

    Returns:
        σ, U, V and W; the matrices are all (V, V), so there are as many hidden units as words.

    Raises:
        ValueError: P is not square.
    """
    if P.dim() != 2 or P.shape[0] != P.shape[1]:
        raise ValueError(f"P must be (V, V), a row for each word; got {tuple(P.shape)}")
    return identity, torch.eye(len(P), dtype=P.dtype, device=P.device), torch.zeros_like(P), P.T.clone()


def count_paths(N: int) -> int:
    """Count the paths from U to L over N timesteps: one for each t <= k."""
    if N < 0:
        raise ValueError(f"a sequence has no fewer than 0 timesteps; got {N}")
    return N * (N + 1) // 2


def path_sum(
    U: Scalar, V: Scalar, W: Scalar, xs: Sequence[Scalar] | Tensor, targets: Sequence[Scalar] | Tensor, sigma: Sigma
) -> tuple[Tensor, list[Term]]:
    """Give dL/dU of a scalar net as the sum over all paths from U to L.

    Args:
        U: a number, as V and W.
        V: a number.
        W: a number.
        xs: x_1 .. x_N.
        targets: as many.
        sigma: the nonlinearity, a function of a tensor.

    Returns:
        The gradient, and (k, t, term) for each path, counted from 1: through h_t, h_{t+1}, .., h_k and o_k. The terms
        add up to the gradient. All are in the type of U if that is a floating tensor, else float64.

    Raises:
        ValueError: there are not as many targets as inputs, or something is not a number.
    """
    if len(xs) != len(targets):
        raise ValueError(f"xs and targets must be equally many; got {len(xs)} and {len(targets)}")
    dtype = U.dtype if isinstance(U, Tensor) and U.is_floating_point() else torch.float64
    u, v, w = (_number(value, dtype) for value in (U, V, W))
    x, target = [_number(value, dtype) for value in xs], [_number(value, dtype) for value in targets]
    h, slope = _run_scalar(u, v, x, sigma)
    terms: list[Term] = []
    for k in range(len(x)):
        path = 2 * (w * h[k] - target[k]) * w  # dL/do_k do_k/dh_k; grows backwards by a factor a step
        for t in reversed(range(k + 1)):
            terms.append((k + 1, t + 1, path * slope[t] * x[t]))  # dh_t/dU with h_{t-1} held fixed
            path = path * slope[t] * v  # dh_t/dh_{t-1}
    terms.sort(key=lambda term: term[:2])
    return sum((term for _, _, term in terms), torch.zeros((), dtype=dtype)), terms


def _number(value: Scalar, dtype: torch.dtype) -> Tensor:
    tensor = torch.as_tensor(value, dtype=dtype).detach()
    if tensor.numel() != 1:
        raise ValueError(f"path_sum is of a scalar net: every number stands alone; got shape {tuple(tensor.shape)}")
    return tensor.reshape(())


def _run_scalar(u: Tensor, v: Tensor, x: Sequence[Tensor], sigma: Sigma) -> tuple[list[Tensor], list[Tensor]]:
    """Give h_t and σ'(z_t) for each t.

    σ is known only as a function, so autograd is asked for its derivative at one number. That is all it does here:
    the chain rule over time is the sum above.
    """
    h, states, slopes = u.new_zeros(()), [], []
    for x_t in x:
        z = (u * x_t + v * h).requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(sigma(z), z)
        h = sigma(z).detach()
        states.append(h)
        slopes.append(slope)
    return states, slopes


def carry_out() -> LabReport:
    """Carry out the worked derivative, a bigram model as an RNN, and the path sum against autograd."""
    xs, targets = [0.5, -1.0, 2.0, 0.3, -0.7, 1.1], [0.2, 0.1, -0.4, 0.6, 0.0, -0.3]
    terms = path_sum(0.8, 0.9, 1.2, xs, targets, torch.tanh)[1]
    sections = [_worked_example(), *_bigram(), *_paths(xs, targets)]
    return LabReport(sections, partial(_draw, terms, len(xs)))


def _worked_example() -> LabSection:
    """Take dh_1/dU of h_1 = relu(U x_1) in its only hidden unit's row: relu'(z_1) x_1."""
    U = torch.tensor([[-0.3, 0.6], [0.2, 0.1]], dtype=torch.float64, requires_grad=True)
    x_1 = torch.tensor([0.0, 1.0], dtype=torch.float64)
    h_1 = torch.relu(U @ x_1)
    (dh_11_dU,) = torch.autograd.grad(h_1[0], U)
    by_hand = (h_1[0] > 0) * x_1
    steps = [
        compare("dh_11/dU_11, by hand", by_hand[0].item(), 0, tolerance=0),
        compare("dh_11/dU_11, by autograd", dh_11_dU[0, 0].item(), 0, tolerance=0),
        show("dh_11/dU_12, by hand", by_hand[1].item()),
        show("dh_11/dU_12, by autograd", dh_11_dU[0, 1].item()),
    ]
    return LabSection("The worked partial derivative: it is 0, for x_1 = [0, 1]", steps)


def _bigram() -> list[LabSection]:
    P = torch.tensor([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25], [0.2, 0.0, 0.8]], dtype=torch.float64)
    tokens = [0, 1, 0, 2]
    sequence = torch.eye(3, dtype=torch.float64)[tokens]
    sigma, U, V, W = bigram_rnn(P)
    outputs = forward(sequence, 3, U, V, W, sigma)
    rows = [compare(f"after token {i}", outputs[n].tolist(), P[i].tolist()) for n, i in enumerate(tokens)]
    probability = sequence_probability(sequence, P).item()
    return [
        LabSection("A bigram model as an RNN: its outputs", rows, "row of P", ("next: 0", "next: 1", "next: 2")),
        LabSection(
            "Probability of the tokens 0, 1, 0, 2",
            [compare("P_01 P_10 P_02", probability, 0.6 * 0.5 * 0.3, digits=12)],
            beside="product",
        ),
    ]


def _paths(xs: list[float], targets: list[float]) -> list[LabSection]:
    counts, sums = [], []
    for N in range(1, len(xs) + 1):
        gradient, terms = path_sum(0.8, 0.9, 1.2, xs[:N], targets[:N], torch.tanh)
        counts.append(compare(f"N = {N}", len(terms), count_paths(N), digits=0, tolerance=0))
        sums.append(compare(f"N = {N}", gradient.item(), _autograd(xs[:N], targets[:N]), digits=12))
    return [
        LabSection("Paths from U to L in a sequence of length N", counts, beside="N(N+1)/2"),
        LabSection("dL/dU as the sum over these paths", sums, beside="autograd"),
    ]


def _autograd(xs: list[float], targets: list[float]) -> float:
    """Give the same dL/dU by autograd through `forward`."""
    U, V, W = (torch.tensor([[value]], dtype=torch.float64) for value in (0.8, 0.9, 1.2))
    x, y = (torch.tensor(values, dtype=torch.float64)[:, None] for values in (xs, targets))
    U.requires_grad_()
    (gradient,) = torch.autograd.grad((forward(x, 1, U, V, W, torch.tanh) - y).square().sum(), U)
    return gradient.item()


def _draw(terms: list[Term], N: int) -> Figure:
    """Draw the term of every path, one row for each k, one column for each t."""
    from matplotlib.figure import Figure

    table = torch.full((N, N), torch.nan, dtype=torch.float64)
    for k, t, term in terms:
        table[k - 1, t - 1] = term
    largest = table.nan_to_num().abs().max().item()
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(table.numpy(), cmap="RdBu_r", vmin=-largest, vmax=largest)
    for k, t, term in terms:
        colour = "white" if abs(term) > 0.6 * largest else "black"
        axes.text(t - 1, k - 1, f"{term.item():.3f}", ha="center", va="center", color=colour, fontsize="small")
    steps = [str(step) for step in range(1, N + 1)]
    axes.set_xticks(range(N), steps)
    axes.set_yticks(range(N), steps)
    axes.set_xlabel("t: where U enters")
    axes.set_ylabel("k: the output that it reaches")
    axes.set_title(f"dL/dU is the sum of {count_paths(N)} paths")
    figure.colorbar(image, ax=axes, label="term")
    return figure
