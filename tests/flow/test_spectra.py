"""Eigenvalues and singular values: their order, their meaning, and matrices that are not finite."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from rnnlab.flow import eigenvalues, singular_values

NON_NORMAL = np.array([[0.9, 10.0], [0.0, 0.9]])


def rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def block_diagonal(*blocks: np.ndarray) -> np.ndarray:
    size = sum(len(block) for block in blocks)
    matrix, start = np.zeros((size, size)), 0
    for block in blocks:
        matrix[start : start + len(block), start : start + len(block)] = block
        start += len(block)
    return matrix


def test_eigenvalues_come_by_falling_magnitude() -> None:
    assert_array_equal(eigenvalues(np.diag([1.0, -5.0, 0.5, 3.0])), [-5, 3, 1, 0.5])


def test_equal_magnitudes_come_by_falling_real_part_then_imaginary_part() -> None:
    """1, i, -i and -1 have one magnitude, and LAPACK gives these without rounding."""
    matrix = block_diagonal(np.diag([-1.0]), np.array([[0.0, -1.0], [1.0, 0.0]]), np.diag([1.0]))
    assert_array_equal(eigenvalues(matrix), [1, 1j, -1j, -1])


def test_a_conjugate_pair_stands_together_with_the_positive_imaginary_part_first() -> None:
    values = eigenvalues(block_diagonal(np.diag([0.1]), 0.7 * rotation(1.0), 0.9 * rotation(2.5)))
    expected = [0.9 * np.exp(2.5j), 0.9 * np.exp(-2.5j), 0.7 * np.exp(1j), 0.7 * np.exp(-1j), 0.1]
    assert_allclose(values, expected, rtol=1e-12)


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_eigenvalues_of_a_real_matrix_are_in_order_and_belong_to_it(seed: int, size: int) -> None:
    matrix = np.random.default_rng(seed).standard_normal((size, size))
    values = eigenvalues(matrix)
    keys = [(-abs(value), -value.real, -value.imag) for value in values]
    assert keys == sorted(keys)
    assert values.dtype == np.complex128
    assert_allclose(values.sum(), np.trace(matrix), atol=1e-10)
    assert_allclose(np.prod(values), np.linalg.det(matrix), rtol=1e-8, atol=1e-10)


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_singular_values_are_the_roots_of_the_eigenvalues_of_the_gram_matrix(seed: int, size: int) -> None:
    matrix = np.random.default_rng(seed).standard_normal((size, size))
    values = singular_values(matrix)
    assert np.all(np.diff(values) <= 0)
    assert_allclose(values**2, np.sort(np.linalg.eigvalsh(matrix.T @ matrix))[::-1], atol=1e-10)
    assert values[0] >= np.abs(eigenvalues(matrix)[0]) - 1e-12


def test_radius_and_norm_of_a_non_normal_matrix_are_far_apart() -> None:
    assert_allclose(np.abs(eigenvalues(NON_NORMAL)), 0.9, atol=1e-7)
    expected = np.sqrt(np.linalg.eigvalsh(NON_NORMAL @ NON_NORMAL.T)[-1])
    assert singular_values(NON_NORMAL)[0] == pytest.approx(expected, rel=1e-12)
    assert singular_values(NON_NORMAL)[0] > 10
    assert singular_values(np.linalg.matrix_power(NON_NORMAL, 9))[0] == pytest.approx(38.746, abs=1e-3)


def test_a_stack_is_taken_matrix_by_matrix() -> None:
    stack = np.random.default_rng(0).standard_normal((2, 3, 4, 4))
    for index in np.ndindex(2, 3):
        assert_array_equal(eigenvalues(stack)[index], eigenvalues(stack[index]))
        assert_array_equal(singular_values(stack)[index], singular_values(stack[index]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_matrix_that_is_not_finite_has_nan_and_spoils_no_other(bad: float) -> None:
    stack = np.stack([NON_NORMAL, NON_NORMAL])
    stack[0, 1, 0] = bad
    values, singular = eigenvalues(stack), singular_values(stack)
    assert np.isnan(values[0].real).all()
    assert np.isnan(values[0].imag).all()
    assert np.isnan(singular[0]).all()
    assert_array_equal(values[1], eigenvalues(NON_NORMAL))
    assert_array_equal(singular[1], singular_values(NON_NORMAL))


def test_tiny_and_huge_matrices_keep_their_digits() -> None:
    for scale in (1e-200, 1e200):
        assert_allclose(np.abs(eigenvalues(scale * rotation(1.0))), scale, rtol=1e-12)
        assert_allclose(singular_values(scale * rotation(1.0)), scale, rtol=1e-12)
