"""Two ways that leave the derivative to PyTorch: the product's own flow, and autograd through the modules."""

from __future__ import annotations

import torch

from rnnlab.audit.case import Answer, AuditCase
from rnnlab.flow import gradient_flow
from rnnlab.nets import model_from_weights, named_parameters


def by_flow(case: AuditCase) -> Answer:
    """Ask rnnlab.flow: what every recorded gradient comes from."""
    weights = {name: torch.from_numpy(weight)[None] for name, weight in case.weights.items()}
    flow = gradient_flow(
        case.architecture,
        weights,
        torch.from_numpy(case.inputs_BTI),
        torch.from_numpy(case.targets),
        case.loss,
    )
    answer: Answer = {}
    for layer in range(case.architecture.layers):
        answer["dL/dh", layer] = flow.dL_dh_SLTBH[0, layer].numpy()
        if flow.dL_dc_SLTBH is not None:
            answer["dL/dc", layer] = flow.dL_dc_SLTBH[0, layer].numpy()
    return answer | {(name, None): gradient[0].numpy() for name, gradient in flow.parameter_gradients.items()}


def by_modules(case: AuditCase) -> Answer:
    """Build the nn.Module, run it, call backward, and read `.grad` off its `h_list`."""
    weights = {name: torch.from_numpy(weight) for name, weight in case.weights.items()}
    model = model_from_weights(case.architecture, weights)
    predictions_BTO, _ = model(torch.from_numpy(case.inputs_BTI))
    case.loss(predictions_BTO, torch.from_numpy(case.targets)).sum().backward()
    answer: Answer = {}
    for index, layer in enumerate(model.recurrent_layers()):
        answer["dL/dh", index] = torch.stack([_gradient(h) for h in layer.h_list]).numpy()
        if layer.c_list:
            answer["dL/dc", index] = torch.stack([_gradient(c) for c in layer.c_list]).numpy()
    parameters = named_parameters(model).items()
    return answer | {(name, None): (_gradient(p) / case.sequences).numpy() for name, p in parameters}


def _gradient(node: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(node) if node.grad is None else node.grad
