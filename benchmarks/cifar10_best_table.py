"""The table of docs/cifar10-best.md from benchmarks/results/cifar10-best.json.

python -m benchmarks.cifar10_best_table [--write]
"""

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cifar10_best import OUTPUT

PAGE = Path(__file__).parent.parent / "docs" / "cifar10-best.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end -->\n"
ENGINES = {"gabor": "Gabor", "pytorch": "PyTorch"}


def table(runs: Sequence[dict[str, Any]]) -> str:
    """Markdown: a row for each candidate and engine."""
    lines = [
        "| design | engine | seeds | epochs | test accuracy | least to most | seconds | device |",
        "|---|---|---|---|---|---|---|---|",
    ]
    keys = dict.fromkeys((run["candidate"], run["engine"]) for run in runs)
    for candidate, engine in keys:
        found = [run for run in runs if (run["candidate"], run["engine"]) == (candidate, engine)]
        accuracies = [100 * run["test_accuracy"] for run in found]
        spread = f" ± {statistics.stdev(accuracies):.2f}" if len(found) > 1 else ""
        seconds = statistics.median(run["seconds"] for run in found)
        device = found[0]["device"].split(": ")[-1]
        lines.append(
            f"| {candidate} | {ENGINES[engine]} | {len(found)} | {found[0]['epochs']} "
            f"| {statistics.mean(accuracies):.2f} %{spread} | {min(accuracies):.2f} to {max(accuracies):.2f} "
            f"| {seconds:.1f} | {device} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, or write it into the page."""
    text = table(json.loads(OUTPUT.read_text("utf-8")))
    if "--write" not in sys.argv:
        print(text, end="")
        return
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
