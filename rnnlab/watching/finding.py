"""Which modules of a model can be watched, and for each that cannot the reason, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from rnnlab.watching.errors import WatchError, quoted

_RECURRENT = (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell)
_NAMES = {kind.__name__ for kind in _RECURRENT}
_QUANTISED = ("torch.ao.nn.", "torch.nn.quantized", "torch.nn.quantizable")
_COMPILED = "_orig_mod"
"""What torch.compile calls the module inside of its own."""


def find_recurrent(model: nn.Module) -> tuple[dict[str, nn.Module], dict[str, str]]:
    """Find the recurrent modules of a model.

    Returns:
        Those that can be watched, by their names in `model.named_modules()`, and why others cannot.

    Raises:
        WatchError: it is no model, or there is nothing to watch; the message says why.
    """
    if not isinstance(model, nn.Module):
        raise WatchError(f"what is watched is a torch.nn.Module; got {type(model).__name__}")
    found: dict[str, nn.Module] = {}
    refused: dict[str, str] = {}
    for name, module in model.named_modules():
        reason = _why_not(name, module, model)
        if reason:
            refused[name] = reason
        elif isinstance(module, _RECURRENT):
            found[name] = module
    if not found:
        raise WatchError("; ".join(refused.values()) or _nothing(model))
    return found, refused


def _nothing(model: nn.Module) -> str:
    return (
        f"{type(model).__name__} holds no recurrent module that can be watched: no torch.nn.RNN, LSTM or GRU, nor a "
        "cell of these; a loop of your own keeps its states itself, and h.retain_grad() keeps their gradients"
    )


def _why_not(name: str, module: nn.Module, model: nn.Module) -> str | None:
    """Say why a recurrent module cannot be watched; None if it can, or is none."""
    called, kind = quoted(name), type(module)
    if isinstance(module, torch.jit.ScriptModule):
        script = str(getattr(module, "original_name", ""))
        of_torchscript = f"{called} is a scripted {script}, whose steps TorchScript keeps to itself"
        return f"{of_torchscript}: watch the module that was scripted" if script in _NAMES else None
    if kind.__module__.startswith(_QUANTISED) and kind.__name__ in _NAMES:
        return (
            f"{called} is a quantised {kind.__name__}, which has no gradients: watch the model before it is quantised"
        )
    return _why_not_here(called, name, model) if isinstance(module, _RECURRENT) else None


def _why_not_here(called: str, name: str, model: nn.Module) -> str | None:
    """Say why a module cannot be watched where it stands."""
    for above, holder in _holders(name, model):
        if _is_compiled(holder):
            return f"{called} runs inside of what torch.compile has made of {above}: watch the model without it"
        if isinstance(holder, nn.DataParallel) and holder.device_ids:
            return (
                f"{called} stands in {above}, a DataParallel, which runs copies of it on other devices: watch the "
                "model without it, or with DistributedDataParallel"
            )
    return None


def _holders(name: str, model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Give a module and all that it stands in, from the model down, with words for each."""
    yield "the model", model
    above = ""
    for part in filter(None, name.split(".")):
        above = f"{above}.{part}" if above else part
        yield quoted(above), model.get_submodule(above)


def _is_compiled(module: nn.Module) -> bool:
    return _COMPILED in module._modules or getattr(module, "_compiled_call_impl", None) is not None
