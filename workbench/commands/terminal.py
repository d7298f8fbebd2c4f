"""How commands speak: results on stdout, progress and messages on stderr, JSON where it is asked for.

Every start of the command line imports this module; what only some of its functions need is imported by them.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

STDOUT_MARK = "-"
"""As the target of JSON: standard output, which then holds nothing else."""

_WIDE = 1000


def result_console() -> "Console":
    """Where tables and results go."""
    return _console(highlight=False, soft_wrap=not sys.stdout.isatty())


def message_console() -> "Console":
    """Where progress, notes and errors go."""
    return _console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def _console(**options: Any) -> "Console":
    from rich.console import Console

    class Told(Console):
        def on_broken_pipe(self) -> None:
            # Rich would end the process here, with all that was trained.
            raise BrokenPipeError

    return Told(**options)


def fall_silent() -> None:
    """Whoever read the messages went away: from here on they go nowhere."""
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def print_table(table: "Table") -> None:
    """Show a table; in a file or a pipe it is as wide as it needs."""
    console = result_console()
    if not console.is_terminal:
        console.width = _WIDE
    console.print(table)


def plain_table(texts: Sequence[str], numbers: Sequence[str] = ()) -> "Table":
    """An empty table in the one style that all commands use: columns of texts, then of numbers, by their headings."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in texts:
        table.add_column(heading)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def give_results(json: str | None, show: Callable[[], object], values: Callable[[], dict[str, Any]]) -> None:
    """Show results to people, unless stdout is for JSON alone, and write their values where JSON is asked for."""
    if json != STDOUT_MARK:
        show()
    if json:
        write_json(json, values())


def write_json(target: str, values: dict[str, Any]) -> None:
    """Write values as readable JSON to a file, or to stdout for "-"; not-a-number becomes null."""
    import msgspec

    from workbench.whole_files import write_file

    text = msgspec.json.format(msgspec.json.encode(values, enc_hook=_plain, order="deterministic"), indent=2)
    if target == STDOUT_MARK:
        sys.stdout.write(text.decode() + "\n")
        sys.stdout.flush()
    else:
        write_file(Path(target), text + b"\n")


def json_line(values: dict[str, Any]) -> str:
    """Values as one line of JSON; not-a-number becomes null."""
    import msgspec

    return msgspec.json.encode(values, enc_hook=_plain, order="deterministic").decode() + "\n"


def count(number: int) -> str:
    """A count with its thousands set apart: 3,274,634."""
    return f"{number:,}"


def counted(number: int, thing: str) -> str:
    """`1 step`, `3,750 steps`."""
    return f"{count(number)} {thing}{'s' * (number != 1)}"


def escaped(text: str) -> str:
    """Text as it stands, on one line: names and messages are no markup."""
    from rich.markup import escape

    return escape(" ".join(text.split()))


def _plain(value: object) -> object:
    """What JSON has no word for: arrays as nested lists, NumPy's numbers as Python's, paths as text."""
    # Imported at the top, NumPy would make up most of the time that `gabor --help` takes.
    import numpy as np

    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
