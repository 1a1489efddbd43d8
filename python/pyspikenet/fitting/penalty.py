"""Penalties on the coefficients of generalised linear models. Read ``likelihood.py`` next."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameters import Parameters, option, parameterised, quantity, shown

TERMS = ("coupling", "history", "stimulus")


class Penalty(Parameters):
    """Base of the penalties, which are added to the mean negative log-likelihood of a bin; the intercept has none."""

    strength: float
    terms: Any

    def _validate(self) -> None:
        given = self.terms
        if not isinstance(given, str | Iterable):
            raise TypeError(f"terms must be from {TERMS}, got {shown(given)}")
        names = (given,) if isinstance(given, str) else tuple(given)
        for name in names:
            if name not in TERMS:
                raise ValueError(f"terms must be from {TERMS}, got {shown(name)}")
        if not names:
            raise ValueError(f"terms must name at least one of {TERMS}, got {shown(given)}")
        object.__setattr__(self, "terms", names)

    def groups_of(self, sizes: list[tuple[str, int]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Ridge of every column, pointer to groups of columns, and their weights; `sizes` has (term, columns) of every
        connection, neuron's history and stimulus channel."""
        raise NotImplementedError


def _each(sizes: list[tuple[str, int]], terms: Any, strength: float) -> NDArray[np.float64]:
    return np.concatenate([np.full(size, strength if term in terms else 0.0) for term, size in sizes])


@parameterised
class L2(Penalty):
    """Ridge: ``strength / 2`` times the sum of squares."""

    strength: float = quantity(default=1e-3, description="factor of the penalty", range="nonnegative")
    terms: Any = option(default=TERMS, kind="tuple of str", description="which coefficients are penalised")

    def groups_of(self, sizes: list[tuple[str, int]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        ridge = _each(sizes, self.terms, self.strength)
        return ridge, np.arange(ridge.size + 1), np.zeros(ridge.size)


@parameterised
class L1(Penalty):
    """Lasso: ``strength`` times the sum of absolute values; many coefficients become zero."""

    strength: float = quantity(default=1e-3, description="factor of the penalty", range="nonnegative")
    terms: Any = option(default=TERMS, kind="tuple of str", description="which coefficients are penalised")

    def groups_of(self, sizes: list[tuple[str, int]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        weight = _each(sizes, self.terms, self.strength)
        return np.zeros(weight.size), np.arange(weight.size + 1), weight


@parameterised
class GroupLasso(Penalty):
    """Group lasso: ``strength`` times the sum over groups of ``sqrt(size) * norm``; connections are there or not.

    A group is all coefficients of one connection, of the history of a neuron, or of one stimulus channel.
    """

    strength: float = quantity(default=1e-3, description="factor of the penalty", range="nonnegative")
    terms: Any = option(default=TERMS, kind="tuple of str", description="which coefficients are penalised")

    def groups_of(self, sizes: list[tuple[str, int]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        some = [(term, size) for term, size in sizes if size]
        pointer = np.concatenate([[0], np.cumsum([size for _, size in some])]).astype(np.int64)
        weight = [self.strength * np.sqrt(size) if term in self.terms else 0.0 for term, size in some]
        return np.zeros(pointer[-1]), pointer, np.array(weight)
