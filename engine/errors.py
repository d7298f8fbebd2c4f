"""Errors that a user can act on: each is a whole sentence that names the place and the next step."""

from collections.abc import Callable
from typing import Any


class GaborError(Exception):
    """A failure told in plain words; `str(error)` is shown to the user as it stands."""

    def __init__(self, message: str, *, node: str | None = None) -> None:
        super().__init__(message)
        self.node = node
        """Id of the node where the problem lies, or None."""


class DesignError(GaborError):
    """The design, a setting or an edit of it is not valid."""


class ShapeError(DesignError):
    """A layer cannot take the inputs it is given. Carries repairs that would make it fit."""

    def __init__(self, message: str, *, node: str | None = None, repairs: tuple["Repair", ...] = ()) -> None:
        super().__init__(message, node=node)
        self.repairs = repairs


class Repair:
    """A change that mends a problem in one step: new settings of the failing node, or an edit of the whole design.

    `edit` takes the design (a Graph) and gives the mended one; it raises DesignError where the design has
    changed so that it no longer applies.
    """

    def __init__(self, label: str, *, edit: Callable[[Any], Any] | None = None, **settings: object) -> None:
        self.label = label
        self.edit = edit
        self.settings = settings

    def __repr__(self) -> str:
        return f"Repair({self.label!r}, {self.settings or self.edit!r})"


class DataError(GaborError):
    """A data set is missing, damaged or does not fit the design."""


class ProjectFileError(GaborError):
    """A project file cannot be read or written."""


class DamagedRunsError(ProjectFileError):
    """Runs of a project file are damaged; what else it holds can be read."""


class DeviceError(GaborError):
    """A device is missing, lacks a capability or ran out of memory."""


class TrainingError(GaborError):
    """Training cannot start or go on with these settings or values."""
