from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from engine.inspection.answer_history import answer_history


@dataclass
class Shot:
    step: int
    answers: np.ndarray | None
    confidence: np.ndarray | None


RANDOM = np.random.default_rng(2)
LABELS = RANDOM.integers(0, 3, 40)
SHOTS = [
    Shot(10 * n, np.where(RANDOM.random(40) < 0.3 + 0.1 * n, LABELS, (LABELS + 1) % 3).astype(np.uint8),
         RANDOM.integers(0, 256, 40).astype(np.uint8))
    for n in range(6)
]  # fmt: skip


def test_that_forgetting_and_learning_are_counted_as_a_loop_would():
    history = answer_history(SHOTS, LABELS)
    for image in range(40):
        right = [bool(shot.answers[image] == LABELS[image]) for shot in SHOTS]
        falls = sum(one and not other for one, other in pairwise(right))
        assert history.forgotten[image] == falls
        since = -1
        for shot, is_right in zip(reversed(SHOTS), reversed(right), strict=True):
            if not is_right:
                break
            since = shot.step
        assert history.learned[image] == since
    np.testing.assert_array_equal(history.confidence[3], SHOTS[3].confidence / 255)


def test_that_some_images_are_taken_out_in_their_order():
    history = answer_history(SHOTS, LABELS)
    some = history.of(np.array([7, 2]))
    np.testing.assert_array_equal(some.answers, history.answers[:, [7, 2]])
    np.testing.assert_array_equal(some.forgotten, history.forgotten[[7, 2]])


def test_that_moments_without_answers_or_of_other_images_are_left_out():
    odd = [Shot(1, None, None), Shot(2, np.zeros(3, np.uint8), np.zeros(3, np.uint8)), SHOTS[0]]
    assert answer_history(odd, LABELS).steps.tolist() == [0]
    assert answer_history(odd[:2], LABELS) is None
