"""Which engine trains: decided without importing PyTorch, so that a sweep can plan while its workers still start."""

from __future__ import annotations

from rnnlab.training import native_library
from rnnlab.training.errors import EngineError
from rnnlab.training.needs import Needs
from rnnlab.words import did_you_mean

ENGINES = ("auto", "torch", "native")
"""What --engine takes; auto is the fastest that can train the net."""

DEVICES = ("cpu", "cuda", "auto")
"""What --device takes; auto is CUDA where there is one."""

_KEEP_BITS = frozenset({"native"})
"""Engines that give a net the same bits in any stack."""


def keeps_bits_in_any_stack(engine: str) -> bool:
    """Tell whether a net's bits are its own with an engine, so that only the nets that are wanted need training."""
    return engine in _KEEP_BITS


def choose_engine(name: str = "auto", device: str = "cpu", needs: Needs | None = None) -> str:
    """Give `torch` or `native`; `auto` is `native` on the CPU where it is built and can train what is needed.

    Args:
        name: one of ENGINES.
        device: one of DEVICES.
        needs: what is to be trained, where that is known already; else the question is put off until a session opens.

    Raises:
        EngineError: there is no such engine or device, or the engine cannot be used here; the message says what to do.
    """
    if name not in ENGINES:
        raise EngineError(f"there is no engine '{name}'; valid: {', '.join(ENGINES)}{did_you_mean(name, ENGINES)}")
    if device not in DEVICES:
        raise EngineError(f"there is no device '{device}'; valid: {', '.join(DEVICES)}")
    if name == "torch" or (name == "auto" and device != "cpu"):
        return "torch"
    if device == "cuda":
        raise EngineError("the native engine trains on the CPU; use --device cpu, or --engine torch")
    reason = _why_not_native(needs)
    if reason and name == "native":
        raise EngineError(reason)
    return "torch" if reason else "native"


def available_engines(needs: Needs | None = None) -> list[str]:
    """Give the names of the engines that can train here, or can train what is needed."""
    return ["torch"] if _why_not_native(needs) else ["torch", "native"]


def _why_not_native(needs: Needs | None) -> str | None:
    missing = native_library.missing()
    if missing or needs is None:
        return missing
    from rnnlab.training.native_engine import why_not  # only here, for what it imports

    return why_not(needs)
