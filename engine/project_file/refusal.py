"""What the parts of a project file say of what is not valid; at the door it becomes a ProjectFileError."""


class RefusedError(Exception):
    """A clause that says what is wrong, without the file's name, and what can be done about it."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason.rstrip(".")
        self.advice = advice


_LONGEST = 400


def shortened(text: str) -> str:
    """The text, cut where it would be too long to read: a hostile file may put megabytes into a name."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
