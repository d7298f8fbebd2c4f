"""How a network's answer to each image changed while it learned (Toneva et al. 2019 call a loss of it forgetting)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Answered(Protocol):
    """What is read of a `Snapshot`."""

    @property
    def step(self) -> int:
        """See `Snapshot`, as for the others."""

    @property
    def answers(self) -> npt.NDArray[Any] | None:
        """Likewise."""

    @property
    def confidence(self) -> npt.NDArray[Any] | None:
        """Likewise."""


@dataclass(frozen=True, eq=False)
class AnswerHistory:
    """Answers to n images at m moments."""

    steps: npt.NDArray[np.int64]
    """[m]."""
    answers: npt.NDArray[np.int64]
    """Classes, [m, n]."""
    confidence: npt.NDArray[np.float64]
    """Probability of each answer, 0 to 1, [m, n]."""
    labels: npt.NDArray[np.int64]
    """True classes, [n]."""

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether each answer is right, [m, n]."""
        return np.asarray(self.answers == self.labels)

    @property
    def forgotten(self) -> npt.NDArray[np.int64]:
        """How many times the answer to each image turned from right to wrong, [n]."""
        right = self.right
        return np.asarray((right[:-1] & ~right[1:]).sum(axis=0), np.int64)

    @property
    def learned(self) -> npt.NDArray[np.int64]:
        """The step from which on each image was answered rightly at every moment; −1 when the last is wrong, [n]."""
        right = self.right
        # The last wrong moment, counted from the end: what lies behind it is right throughout.
        back = np.where((~right).any(axis=0), (~right[::-1]).argmax(axis=0), len(right))
        return np.where(back > 0, self.steps[np.minimum(len(right) - back, len(right) - 1)], -1)

    def of(self, numbers: npt.NDArray[np.int64]) -> "AnswerHistory":
        """That of some images, in this order."""
        return AnswerHistory(
            self.steps, self.answers[:, numbers], self.confidence[:, numbers], self.labels[numbers]
        )


def answer_history(snapshots: Sequence[Answered], labels: npt.NDArray[Any]) -> AnswerHistory | None:
    """The history that snapshots tell of images with these true classes; None where none of them tells any."""
    count = len(labels)
    told = [
        (shot.step, shot.answers, shot.confidence)
        for shot in snapshots
        if shot.answers is not None and shot.confidence is not None and len(shot.answers) == count
    ]
    if not told:
        return None
    return AnswerHistory(
        np.array([step for step, _, _ in told], np.int64),
        np.stack([answers for _, answers, _ in told]).astype(np.int64),
        np.stack([confidence for _, _, confidence in told]) / 255,
        np.asarray(labels, np.int64),
    )
