"""Errors that a user can act on: each is a whole sentence that names the place and the next step."""


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
    """A change of settings of the failing node that mends a problem: a label and the new values."""

    def __init__(self, label: str, **settings: object) -> None:
        self.label = label
        self.settings = settings

    def __repr__(self) -> str:
        return f"Repair({self.label!r}, {self.settings!r})"


class DataError(GaborError):
    """A data set is missing, damaged or does not fit the design."""


class ProjectFileError(GaborError):
    """A project file cannot be read or written."""


class DeviceError(GaborError):
    """A device is missing, lacks a capability or ran out of memory."""


class TrainingError(GaborError):
    """Training cannot start or go on with these settings or values."""
