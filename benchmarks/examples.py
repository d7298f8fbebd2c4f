"""The examples that come with the program, as benchmarks train them."""

from dataclasses import replace

import msgspec

from engine.api import Project, example_path, load_project


def example(name: str, data: str | None, **training: object) -> Project:
    """The example with its data in the folder `data`, and with these training settings."""
    project = load_project(example_path(name)).project
    settings = msgspec.structs.replace(project.training, **training)
    return replace(project, training=settings, data=msgspec.structs.replace(project.data, folder=data))
