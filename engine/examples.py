"""The example projects that come along. `python -m engine.examples [FOLDER]` writes them anew."""

import sys
from pathlib import Path

from engine.project_file import save
from engine.resource_files import resource_path
from engine.templates import TEMPLATES

_FOLDER = "examples"
_ENDING = ".netproj"


def example_names() -> tuple[str, ...]:
    """Names of the templates that come along as files."""
    return tuple(name for name, template in TEMPLATES.items() if template.is_example)


def example_path(name: str) -> Path:
    """Where the example of a template lies; KeyError for a name that is none."""
    return resource_path(_FOLDER, f"{TEMPLATES[name].name}{_ENDING}")


def write_examples(folder: Path) -> list[Path]:
    """Write every example into a folder, which is made when missing; ProjectFileError when that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in example_names():
        path = folder / f"{name}{_ENDING}"
        save(path, TEMPLATES[name].build())
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write_examples(Path(sys.argv[1]) if len(sys.argv) > 1 else resource_path(_FOLDER)):
        print(path)
