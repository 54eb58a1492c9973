"""Whether the slope over the T timesteps of a task tells what gradients do over a long time.

The slope of ln ‖dL/dh_t‖ and the exponent measure the same rate, with opposite signs, and share no code: a slope above
0 falls on the way back, as an exponent below 0 does. Over few timesteps the slope is of a transient: it may miss the
rate by some 3/T, and even its sign. Where the loss is of all timesteps, each feeds its own part into dL/dh_t: then the
slope tells what the whole does, and nothing of how one part vanishes on its way.
"""

from __future__ import annotations

STANDARD_ERRORS = 2.0
"""An exponent is known to so many standard errors: 95 % of its estimates are within."""

TRANSIENT = 3.0
"""ln ‖dL/dh_t‖ wanders by about so much at the ends of a sequence before it falls or grows steadily: divided by T it is
what the slope may be off by. It holds for the 19 nets of `tests/flow/groups/test_lyapunov.py`."""

NOTHING = 1e-6
"""A rate below is none: it takes a million timesteps to change a gradient by a factor of e."""


def tells_the_sign(exponent: float, stderr: float) -> bool:
    """Tell whether an exponent is known to be above or below 0."""
    return abs(exponent) > max(STANDARD_ERRORS * stderr, NOTHING)


def signs_differ(slope: float, exponent: float, stderr: float) -> bool:
    """Tell whether gradients vanish by one measure and explode by the other."""
    return tells_the_sign(exponent, stderr) and abs(slope) > NOTHING and (slope > 0) == (exponent > 0)


def rates_agree(slope: float, exponent: float, stderr: float, timesteps: int) -> bool:
    """Tell whether both measure one rate, as far as T timesteps can tell."""
    return abs(slope + exponent) <= STANDARD_ERRORS * stderr + TRANSIENT / timesteps


def disagreement(
    slope: float | None, exponent: float | None, stderr: float | None, timesteps: int, *, last_timestep_only: bool
) -> str:
    """Say in a sentence how a slope misleads; empty where it does not, or where one of the numbers is missing."""
    if slope is None or exponent is None or stderr is None:
        return ""
    direction = "vanish" if exponent < 0 else "explode"
    if signs_differ(slope, exponent, stderr):
        why = f"{timesteps} timesteps are a transient" if last_timestep_only else _FED
        return f"the slope is no rate, {why}; over a long time gradients {direction}"
    if last_timestep_only and not rates_agree(slope, exponent, stderr, timesteps):
        return f"the slope over {timesteps} timesteps is not the rate of a long time, which is the exponent"
    return ""


_FED = "since the loss of every timestep adds to dL/dh_t"
