"""The report of a run: one HTML file that opens in any browser without a network."""

from collections.abc import Sequence
from pathlib import Path

from engine.api import Run
from workbench.report.page import page
from workbench.report.pictures import run_pictures

__all__ = ["write_html_report"]


def write_html_report(run: Run, runs: Sequence[Run], path: Path) -> None:
    """Write all that is known of a run, beside the other runs of its project, into one file. Raises OSError.

    Draws with Qt, so a QApplication must be there.
    """
    path.write_text(page(run, runs, run_pictures(run)), encoding="utf-8")
