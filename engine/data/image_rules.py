"""How pictures of any size and kind become images of one size: the rules, and their application to one picture."""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is read. Others are left out: some run programs (EPS), and the fewer decoders the fewer holes."""
ENDINGS = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
)  # fmt: skip

_MOST_PIXELS = 64 * 2**20
_FULL_16_BIT = 257
_TRANSPARENT = frozenset(("LA", "La", "PA", "RGBA", "RGBa"))


@dataclass(frozen=True)
class ImageRules:
    """Size, colours and fit of images that are read from pictures, and how some of them become the test part."""

    height: int = 32
    width: int = 32
    mode: Literal["rgb", "grey"] = "rgb"
    fit: Literal["crop", "pad", "stretch"] = "crop"
    test_fraction: float = 0.2
    """Part of each class that is held back for testing where no test images are given."""
    skip_broken: bool = False
    """Whether pictures that cannot be read are left out instead of refused."""

    @property
    def channels(self) -> int:
        """3 for RGB, 1 for grey."""
        return 3 if self.mode == "rgb" else 1

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of one image as (C, H, W)."""
        return (self.channels, self.height, self.width)


def decoded(content: bytes, rules: ImageRules) -> npt.NDArray[np.uint8]:
    """The first frame of a picture file by the rules, uint8 [H, W, C].

    Orientation marks of cameras are followed; 16-bit values keep their upper byte's scale; transparent places
    become white; grey is the ITU-R 601 luma. Raises whatever Pillow raises for a damaged file, ValueError in
    words for one that is too large or of no known range.
    """
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        # JPEG decodes to a half, a quarter or an eighth for a fraction of the work; twice the size is kept
        # for a smooth result.
        side = 2 * max(rules.height, rules.width)
        image.draft("L" if rules.mode == "grey" else "RGB", (side, side))
        width, height = image.size
        if width * height > _MOST_PIXELS:
            raise ValueError(f"has {width}×{height} pixels, more than the {_MOST_PIXELS} that are read")
        plain = _plain(ImageOps.exif_transpose(image)).convert("L" if rules.mode == "grey" else "RGB")
    pixels = np.asarray(_fitted(plain, rules))
    return pixels.reshape(rules.height, rules.width, rules.channels)


def _plain(image: Image.Image) -> Image.Image:
    """The picture as 8-bit grey or RGB, without transparency."""
    if image.mode == "F":
        raise ValueError("has floating-point pixels, whose range is not known")
    if image.mode == "I" or image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.int64)
        return Image.fromarray((wide.clip(0, 2**16 - 1) // _FULL_16_BIT).astype(np.uint8))
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        coloured = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured).convert("RGB")
    return image.convert("L") if image.mode in ("1", "L") else image.convert("RGB")


def _fitted(image: Image.Image, rules: ImageRules) -> Image.Image:
    """The picture at the size of the rules; when it shrinks, every pixel counts (bilinear with a wide support)."""
    size = (rules.width, rules.height)
    width, height = image.size
    if image.size == size:
        return image
    across, down = rules.width / width, rules.height / height
    if rules.fit == "stretch":
        return image.resize(size, Image.Resampling.BILINEAR)
    if rules.fit == "crop":
        kept_width, kept_height = rules.width / max(across, down), rules.height / max(across, down)
        left, top = (width - kept_width) / 2, (height - kept_height) / 2
        # Rounding may reach beyond the edge by the last bit of a float.
        box = (max(left, 0.0), max(top, 0.0), min(left + kept_width, width), min(top + kept_height, height))
        return image.resize(size, Image.Resampling.BILINEAR, box=box)
    scale = min(across, down)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = Image.new(image.mode, size)
    place = ((rules.width - inner[0]) // 2, (rules.height - inner[1]) // 2)
    canvas.paste(image.resize(inner, Image.Resampling.BILINEAR), place)
    return canvas
