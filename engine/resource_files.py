"""Finds the files that travel with the program, in a checkout as well as in an installed wheel."""

from importlib import resources
from pathlib import Path


def resource_path(*parts: str) -> Path:
    """Path of a packaged file or folder, such as `resource_path("mnist-sample", "mnist-sample.npz")`.

    Nothing is checked: the path may name a file that is not there.
    """
    return _resource_root().joinpath(*parts)


def _resource_root() -> Path:
    # A wheel maps the folder to a package of its own name: a top-level "resources" could be anyone's.
    try:
        root = resources.files("gabor_resources")
    except ModuleNotFoundError:
        return Path(__file__).resolve().parent.parent / "resources"
    return Path(str(root))
