"""What is measured: how gradients flow through a stack of nets, and the spectra of their matrices, in float64."""

from rnnlab.flow.gradients import Flow, gradient_flow
from rnnlab.flow.measuring import Measured, measure
from rnnlab.flow.norms import log_mean_norm, mean_norm
from rnnlab.flow.spectra import eigenvalues, singular_values
from rnnlab.nets.norms import norm
from rnnlab.tasks.losses import SequenceLoss

__all__ = [
    "Flow",
    "Measured",
    "SequenceLoss",
    "eigenvalues",
    "gradient_flow",
    "log_mean_norm",
    "mean_norm",
    "measure",
    "norm",
    "singular_values",
]
