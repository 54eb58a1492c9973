"""The spectra of a stack of square matrices.

The spectral radius is the largest |eigenvalue|, the spectral norm the largest singular value: a gradient that runs
back over k steps of a linear net is multiplied by Wᵏ, whose norm behaves like radiusᵏ in the end but may first grow
up to normᵏ (Trefethen and Embree 2005).
"""

from __future__ import annotations

import numpy as np
import torch


def eigenvalues(matrices_SHH: np.ndarray) -> np.ndarray:
    """Give the eigenvalues, (..., H) complex, by falling magnitude, then real part, then imaginary part.

    A matrix with an entry that is not finite has eigenvalues NaN.
    """
    finite_S = np.isfinite(matrices_SHH).all(axis=(-2, -1))
    usable_SHH = np.where(finite_S[..., None, None], matrices_SHH, 0.0)
    # PyTorch's LAPACK, not numpy's: it keeps to the one thread that a run uses, and so to the same digits.
    values_SH = torch.linalg.eigvals(torch.from_numpy(usable_SHH)).numpy().astype(np.complex128)
    order_SH = np.lexsort((-values_SH.imag, -values_SH.real, -np.abs(values_SH)), axis=-1)
    sorted_SH = np.take_along_axis(values_SH, order_SH, axis=-1)
    return np.where(finite_S[..., None], sorted_SH, complex(np.nan, np.nan))


def singular_values(matrices_SHH: np.ndarray) -> np.ndarray:
    """Give the singular values, (..., H), largest first; NaN for a matrix with an entry that is not finite."""
    finite_S = np.isfinite(matrices_SHH).all(axis=(-2, -1))
    usable_SHH = np.where(finite_S[..., None, None], matrices_SHH, 0.0)
    values_SH = torch.linalg.svdvals(torch.from_numpy(usable_SHH)).numpy()
    return np.where(finite_S[..., None], values_SH, np.nan)
