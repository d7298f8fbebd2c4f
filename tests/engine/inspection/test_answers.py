import numpy as np

from engine.inspection.answers import cell_images, mistakes
from engine.inspection.confusion import confusion_matrix


def answers(count: int = 200, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    return random.dirichlet(np.ones(classes), count), random.integers(0, classes, count).astype(np.int32)


def test_that_each_cell_has_as_many_images_as_the_confusion_matrix_counts_and_the_right_ones():
    probabilities, labels = answers()
    counts = confusion_matrix(probabilities.argmax(axis=1), labels, 4)
    for predicted in range(4):
        for true in range(4):
            found = cell_images(probabilities, labels, predicted, true)
            assert len(found) == counts[predicted, true]
            assert (labels[found] == true).all()
            confidence = probabilities[found, predicted]
            assert (confidence == probabilities[found].max(axis=1)).all()
            assert (np.diff(confidence) <= 0).all()


def test_that_mistakes_are_all_wrong_ones_with_the_most_confident_first():
    probabilities, labels = answers()
    found = mistakes(probabilities, labels)
    wrong = [n for n in range(200) if max(range(4), key=lambda k: probabilities[n, k]) != labels[n]]
    assert sorted(found) == wrong
    assert (np.diff(probabilities.max(axis=1)[found]) <= 0).all()


def test_that_nothing_wrong_gives_no_mistakes():
    assert mistakes(np.eye(3), np.arange(3)).tolist() == []
    assert cell_images(np.eye(3), np.arange(3), 0, 1).tolist() == []
