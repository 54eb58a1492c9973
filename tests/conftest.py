"""What all tests share: one thread, PyTorch's generator at one point, and hypothesis without chance or clocks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("deterministic", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("deterministic")


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """Let every test draw the same from PyTorch's global generator, alone or among others."""
    torch.manual_seed(0)
