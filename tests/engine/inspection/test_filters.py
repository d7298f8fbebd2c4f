"""Orders, spectra and exciting patches of filters, against plain NumPy, SciPy and PyTorch."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.fft

from engine.inspection.filter_kinds import filter_kind
from engine.inspection.filters import (
    exciting_patches,
    filter_changes,
    filter_norms,
    filter_spectrum,
    order_by,
    similarity_order,
)
from tests.engine.inspection.trained_networks import by_pytorch, data, tensors, trained

FILTERS = np.random.default_rng(5).normal(size=(9, 3, 5, 4))


def test_that_norms_and_changes_are_those_of_plain_numpy():
    before = np.random.default_rng(6).normal(size=FILTERS.shape)
    before[4] = 0
    norms = [np.linalg.norm(one) for one in FILTERS]
    np.testing.assert_allclose(filter_norms(FILTERS), norms)
    expected = [
        np.linalg.norm(one - old) / (np.linalg.norm(old) or 1.0)
        for one, old in zip(FILTERS, before, strict=True)
    ]
    np.testing.assert_allclose(filter_changes(FILTERS, before), expected)
    assert order_by(norms).tolist() == sorted(range(9), key=lambda n: -norms[n])


def test_that_ties_keep_their_order_and_broken_filters_come_last():
    assert order_by([1.0, np.nan, 2.0, 1.0]).tolist() == [2, 0, 3, 1]


def test_that_alike_filters_stand_side_by_side():
    rows, columns = np.mgrid[:5, :5]
    families = [np.cos(rows * 1.3), np.cos(columns * 1.3), np.cos((rows + columns) * 1.3)]
    noise = np.random.default_rng(1)
    mixed = np.array(
        [families[n % 3] * (1 + n / 20) + 0.05 * noise.normal(size=(5, 5)) + n for n in range(12)]
    )
    order = similarity_order(mixed[:, None])
    assert order[0] == filter_norms((mixed - mixed.mean(axis=(1, 2), keepdims=True))[:, None]).argmax()
    kinds = [int(number) % 3 for number in order]
    assert sorted(order.tolist()) == list(range(12))
    assert sum(one != other for one, other in pairwise(kinds)) == 2


def test_that_each_step_goes_to_the_most_similar_filter_left():
    order = similarity_order(FILTERS).tolist()
    flat = FILTERS.reshape(9, -1) - FILTERS.reshape(9, -1).mean(axis=1, keepdims=True)
    for place in range(1, 9):
        last, left = flat[order[place - 1]], order[place:]
        cosines = {n: last @ flat[n] / np.linalg.norm(last) / np.linalg.norm(flat[n]) for n in left}
        assert max(cosines, key=cosines.get) == order[place]


def test_that_a_spectrum_is_that_of_scipy():
    found = filter_spectrum(FILTERS[0])
    filled = np.zeros((3, 32, 32))
    filled[:, :5, :4] = FILTERS[0]
    power = sum(np.abs(scipy.fft.fft2(channel)) ** 2 for channel in filled)
    np.testing.assert_allclose(found, np.sqrt(scipy.fft.fftshift(power)), rtol=1e-10)


@pytest.mark.parametrize(("angle", "wavelength"), [(0, 4.0), (90, 4.0), (45, 5.0)])
def test_that_a_wave_has_its_peak_at_its_frequency(angle, wavelength):
    rows, columns = np.mgrid[:11, :11] - 5.0
    along = columns * np.cos(np.radians(angle)) - rows * np.sin(np.radians(angle))
    wave = np.exp(-(rows**2 + columns**2) / 18) * np.cos(2 * np.pi * along / wavelength)
    spectrum = filter_spectrum(wave[None], 64)
    row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
    frequency = np.hypot(row - 32, column - 32) / 64
    assert 1 / frequency == pytest.approx(wavelength, rel=0.1)
    direction = np.degrees(np.arctan2(-(row - 32), column - 32)) % 180
    assert abs((direction - angle + 90) % 180 - 90) < 8


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_that_the_residual_of_a_gabor_fit_is_the_noise_that_was_added(noise):
    rows, columns = np.mgrid[:9, :9] - 4.0
    wave = np.exp(-(rows**2 + columns**2) / 12) * np.cos(2 * np.pi * columns / 4.2 + 0.4)
    added = noise * wave.std() * np.random.default_rng(3).normal(size=(9, 9))
    found = filter_kind((wave + added)[None])
    expected = added.std() / (wave + added).std()
    assert found.residual == pytest.approx(expected, abs=0.05)
    assert found.orientation == pytest.approx(0, abs=4) or found.orientation > 176


@pytest.mark.parametrize(("node", "channel"), [("convolution-1", 2), ("max_pooling-1", 1)])
def test_that_patches_are_where_the_answer_is_greatest(node, channel):
    images = data().test_images
    answers = by_pytorch(tensors(), images)[node][:, channel]
    patches = exciting_patches(trained(), node, channel, images, count=4)
    best = answers.reshape(len(images), -1).max(axis=1)
    strongest = sorted(range(len(images)), key=lambda n: -best[n])[:4]
    assert [patch.image for patch in patches] == strongest
    size, stride = (3, 1) if node == "convolution-1" else (4, 2)
    for patch in patches:
        row, column = np.unravel_index(answers[patch.image].argmax(), answers[patch.image].shape)
        assert patch.value == pytest.approx(best[patch.image])
        assert (patch.row, patch.column) == (row * stride - 1, column * stride - 1)
        padded = np.pad(images[patch.image], ((4, 4), (4, 4), (0, 0)))
        top, left = patch.row + 4, patch.column + 4
        np.testing.assert_array_equal(patch.pixels, padded[top : top + size, left : left + size])


def test_that_a_filter_is_answered_most_by_the_patch_that_looks_like_it():
    patches = exciting_patches(trained(), "convolution-1", 0, data().test_images, count=3)
    weight = tensors()["parameter/convolution-1/weight"][0]
    bias = tensors()["parameter/convolution-1/bias"][0]
    assert len(patches) == 3
    for patch in patches:
        prepared = data().apply(data().test_images[patch.image][None], np.float64)[0]
        padded = np.pad(prepared, ((1, 1), (1, 1), (0, 0)))
        seen = padded[patch.row + 1 : patch.row + 4, patch.column + 1 : patch.column + 4]
        assert (seen.transpose(2, 0, 1) * weight).sum() + bias == pytest.approx(patch.value)


def test_that_looking_for_patches_ends_when_it_is_told_to():
    assert exciting_patches(trained(), "convolution-1", 0, data().test_images, stopped=lambda: True) is None
