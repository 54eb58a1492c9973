"""A second way to every group of quantities: from dense Jacobians, each quantity by its definition, in numpy.

No code of rnnlab.flow is used: no partial derivative that is written down there, no scaling by powers of two, no pull
through all timesteps at once, and PyTorch not at all. What comes out has the shape of one record, (L, ...).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rnnlab.audit.dense import DenseLayer, DenseNet, pull_back
from rnnlab.nets import GRU, LSTM, Elman
from rnnlab.nets.cells.antisymmetric import Antisymmetric
from rnnlab.nets.cells.mingru import MinGRU

Arrays = Mapping[str, np.ndarray]
"""By quantity, of one record."""


@dataclass(frozen=True)
class Expected:
    """What a quantity should be; a difference counts in parts of `size`, and not at all where that is infinite."""

    values: np.ndarray
    size: np.ndarray


def _relative(values: np.ndarray) -> Expected:
    """Expect norms: each is right in its own digits, down to the end of float64's normal numbers."""
    return Expected(values, np.maximum(np.abs(values), 1e-290))


def _absolute(values: np.ndarray) -> Expected:
    """Expect logarithms, cosines, shares: right to the last digits of 1, or of themselves where they are larger."""
    return Expected(values, np.maximum(np.where(np.isfinite(values), np.abs(values), 1.0), 1.0))


def base(net: DenseNet, _measured: Arrays) -> dict[str, Expected]:
    """Take lengths of every gradient, and what is said of them over the sequences.

    The other arrays of the group are no sums over sequences, but what the rest of a check is about.
    """
    hidden = net.case.architecture.hidden_size
    total_LTBN = pull_back(net, net.exits_TBH).total_LTBN
    norms_LTB = np.stack([np.linalg.norm(total_TBN[..., :hidden], axis=-1) for total_TBN in total_LTBN])
    logs_LTB, lives_LTB = np.log(norms_LTB), norms_LTB > 0
    living_LT = np.where(lives_LTB, logs_LTB, 0.0).sum(axis=-1) / np.maximum(lives_LTB.sum(axis=-1), 1)
    quantiles = {"grad_log_low": 0.1, "grad_log_median": 0.5, "grad_log_high": 0.9}
    return {
        "grad_norm": _relative(norms_LTB.mean(axis=-1)),
        "grad_log_norm": _absolute(logs_LTB.mean(axis=-1)),
        "grad_zero_share": _absolute((~lives_LTB).mean(axis=-1)),
        "grad_log_living": _absolute(np.where(lives_LTB.any(axis=-1), living_LT, -np.inf)),
        **{name: _absolute(_quantile(logs_LTB, share)) for name, share in quantiles.items()},
    }


def _quantile(values: np.ndarray, share: float) -> np.ndarray:
    """Give a quantile over the last axis, linear between neighbours; -inf between -inf and anything."""
    ordered, place = np.sort(values, axis=-1), share * (values.shape[-1] - 1)
    below, part = int(place), place - int(place)
    low, high = ordered[..., below], ordered[..., min(below + 1, values.shape[-1] - 1)]
    return np.where(np.isneginf(low), -np.inf, low if part == 0 else low * (1 - part) + high * part)


def lags(net: DenseNet, _measured: Arrays) -> dict[str, Expected]:
    """Go back from the loss of one timestep after the other, and sort the uses of W_hh by their distance."""
    timesteps, sequences, _ = net.exits_TBH.shape
    is_antisymmetric = type(net.case.architecture.cell) is Antisymmetric  # where W_hh is used as W_hh - W_hhᵀ
    parts = [np.zeros((timesteps, *layer.weight_hh_GH.shape)) for layer in net.layers]
    for loss_at in range(timesteps):
        exits_TBH = np.zeros_like(net.exits_TBH)
        exits_TBH[loss_at] = net.exits_TBH[loss_at]
        backward = pull_back(net, exits_TBH)
        for part_KGH, layer, total_TBN in zip(parts, net.layers, backward.total_LTBN, strict=True):
            for t in range(loss_at + 1):
                product_BG = np.einsum("bn,bng->bg", total_TBN[t], layer.by_product_TBNG[t])
                use_GH = product_BG.T @ layer.h_before_TBH[t] / sequences
                part_KGH[loss_at - t] += use_GH - use_GH.T if is_antisymmetric else use_GH
    rows_LKW = np.stack([part_KGH.reshape(timesteps, -1) for part_KGH in parts])
    whole_LW, sums_LKW = rows_LKW.sum(axis=1), rows_LKW.cumsum(axis=1)
    squares_L1 = np.square(whole_LW).sum(axis=-1, keepdims=True)
    share_LK = _over(np.einsum("lkw,lw->lk", rows_LKW, whole_LW), squares_L1)
    lengths_LK = np.linalg.norm(sums_LKW, axis=-1) * np.sqrt(squares_L1)
    return {
        "lag_norm": _relative(np.linalg.norm(rows_LKW, axis=-1)),
        "lag_share": Expected(share_LK, np.maximum(1.0, np.abs(share_LK).sum(axis=-1, keepdims=True))),
        "lag_truncated_cosine": _absolute(_over(np.einsum("lkw,lw->lk", sums_LKW, whole_LW), lengths_LK)),
    }


