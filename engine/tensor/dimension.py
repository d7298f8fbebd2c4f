"""Sizes that remember how they came about, so that a shape can explain itself."""

from __future__ import annotations

from typing import Self


class Dimension(int):
    """A positive integer with its derivation: a formula in numbers and the dimensions it was made from.

    Compares, hashes and computes as a plain int; arithmetic on it gives plain ints, so only the
    functions below extend a derivation.
    """

    formula: str
    """How the value came about, with the numbers put in: `⌊(28 − 2 + 2·0)/2⌋ + 1`. A name for an input."""
    sources: tuple[Dimension, ...]
    """The dimensions that the formula was made from."""

    def __new__(cls, value: int, formula: str = "", sources: tuple[Dimension, ...] = ()) -> Self:
        """The value with its derivation; without one it stands for itself."""
        self = super().__new__(cls, value)
        self.formula = formula or str(int(value))
        self.sources = sources
        return self

    def __getnewargs__(self) -> tuple[int, str, tuple[Dimension, ...]]:  # type: ignore[override]
        """What pickling and copying need to make the same dimension."""
        return int(self), self.formula, self.sources

    def derivation(self) -> list[str]:
        """The chain of formulas from this value back to the inputs, one `value = formula` a line."""
        lines: list[str] = []
        pending: list[Dimension] = [self]
        seen: set[int] = set()
        while pending:
            dimension = pending.pop(0)
            if id(dimension) in seen:
                continue
            seen.add(id(dimension))
            if dimension.formula != str(int(dimension)):
                lines.append(f"{int(dimension)} = {dimension.formula}")
            pending.extend(dimension.sources)
        return lines


def as_dimension(value: int) -> Dimension:
    """`value` itself when it already carries a derivation, else a bare dimension."""
    return value if isinstance(value, Dimension) else Dimension(value)


def window_count(
    size: int, window: int, *, stride: int = 1, before: int = 0, after: int = 0, dilation: int = 1
) -> Dimension:
    """Number of places of a sliding window along one axis (thesis eq. 2.23, with dilation and two-sided padding).

    n' = ⌊(n − d(f − 1) − 1 + p_before + p_after)/s⌋ + 1; with d = 1 and equal padding, ⌊(n − f + 2p)/s⌋ + 1.
    """
    reach = dilation * (window - 1) + 1
    value = (size - reach + before + after) // stride + 1
    window_text = str(window) if dilation == 1 else f"{reach}"
    padding_text = f"2·{before}" if before == after else f"{before} + {after}"
    formula = f"⌊({int(size)} − {window_text} + {padding_text})/{stride}⌋ + 1"
    return Dimension(value, formula, (as_dimension(size),))


def product(*sizes: int) -> Dimension:
    """The product of sizes, such as the features that a map of C×H×W flattens to."""
    value = 1
    for size in sizes:
        value *= int(size)
    return Dimension(value, "·".join(str(int(size)) for size in sizes), tuple(as_dimension(s) for s in sizes))


def total(*sizes: int) -> Dimension:
    """The sum of sizes, such as the channels of concatenated maps."""
    formula = " + ".join(str(int(size)) for size in sizes)
    return Dimension(sum(int(size) for size in sizes), formula, tuple(as_dimension(s) for s in sizes))
