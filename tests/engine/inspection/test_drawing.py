import numpy as np
import pytest
from scipy import ndimage

from engine.inspection.drawing import draw_digit, draw_plain

SEVEN = [[(10.0, 20.0), (60.0, 20.0), (30.0, 110.0)]]


def placed(strokes, scale: float, dx: float, dy: float):
    return [[(x * scale + dx, y * scale + dy) for x, y in stroke] for stroke in strokes]


def test_that_a_drawing_fits_the_box_of_mnist_with_its_centre_of_mass_in_the_middle():
    image = draw_digit(SEVEN)
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert 19 <= np.ptp(rows) + 1 <= 22
    assert np.ptp(columns) < np.ptp(rows)
    np.testing.assert_allclose(ndimage.center_of_mass(image), (13.5, 13.5), atol=0.02)
    assert image.max() == 255


@pytest.mark.parametrize(("scale", "dx", "dy"), [(0.2, 3.0, 90.0), (3.0, -500.0, 10.0)])
def test_that_size_and_place_on_the_canvas_do_not_matter(scale, dx, dy):
    np.testing.assert_allclose(
        draw_digit(placed(SEVEN, scale, dx, dy)).astype(int), draw_digit(SEVEN).astype(int), atol=1
    )


def test_that_several_strokes_keep_their_places_to_each_other():
    image = draw_digit([[(0, 0), (0, 100)], [(50, 0), (50, 100)]])
    left, right = image[:, :14], image[:, 14:]
    np.testing.assert_array_equal(left, right[:, ::-1])
    assert ndimage.label(image > 128)[1] == 2


def test_that_a_dot_and_an_empty_canvas_are_drawn_too():
    assert not draw_digit([]).any()
    assert not draw_digit([[]]).any()
    dot = draw_digit([[(5.0, 5.0)]])
    np.testing.assert_array_equal(dot, dot[::-1, ::-1])
    assert 0 < (dot > 0).sum() < 20


def test_that_coverage_is_that_of_a_finely_sampled_pen():
    from engine.inspection.drawing import PEN

    image = draw_plain([[(0.2, 0.3), (0.7, 0.6)]], 32, 32, 1)[..., 0] / 255
    fine = (np.mgrid[:512, :512][::-1] + 0.5) / 512
    a, b = np.array([0.2, 0.3]), np.array([0.7, 0.6])
    along = np.clip(np.tensordot(b - a, fine - a[:, None, None], 1) / ((b - a) ** 2).sum(), 0, 1)
    distance = np.linalg.norm(fine - a[:, None, None] - along * (b - a)[:, None, None], axis=0)
    sampled = (distance <= PEN / 2).reshape(32, 16, 32, 16).mean(axis=(1, 3))
    assert np.abs(image - sampled).max() < 0.2
    assert abs(image.sum() - sampled.sum()) < 0.03 * sampled.sum()


def test_that_a_plain_drawing_stays_where_it_was_drawn_in_every_channel():
    image = draw_plain([[(0.25, 0.625)]], 16, 32, 3)
    assert image.shape == (16, 32, 3)
    assert (image[..., 0] == image[..., 2]).all()
    row, column = ndimage.center_of_mass(image[..., 0])
    assert (round(column + 0.5), round(row + 0.5)) == (8, 12)
