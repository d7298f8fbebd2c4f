"""The report of a run: one HTML file that opens in any browser without a network."""

from collections.abc import Sequence
from pathlib import Path

from engine.api import Run
from workbench.report.page import page
from workbench.report.pictures import run_pictures
from workbench.whole_files import write_file

__all__ = ["write_html_report"]


def write_html_report(run: Run, runs: Sequence[Run], path: Path) -> None:
    """Write all that is known of a run, beside the other runs of its project, into one file.

    Draws with Qt, so a QApplication must be there. Raises OSError, which names the file; what was there is still there.
    """
    write_file(path, page(run, runs, run_pictures(run)).encode("utf-8", "replace"))
