"""Where the constants of native/float32.h come from, and how far its functions are from the right float32 number.

    python -m tests.training.fit_functions    fits again, and tries every float32 with every instruction set

tanh: x P(x²) / Q(x²) of least maximum relative error up to 9.011, by Lawson's iteration: least squares, weighted again
and again by the error itself. reciprocal: the integer from which the bits of d are taken, of least error. exp: nothing
is fitted, polynomial and parts of ln 2 are those of expf in Cephes (Moshier 1989).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from rnnlab.training import native_library

HEADER = Path(native_library.__file__).parent / "native" / "float32.h"

END, DEGREE = 9.011, 4
"""Of tanh: from END on float32's tanh is 1; the degree of P and of Q."""

EXACT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "sigmoid": lambda x: np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-np.abs(x)))),
    "exp": np.exp,
}


def constants(function: str) -> list[float]:
    """Give the numbers that a function of the header is written with, in their order there."""
    body = HEADER.read_text().split(f"INLINE vec {function}(", 1)[1].split("\n}", 1)[0]
    return [float(text) for text in re.findall(r"-?\d\.\d*(?:e[+-]\d+)?(?=f\b)", body)]


# tanh


def tanh_of_the_header() -> tuple[np.ndarray, np.ndarray]:
    """Give the coefficients of P and Q, from the constant on."""
    p4, p3, q4, q3, p2, q2, p1, q1 = constants("vtanh")[2:10]  # behind the two limits of x
    return np.array([1.0, p1, p2, p3, p4]), np.array([1.0, q1, q2, q3, q4])


def tanh_error(p: np.ndarray, q: np.ndarray, points: int = 100_001) -> float:
    """Give the largest relative error of x P(x²) / Q(x²) up to END, in exact arithmetic."""
    x = _grid(points)
    return float(np.abs(x * _polynomial(p, x**2) / _polynomial(q, x**2) / np.tanh(x) - 1).max())


def fit_tanh(points: int = 2001, turns: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Fit P and Q, whose constants are 1."""
    x = _grid(points)
    powers, target = (x[:, None] / END) ** (2 * np.arange(1, DEGREE + 1)), np.tanh(x) / x
    # P - target Q = 0 is linear in the coefficients; divided by target Q of the turn before it is the relative error.
    system = np.hstack([powers, -target[:, None] * powers])
    weight, denominator = np.ones_like(x), np.ones_like(x)
    for turn in range(turns):
        scale = np.sqrt(weight) / (target * denominator)
        fitted = np.linalg.lstsq(system * scale[:, None], (target - 1) * scale)[0]
        denominator = 1 + powers @ fitted[DEGREE:]
        error = np.abs((1 + powers @ fitted[:DEGREE]) / denominator / target - 1)
        if turn > 4:  # from where Q has settled
            weight *= error / error.max()
            weight = weight / weight.mean() + 1e-6
    unscaled = fitted.reshape(2, DEGREE) / END ** (2 * np.arange(1, DEGREE + 1))
    return np.append(1.0, unscaled[0]), np.append(1.0, unscaled[1])


def _grid(points: int) -> np.ndarray:
    """Give points that lie closer towards both ends, where errors turn faster."""
    x: np.ndarray = END * (1 - np.cos(np.linspace(0, np.pi, points)[1:])) / 2
    return x


def _polynomial(coefficients: np.ndarray, s: np.ndarray) -> np.ndarray:
    return np.asarray(np.polynomial.polynomial.polyval(s, coefficients))


# reciprocal


def magic_of_the_header() -> int:
    """Give the integer from which the bits of d are taken."""
    return int(re.findall(r"0x[0-9A-F]{8}", HEADER.read_text())[0], 16)


def first_error(magic: int, step: int = 4093) -> float:
    """Give the largest |1 - d r| of the first estimate; two octaves of d are like all others.

    Only every so manyth d is tried.
    """
    bits = np.arange(127 << 23, 129 << 23, step, dtype=np.int32)
    estimate = (np.int32(magic) - bits).view(np.float32).astype(np.float64)
    return float(np.abs(1 - bits.view(np.float32).astype(np.float64) * estimate).max())


def fit_magic() -> int:
    """Find the best integer, by ever smaller steps: the error falls towards it from both sides."""
    best = 0x7EF00000
    for step in (1 << 16, 1 << 12, 1 << 8, 1 << 4, 1):
        best = min((best + turn * step for turn in range(-16, 17)), key=first_error)
    return best


# how far the functions are from the right number


def ulps(y: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Give the distances from the exact values, in units of the last place there of y's precision."""
    nearest = np.minimum(np.abs(exact).astype(y.dtype), np.finfo(y.dtype).max)
    distances: np.ndarray = np.abs(y.astype(exact.dtype) - exact) / np.spacing(nearest).astype(exact.dtype)
    return distances


def worst(library: native_library.Library, function: str) -> tuple[float, float]:
    """Give the largest distance over all float32 whose result is not rounded away, and the number it is at."""
    found = [(0.0, 0.0)]
    for x in _every_float32(-104.0, 88.72 if function == "exp" else 30.0):
        with np.errstate(under="ignore"):
            distances = ulps(library.apply(function, x), EXACT[function](x.astype(np.float64)))
        found.append((float(distances.max()), float(x[distances.argmax()])))
    return max(found)


def _every_float32(first: float, last: float, block: int = 1 << 22) -> Iterator[np.ndarray]:
    """Give blocks of one sign; nearer to 0 than 1e-6 all functions are straight."""
    for sign, end in ((-1, -first), (1, last)):
        start, stop = (int(np.float32(bound).view(np.uint32)) for bound in (1e-6, end))
        for begin in range(start, stop + 1, block):
            bits = np.arange(begin, min(begin + block, stop + 1), dtype=np.uint32)
            yield sign * bits.view(np.float32)


if __name__ == "__main__":
    header, fitted = tanh_of_the_header(), fit_tanh()
    print("tanh     in the header", *header)
    print("         fitted again ", *fitted)
    print(f"         largest relative error {tanh_error(*header):.4g}, of the fit {tanh_error(*fitted):.4g}")
    magic = magic_of_the_header()
    print(f"1 / d    {magic:#x}, first error {first_error(magic, 1):.4%}; fitted again {fit_magic():#x}")
    for instructions in native_library.load().available:
        for function in EXACT:
            distance, at = worst(native_library.load(instructions), function)
            print(f"{function:8} {instructions:9} {distance:.3f} ulp at {at!r}", flush=True)
