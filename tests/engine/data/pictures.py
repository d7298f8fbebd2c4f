"""Folders of small pictures for tests, whose class can be read from their pixels."""

import io
import zipfile

import numpy as np
from PIL import Image


def picture(label, number, size=(24, 20)):
    """An RGB picture: red tells the class, green the number."""
    pixels = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = 20 * label, number % 256, 77
    return Image.fromarray(pixels)


def content(label, number, kind="PNG", **options):
    file = io.BytesIO()
    picture(label, number, **options).save(file, kind)
    return file.getvalue()


def write_tree(root, tree):
    """Files by relative path: bytes or text."""
    for name, value in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else value.encode())
    return root


def classes(names, count, start=0, prefix=""):
    """A tree with one folder for each class and `count` pictures in each."""
    return {
        f"{prefix}{name}/{number:03}.png": content(label, number)
        for label, name in enumerate(names)
        for number in range(start, start + count)
    }


def zipped(path, tree, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, value in tree.items():
            archive.writestr(name, value)
    return path
