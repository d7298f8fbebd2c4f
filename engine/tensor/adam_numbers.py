"""What an Adam update computes with, the same for every loop that makes one on a CPU."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdamNumbers:
    """What equations 2.12-2.16 and 2.41 multiply with at one step: w ← kept·w − rate·m/(√v + epsilon)."""

    beta1: float
    beta2: float
    decay: float
    """λ where the decay is part of the gradient, else 0."""
    kept: float
    """1 − ηλ where the decay is decoupled, else 1."""
    epsilon: float
    """ε·√(1 − β₂ᵗ)."""
    rate: float
    """η·√(1 − β₂ᵗ)/(1 − β₁ᵗ)."""
