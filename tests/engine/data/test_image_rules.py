"""Pictures of any size and kind become images of one size by stated rules."""

import io

import numpy as np
import pytest
from PIL import Image

from engine.data.image_rules import ImageRules, decoded


def packed(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def gradient(width, height):
    """RGB of which red grows to the right, green downwards; blue is 90."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, np.full_like(x, 90)], axis=-1).round().astype(np.uint8))


def test_that_a_picture_of_the_right_size_keeps_every_pixel(random):
    pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decoded(packed(Image.fromarray(pixels)), ImageRules()), pixels)


def test_that_crop_keeps_the_middle_at_its_proportions():
    image = decoded(packed(gradient(300, 100)), ImageRules(height=50, width=50)).astype(int)
    assert image.shape == (50, 50, 3)
    # The middle third of the width, all of the height.
    assert image[25, 0, 0] == pytest.approx(85, abs=3)
    assert image[25, -1, 0] == pytest.approx(170, abs=3)
    assert (image[0, 25, 1], image[-1, 25, 1]) == (pytest.approx(0, abs=3), pytest.approx(255, abs=3))


def test_that_pad_keeps_all_between_black_borders():
    image = decoded(packed(gradient(300, 100)), ImageRules(height=60, width=60, fit="pad")).astype(int)
    assert image[:20].max() == image[40:].max() == 0
    assert image[20:40, :, 2].min() == 90
    assert (image[30, 0, 0], image[30, -1, 0]) == (pytest.approx(0, abs=4), pytest.approx(255, abs=4))


def test_that_stretch_fills_all_with_all():
    image = decoded(packed(gradient(300, 100)), ImageRules(height=40, width=20, fit="stretch")).astype(int)
    assert image.shape == (40, 20, 3)
    assert (image[0, 0, 0], image[0, -1, 0]) == (pytest.approx(0, abs=8), pytest.approx(255, abs=8))
    assert (image[0, 0, 1], image[-1, 0, 1]) == (pytest.approx(0, abs=4), pytest.approx(255, abs=4))


def test_that_shrinking_takes_every_pixel_into_account():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = decoded(
        packed(Image.fromarray(board.astype(np.uint8))), ImageRules(height=8, width=8, mode="grey")
    )
    assert np.abs(image.astype(int) - 127).max() < 8


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2), (31, 33)])
def test_that_odd_sizes_fit_too(fit, size):
    image = decoded(packed(Image.new("RGB", size, (200, 100, 50))), ImageRules(height=24, width=16, fit=fit))
    assert image.shape == (24, 16, 3)
    assert image.max() == 200


def test_that_grey_is_the_luma_of_colours():
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    pixels[0, 0], pixels[0, 1], pixels[0, 2] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    image = decoded(packed(Image.fromarray(pixels)), ImageRules(height=4, width=4, mode="grey"))
    assert image.shape == (4, 4, 1)
    assert image[0, :3, 0].tolist() == [76, 150, 29]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I;16"])
@pytest.mark.parametrize("colours", ["rgb", "grey"])
def test_that_a_white_picture_is_white_in_every_mode(mode, colours):
    white = {"I;16": 65535}.get(mode)
    image = Image.new("I;16", (8, 8), white) if white else Image.new("RGB", (8, 8), "white").convert(mode)
    kind = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    found = decoded(packed(image, kind), ImageRules(height=8, width=8, mode=colours))
    assert found.shape == (8, 8, 3 if colours == "rgb" else 1)
    assert found.min() >= 254


def test_that_sixteen_bits_keep_their_steps():
    wide = Image.fromarray((np.arange(256, dtype=np.uint16) * 257).reshape(16, 16))
    image = decoded(packed(wide), ImageRules(height=16, width=16, mode="grey"))
    assert image.ravel().tolist() == list(range(256))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_that_transparent_places_become_white(mode):
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert("RGBA" if mode == "P" else mode)
    if mode == "P":
        image = Image.new("P", (8, 8), 0)
        image.info["transparency"] = 0
    assert decoded(packed(image), ImageRules(height=8, width=8)).min() == 255


def test_that_the_orientation_mark_of_a_camera_is_followed():
    upright = Image.new("RGB", (20, 40))
    upright.paste((255, 255, 255), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter clockwise
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    image = decoded(packed(lying, "JPEG", exif=exif, quality=95), ImageRules(height=40, width=20))
    assert image[:15].min() > 240
    assert image[25:].max() < 15


def test_that_a_large_jpeg_shrinks_to_what_its_pixels_show():
    image = decoded(packed(gradient(2000, 2000), "JPEG", quality=95), ImageRules())
    expected = decoded(packed(gradient(2000, 2000)), ImageRules())
    assert np.abs(image.astype(int) - expected).max() <= 4


def test_that_only_the_first_frame_counts(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    content = packed(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decoded(content, ImageRules(height=8, width=8))[0, 0].tolist() == [255, 0, 0]


def test_that_floating_point_pixels_are_refused_in_words():
    content = packed(Image.new("F", (8, 8), 0.5), "TIFF")
    with pytest.raises(ValueError, match="range is not known"):
        decoded(content, ImageRules())


def test_that_programs_dressed_as_pictures_are_not_run():
    with pytest.raises(OSError, match="cannot identify"):
        decoded(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n", ImageRules())
