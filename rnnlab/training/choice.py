"""Which engine trains: decided without importing PyTorch, so that a sweep can plan while its workers still start."""

from __future__ import annotations

from rnnlab.training import native_library
from rnnlab.training.errors import EngineError

ENGINES = ("auto", "torch", "native")
"""What --engine takes; auto is the fastest that can train the net."""

DEVICES = ("cpu", "cuda", "auto")
"""What --device takes; auto is CUDA where there is one."""

_KEEP_BITS = frozenset({"native"})
"""Engines that give a net the same bits in any stack."""


def keeps_bits_in_any_stack(engine: str) -> bool:
    """Tell whether a net's bits are its own with an engine, so that only the nets that are wanted need training."""
    return engine in _KEEP_BITS


def choose_engine(name: str = "auto", device: str = "cpu") -> str:
    """Give `torch` or `native`; `auto` is `native` on the CPU where it is built.

    Raises:
        EngineError: there is no such engine or device, or the engine cannot be used here; the message says what to do.
    """
    if name not in ENGINES:
        raise EngineError(f"there is no engine '{name}'; valid: {', '.join(ENGINES)}")
    if device not in DEVICES:
        raise EngineError(f"there is no device '{device}'; valid: {', '.join(DEVICES)}")
    if name == "native" and device == "cuda":
        raise EngineError("the native engine trains on the CPU; use --device cpu, or --engine torch")
    if name == "native":
        native_library.load()
        return name
    return "native" if name == "auto" and device == "cpu" and native_library.missing() is None else "torch"


def available_engines() -> list[str]:
    """Give the names of the engines that can train here."""
    return ["torch"] if native_library.missing() else ["torch", "native"]
