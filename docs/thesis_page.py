"""Writes docs/thesis.md from stored results: `python docs/thesis_page.py [FOLDER]`.

FOLDER is one that `gabor reproduce` filled: its numbers are kept in benchmarks/results/thesis.json and its figures in
docs/images/thesis. Without it the page is written anew from what is kept. Results of PyTorch, where
`python -m benchmarks.accuracy_parity` made some, stand beside.
"""

import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402 - runs from a bare checkout too

from engine.api import EXPERIMENTS, ResultFolder, SeedResult  # noqa: E402
from workbench.commands.thesis_page import thesis_page  # noqa: E402

PAGE = ROOT / "docs" / "thesis.md"
FIGURES = ROOT / "docs" / "images" / "thesis"
RESULTS = ROOT / "benchmarks" / "results"
KEPT, PEERS = RESULTS / "thesis.json", RESULTS / "accuracy-parity.json"


def take_in(folder: Path) -> None:
    """Keep the numbers and figures of a reproduction; experiments that it lacks stay as they were."""
    results, kept = ResultFolder(folder), load_kept()
    for name in EXPERIMENTS:
        kept[name] = results.results(name) or kept[name]
    lines = [msgspec.json.encode(result).decode() for found in kept.values() for result in found]
    KEPT.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    FIGURES.mkdir(parents=True, exist_ok=True)
    for picture in sorted((folder / "figures").glob("*.png")):
        shutil.copyfile(picture, FIGURES / picture.name)


def load_kept() -> dict[str, list[SeedResult]]:
    """The results in the repository, by experiment."""
    found: dict[str, list[SeedResult]] = {name: [] for name in EXPERIMENTS}
    if KEPT.exists():
        for result in msgspec.json.decode(KEPT.read_bytes(), type=list[SeedResult]):
            found[result.experiment].append(result)
    return found


def main() -> None:
    """Write the page."""
    if len(sys.argv) > 1:
        take_in(Path(sys.argv[1]))
    peers = json.loads(PEERS.read_text(encoding="utf-8")) if PEERS.exists() else None
    page = thesis_page(load_kept(), "images/thesis", peers)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