def _over(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide, and give 0 for 0 / 0."""
    return np.where(denominator == 0, 0.0, numerator / np.where(denominator == 0, 1.0, denominator))


def products(net: DenseNet) -> tuple[np.ndarray, np.ndarray]:
    """Give ln of the largest singular value of the product from T to t, and ln of the root mean square of all."""
    norms, rms = [], []
    for layer in net.layers:
        steps_TBNN = layer.by_state_TBNN
        product_BNN = np.broadcast_to(np.eye(steps_TBNN.shape[-1]), steps_TBNN.shape[1:])
        logs_B = np.zeros(steps_TBNN.shape[1])
        by_time = []
        for t in reversed(range(len(steps_TBNN))):
            values_BN = np.linalg.svd(product_BNN, compute_uv=False)
            by_time.append((np.log(values_BN[:, 0]) + logs_B, np.log(np.square(values_BN).mean(axis=-1)) / 2 + logs_B))
            product_BNN = product_BNN @ steps_TBNN[t]
            largest_B = np.abs(product_BNN).max(axis=(-2, -1))
            largest_B = np.where(largest_B > 0, largest_B, 1.0)
            product_BNN, logs_B = product_BNN / largest_B[:, None, None], logs_B + np.log(largest_B)
        norm_TB, rms_TB = (np.stack(each[::-1]) for each in zip(*by_time, strict=True))
        norms.append(norm_TB)
        rms.append(rms_TB)
    return np.stack(norms), np.stack(rms)


def jacobians(net: DenseNet, _measured: Arrays) -> dict[str, Expected]:
    """Take singular values of products and of steps, and for Elman nets lengths along the gradient."""
    norm_LTB, rms_LTB = products(net)
    steps_LTB = np.log([np.linalg.svd(layer.by_state_TBNN, compute_uv=False)[..., 0] for layer in net.layers])
    found = {
        "product_log_norm": norm_LTB.mean(axis=-1),
        "product_log_rms": rms_LTB.mean(axis=-1),
        "step_log_norm": steps_LTB.mean(axis=-1),
    }
    if type(net.case.architecture.cell) is Elman:
        total_LTBN = pull_back(net, net.exits_TBH).total_LTBN
        gains = [_gains(layer, total_TBN[1:]) for layer, total_TBN in zip(net.layers, total_LTBN, strict=True)]
        found["gain_nonlinearity"], found["gain_matrix"] = (np.stack(each) for each in zip(*gains, strict=True))
    return {name: _absolute(values) for name, values in found.items()}


def _gains(layer: DenseLayer, total_TBN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give both factors of the gain from t + 1 to t, means over the sequences whose gradient passes, (T - 1,) each."""
    inside_TBG = np.einsum("tbn,tbng->tbg", total_TBN, layer.by_product_TBNG[1:])
    back_TBN = np.einsum("tbn,tbnm->tbm", total_TBN, layer.by_state_TBNN[1:])
    length, inside, back = (np.log(np.linalg.norm(each, axis=-1)) for each in (total_TBN, inside_TBG, back_TBN))
    passes_TB = ~np.isneginf(back)
    count_T = passes_TB.sum(axis=-1)
    means = [
        np.where(passes_TB, ratio_TB, 0.0).sum(axis=-1) / np.maximum(count_T, 1)
        for ratio_TB in (inside - length, back - inside)
    ]
    return np.where(count_T > 0, means[0], -np.inf), np.where(count_T > 0, means[1], 0.0)


def split(net: DenseNet, _measured: Arrays) -> dict[str, Expected]:
    """Take lengths of both parts of every gradient, and the angle between them."""
    backward, hidden = pull_back(net, net.exits_TBH), net.case.architecture.hidden_size
    direct_LTBH = np.stack(backward.direct_LTBH)
    back_LTBH = np.stack([back_TBN[..., :hidden] for back_TBN in backward.back_LTBN])
    lengths = [np.linalg.norm(part, axis=-1) for part in (direct_LTBH, back_LTBH)]
    units = [_over(part, length[..., None]) for part, length in zip((direct_LTBH, back_LTBH), lengths, strict=True)]
    return {
        "direct_norm": _relative(lengths[0].mean(axis=-1)),
        "backflow_norm": _relative(lengths[1].mean(axis=-1)),
        "split_cosine": _absolute((units[0] * units[1]).sum(axis=-1).mean(axis=-1)),
    }


def exponent(net: DenseNet, _measured: Arrays) -> dict[str, Expected]:
    """Let one perturbation pass through all steps, and compare its length at the end with that after the washout.

    It begins as 1.5 + sin(n²), n from 0, a direction with a part in every other.
    """
    means, stderrs = [], []
    for layer in net.layers:
        steps_TBNN = layer.by_state_TBNN
        timesteps, sequences, size, _ = steps_TBNN.shape
        tangent_BN = np.broadcast_to(1.5 + np.sin(np.arange(size) ** 2.0), (sequences, size))
        logs_TB = []
        for steps_BNN in steps_TBNN:
            tangent_BN = np.einsum("bnm,bm->bn", steps_BNN, tangent_BN)
            logs_TB.append(np.log(np.linalg.norm(tangent_BN, axis=-1)))
        washout = timesteps // 4
        before_B = logs_TB[washout - 1] if washout else np.log(np.linalg.norm(1.5 + np.sin(np.arange(size) ** 2.0)))
        grown_B = np.where(np.isneginf(logs_TB[-1]), -np.inf, logs_TB[-1] - before_B) / (timesteps - washout)
        means.append(grown_B.mean())
        stderrs.append(grown_B.std(ddof=min(1, sequences - 1)) / np.sqrt(sequences))
    mean_L = np.array(means)
    stderr_L = np.where(np.isneginf(mean_L), 0.0, stderrs)
    return {"exponent": _absolute(mean_L), "exponent_stderr": Expected(stderr_L, np.ones_like(stderr_L))}


_TRUSTED = 1e-5
"""A pivot of QR that is smaller than this part of its column has too few digits left to be compared."""


def lyapunov(net: DenseNet, measured: Arrays) -> dict[str, Expected]:
    """Push all directions through the dense Jacobians, with numpy's QR at every step."""
    found = [_exponents(layer.by_state_TBNN) for layer in net.layers]
    mean_LN, stderr_LN, trusted_LN = (np.stack(each) for each in zip(*found, strict=True))
    dimensions_L = np.array([_dimension(exponents_N) for exponents_N in measured["exponents"]])
    return {
        "exponents": Expected(mean_LN, np.where(trusted_LN, np.maximum(np.abs(mean_LN), 1.0), np.inf)),
        "exponents_stderr": Expected(stderr_LN, np.where(trusted_LN, 1.0, np.inf)),
        "attractor_dimension": _absolute(dimensions_L),
    }


def _exponents(steps_TBNN: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give mean and standard error of each exponent, largest first, and which of them QR knows well enough, (N,)."""
    timesteps, sequences, size, _ = steps_TBNN.shape
    washout = timesteps // 4
    q_BNN, total_BN, worst_BN = np.eye(size), np.zeros((sequences, size)), np.ones((sequences, size))
    for t, steps_BNN in enumerate(steps_TBNN):
        q_BNN, r_BNN = np.linalg.qr(steps_BNN @ q_BNN)
        pivots_BN = np.abs(np.diagonal(r_BNN, axis1=-2, axis2=-1))
        worst_BN = np.minimum(worst_BN, _over(pivots_BN, np.linalg.norm(r_BNN, axis=-2)))
        if t >= washout:
            total_BN = total_BN + np.log(pivots_BN)
    by_sequence_BN = total_BN / (timesteps - washout)
    mean_N = by_sequence_BN.mean(axis=0)
    stderr_N = by_sequence_BN.std(axis=0, ddof=min(1, sequences - 1)) / np.sqrt(sequences)
    trusted_N = np.minimum.accumulate(worst_BN.min(axis=0)) > _TRUSTED  # behind a lost direction all is arbitrary
    order_N = np.argsort(-mean_N, kind="stable")
    return mean_N[order_N], stderr_N[order_N], trusted_N[order_N]


def _dimension(exponents_N: np.ndarray) -> float:
    """Count exponents as long as their sum is not negative, and add the part of the next that it makes up for."""
    total = 0.0
    for count, exponent in enumerate(exponents_N):
        if total + exponent < 0:
            return float(count + total / abs(exponent))
        total += exponent
    return float(len(exponents_N))


def bounds(net: DenseNet, measured: Arrays) -> dict[str, Expected]:
    """Take each power by itself, and the departure from the triangular form in a basis made of eigenvectors."""
    if type(net.case.architecture.cell) is not Elman:
        return {}
    logs, departures, sizes, peaks = [], [], [], []
    for index, layer in enumerate(net.layers):
        matrix_HH, lags_K = layer.weight_hh_GH, range(len(layer.h_before_TBH))
        norms_K = np.array([np.linalg.norm(np.linalg.matrix_power(matrix_HH, k), 2) for k in lags_K])
        logs.append(np.log(norms_K))
        departure, size = _departure(matrix_HH, float(measured["departure"][index]))
        departures.append(departure)
        sizes.append(size)
        claimed = int(measured["transient_at"][index])  # several powers may be as large, but for rounding
        is_peak = norms_K[claimed] >= norms_K.max() * (1 - 1e-12)
        peaks.append((norms_K.max(), claimed if is_peak else int(norms_K.argmax())))
    peak_L, at_L = (np.array(each, dtype=np.float64) for each in zip(*peaks, strict=True))
    return {
        "power_log_norm": _absolute(np.stack(logs)),
        "departure": Expected(np.array(departures), np.array(sizes)),
        "transient_peak": _relative(peak_L),
        "transient_at": _absolute(at_L),
    }


def _departure(matrix_HH: np.ndarray, measured: float) -> tuple[float, float]:
    """Give the departure from normality and the size of a difference that counts as a whole one.

    It is the root of a difference: its square is known to the digits of ‖W‖², and no better than eigenvectors that
    nearly coincide let the matrix become triangular.
    """
    basis, _ = np.linalg.qr(np.linalg.eig(matrix_HH)[1])
    triangular = basis.conj().T @ matrix_HH @ basis
    square, departure = np.square(np.linalg.norm(matrix_HH)), float(np.linalg.norm(np.triu(triangular, 1)))
    below = float(np.linalg.norm(np.tril(triangular, -1))) / max(np.sqrt(square), 1e-290)
    return departure, max(float(square * (1 + below / 1e-12) / max(departure + measured, 1e-290)), 1e-290)


def activity(net: DenseNet, _measured: Arrays) -> dict[str, Expected]:
    """Read slopes off the Jacobians of an Elman net, gates off the pre-activations of the others."""
    cell = net.case.architecture.cell
    if type(cell) is Elman:
        slopes_LTBH = np.stack([np.abs(np.diagonal(layer.by_product_TBNG, axis1=-2, axis2=-1)) for layer in net.layers])
        means = {"derivative_mean": slopes_LTBH, "saturated_share": (slopes_LTBH < 0.1).astype(np.float64)}
        return {name: _absolute(values.mean(axis=(-2, -1))) for name, values in means.items()}
    read, (kept, kept_name) = _GATES[type(cell)], _KEPT[type(cell)]
    by_layer = [read(layer.total_TBG) for layer in net.layers]
    values = {gate: np.stack([gates[gate] for gates in by_layer]) for gate in by_layer[0]}
    found = {f"gate_{gate}_mean": gate_LTBH.mean(axis=(-2, -1)) for gate, gate_LTBH in values.items()}
    log_kept_LTBH = np.log(values[kept])
    found[kept_name] = log_kept_LTBH.mean(axis=(-2, -1))
    timesteps = log_kept_LTBH.shape[1]
    largest_LTB = np.stack([log_kept_LTBH[:, t + 1 :].sum(axis=1).max(axis=-1) for t in range(timesteps)], axis=1)
    found["highway_share"] = (largest_LTB - products(net)[0]).mean(axis=-1)
    return {name: _absolute(each) for name, each in found.items()}


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-a)))


def _lstm_gates(total_TBG: np.ndarray) -> dict[str, np.ndarray]:
    i, f, _, o = np.split(total_TBG, 4, axis=-1)
    return {"i": _sigmoid(i), "f": _sigmoid(f), "o": _sigmoid(o)}


def _gru_gates(total_TBG: np.ndarray) -> dict[str, np.ndarray]:
    r, z, _ = np.split(total_TBG, 3, axis=-1)
    return {"r": _sigmoid(r), "z": _sigmoid(z)}


def _mingru_gates(total_TBG: np.ndarray) -> dict[str, np.ndarray]:
    """Call what is kept f: z is what is let in."""
    return {"f": _sigmoid(-np.split(total_TBG, 2, axis=-1)[0])}


_GATES: dict[type, Callable[[np.ndarray], dict[str, np.ndarray]]] = {
    LSTM: _lstm_gates,
    GRU: _gru_gates,
    MinGRU: _mingru_gates,
}
"""What reads the gates off the pre-activations."""

_KEPT: dict[type, tuple[str, str]] = {
    LSTM: ("f", "forget_log_mean"),
    GRU: ("z", "keep_log_mean"),
    MinGRU: ("f", "forget_log_mean"),
}
"""The gate that keeps the old state, and what the mean of its logarithm is called."""

SECOND_WAYS: dict[str, Callable[[DenseNet, Arrays], dict[str, Expected]]] = {
    "base": base,
    "exponent": exponent,
    "lags": lags,
    "jacobians": jacobians,
    "lyapunov": lyapunov,
    "split": split,
    "bounds": bounds,
    "activity": activity,
}
"""By group."""
