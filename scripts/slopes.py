"""Least squares with an honest interval for samples taken in a row; knows not what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf, sqrt
from typing import NamedTuple

_ROUNDS = 20

Row = list[float]


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

    Samples in a row resemble each other: taken as independent, they would promise far too narrow an interval.
    So whatever of its error a sample has from the one before is taken out of both before they are fitted, until
    the share r that is taken out stays the same (Prais and Winsten).
    """
    if min(values) == max(values):
        return [Estimate(0.0, 0.0) for _ in causes]
    means = [sum(cause) / len(cause) for cause in causes]
    scales = [max(abs(x - mean) for x in cause) or 1.0 for cause, mean in zip(causes, means, strict=True)]
    rows = [
        [1.0, *((x - mean) / scale for x, mean, scale in zip(row, means, scales, strict=True))]
        for row in zip(*causes, strict=True)
    ]
    found = _solve(rows, values)
    if found is None:
        return [Estimate(0.0, inf) for _ in causes]
    for _ in range(_ROUNDS):
        r = _resemblance(_errors(rows, values, found[0]))
        found = _solve(_whitened(rows, r), _column(values, r)) or found
    coefficients, variances = found
    margin = _student(len(values) - len(rows[0]))
    return [Estimate(coefficients[i] / scale, margin * sqrt(variances[i]) / scale) for i, scale in enumerate(scales, 1)]


def _resemblance(errors: Sequence[float]) -> float:
    """The errors' lag-1 autocorrelation, with what the fitted line has swallowed of it put back (Kendall's bias)."""
    total = sum(e * e for e in errors)
    if not total:
        return 0.0
    along = sum(a * b for a, b in pairwise(errors)) / total
    return min(max(along + (2 + 4 * along) / len(errors), 0.0), 0.99)


def _whitened(rows: Sequence[Row], r: float) -> list[Row]:
    first = [sqrt(1 - r * r) * x for x in rows[0]]
    return [first, *([x - r * before for before, x in zip(*pair, strict=True)] for pair in pairwise(rows))]


def _column(values: Sequence[float], r: float) -> list[float]:
    return [row[0] for row in _whitened([[value] for value in values], r)]


def _errors(rows: Sequence[Row], values: Sequence[float], found: Sequence[float]) -> list[float]:
    return [y - sum(a * b for a, b in zip(found, row, strict=True)) for row, y in zip(rows, values, strict=True)]


def _solve(rows: Sequence[Row], values: Sequence[float]) -> tuple[Row, Row] | None:
    """Ordinary least squares: the coefficients and their variances; `None` where the causes cannot be told apart."""
    size = len(rows[0])
    inverse = _inverse([[sum(row[i] * row[j] for row in rows) for j in range(size)] for i in range(size)])
    if inverse is None or len(rows) <= size:
        return None
    moments = [sum(row[i] * y for row, y in zip(rows, values, strict=True)) for i in range(size)]
    found = [sum(a * b for a, b in zip(line, moments, strict=True)) for line in inverse]
    spread = sum(e * e for e in _errors(rows, values, found)) / (len(rows) - size)
    return found, [spread * inverse[i][i] for i in range(size)]


def _inverse(matrix: list[Row]) -> list[Row] | None:
    """Gauss and Jordan's, with pivots; `None` for a singular one."""
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


def _student(freedom: int) -> float:
    """The 97.5 % point of Student's t; Cornish and Fisher's expansion, good to 1 % from 3 degrees on."""
    z = 1.959964
    return float(z + (z**3 + z) / 4 / freedom + (5 * z**5 + 16 * z**3 + 3 * z) / 96 / freedom**2)
