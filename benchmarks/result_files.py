"""Results as JSON: one entry for each thing measured, merged into what was measured before."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
Result = dict[str, Any]


def read(name: str, folder: Path = FOLDER) -> Result:
    """All entries of `name`.json; none where nothing was measured yet."""
    file = folder / f"{name}.json"
    found: Result = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return found


def write(name: str, key: str, entry: Result, folder: Path = FOLDER) -> None:
    """Put an entry, dated today, in the place of the earlier one."""
    results = read(name, folder)
    results[key] = {**entry, "date": datetime.now(UTC).date().isoformat()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", "utf-8")


def gpu_versions() -> Result:
    """The GPU, its driver and the libraries: what a time on a GPU depends on."""
    import cupy

    from engine.tensor.cuda.cudnn_library import versions
    from engine.tensor.cuda.detection import driver_version

    properties = cupy.cuda.runtime.getDeviceProperties(0)
    return {
        "device": properties["name"].decode(), "driver": driver_version(), "cupy": cupy.__version__,
        "libraries": versions(),
    }  # fmt: skip
