"""Results as lines of JSON, each written as soon as it is there."""

import sys
from contextlib import suppress
from typing import Any

from workbench.commands.terminal import STDOUT_MARK, escaped, json_line, message_console


class JsonLines:
    """The lines of JSON. When they cannot be written that is told once, and the trainings go on."""

    def __init__(self, target: str | None) -> None:
        """`target`: a file, - for standard output, or None for none; OSError when it cannot be begun."""
        self._target = target
        self._own = open(target, "w", encoding="utf-8") if target and target != STDOUT_MARK else None  # noqa: SIM115
        self.failed = False

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            with suppress(OSError):  # of what was told already
                self._own.close()

    def write(self, values: dict[str, Any]) -> None:
        """Add a line, at once."""
        stream = sys.stdout if self._target == STDOUT_MARK else self._own
        if stream is None or self.failed:
            return
        try:
            stream.write(json_line(values))
            stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self.failed = True
            told = f"{self._target}: {error.strerror or error}. The trainings go on without it."
            message_console().print(f"[bold red]gabor:[/] {escaped(told)}")
