"""Least squares with an honest interval for samples taken in a row; knows not what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf, sqrt
from typing import NamedTuple


class Estimate(NamedTuple):
    """A coefficient and half the width of its 95 % interval, which is `inf` where the samples cannot tell."""

    value: float
    margin: float

    @property
    def low(self) -> float:
        return self.value - self.margin

    @property
    def high(self) -> float:
        return self.value + self.margin

    @property
    def holds_zero(self) -> bool:
        return self.low <= 0 <= self.high


def fit(values: Sequence[float], *causes: Sequence[float]) -> list[Estimate]:
    """`values` = constant + sum of coefficient * cause; the coefficients of `causes`, in their order.

    Samples in a row resemble each other, so n of them tell less than n: the interval is that of the
    n(1 - r)/(1 + r) independent ones that they are worth, r being the residuals' lag-1 autocorrelation.
    """
    if min(values) == max(values):
        return [Estimate(0.0, 0.0) for _ in causes]
    means = [sum(cause) / len(cause) for cause in causes]
    scales = [max(abs(x - mean) for x in cause) or 1.0 for cause, mean in zip(causes, means, strict=True)]
    rows = [
        [1.0, *((x - mean) / scale for x, mean, scale in zip(row, means, scales, strict=True))]
        for row in zip(*causes, strict=True)
    ]
    size = len(causes) + 1
    normal = [[sum(row[i] * row[j] for row in rows) for j in range(size)] for i in range(size)]
    inverse = _inverse(normal)
    if inverse is None:
        return [Estimate(0.0, inf) for _ in causes]
    moments = [sum(row[i] * y for row, y in zip(rows, values, strict=True)) for i in range(size)]
    found = [sum(a * b for a, b in zip(line, moments, strict=True)) for line in inverse]
    residuals = [y - sum(a * b for a, b in zip(found, row, strict=True)) for row, y in zip(rows, values, strict=True)]
    worth = _worth(residuals)
    freedom = worth - size
    spread = inf if freedom < 1 else sum(e * e for e in residuals) / len(residuals) * worth / freedom
    shrink = len(residuals) / worth
    return [
        Estimate(found[i] / scale, _student(freedom) * sqrt(spread * shrink * inverse[i][i]) / scale)
        for i, scale in enumerate(scales, 1)
    ]


def _worth(residuals: Sequence[float]) -> float:
    """How many independent samples these are worth; never more than there are."""
    total = sum(e * e for e in residuals)
    if total == 0:
        return float(len(residuals))
    along = sum(a * b for a, b in pairwise(residuals)) / total
    along = min(max(along, 0.0), 0.99)
    return len(residuals) * (1 - along) / (1 + along)


def _student(freedom: float) -> float:
    """The 97.5 % point of Student's t; Cornish and Fisher's expansion, good to 1 % from 3 degrees on."""
    z = 1.959964
    if freedom < 1:
        return inf
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return float(z + first / freedom + second / freedom**2)


def _inverse(matrix: list[list[float]]) -> list[list[float]] | None:
    """Gauss and Jordan's, with pivots; `None` where the causes cannot be told apart."""
    size = len(matrix)
    work = [[*row, *(float(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(work[row][column]))
        if abs(work[pivot][column]) < 1e-9:
            return None
        work[column], work[pivot] = work[pivot], work[column]
        head = work[column][column]
        work[column] = [value / head for value in work[column]]
        for row in range(size):
            if row != column:
                factor = work[row][column]
                work[row] = [a - factor * b for a, b in zip(work[row], work[column], strict=True)]
    return [row[size:] for row in work]
