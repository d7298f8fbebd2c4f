"""What one seed of an experiment came to, and the folder that keeps it: JSON for numbers, arrays beside it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from engine.errors import DataError
from engine.project_file.atomic import replace_file


class UnitsOfNode(msgspec.Struct, frozen=True, kw_only=True):
    """Activity of one activation's units over test images."""

    name: str
    units: int
    dead: int
    """Units that never fired."""
    fires: float
    """Mean share of images and places where a unit fires."""


class FilterKinds(msgspec.Struct, frozen=True, kw_only=True):
    """How many first-layer filters look like what; `control` counts those called anything but neither at step 0."""

    gabor: int
    neighbours: int
    neither: int
    wavelength: float | None
    """Median of the Gabor-like filters' wavelengths, in pixels."""
    control_gabor: int
    control_neighbours: int


class SeedResult(msgspec.Struct, frozen=True, kw_only=True):
    """One finished training. Accuracies are 0 to 1, losses negative log likelihoods, times in seconds."""

    experiment: str
    seed: int
    date: str
    device: str
    settings: dict[str, object]
    """What was trained and how; two results of one experiment may be averaged only when these are equal."""
    parameters: int
    memory: dict[str, int]
    steps: int
    steps_per_epoch: int
    training_seconds: float
    """Of training steps with their paired validation batches."""
    seconds: float
    """From the data in memory to the last test, compiling included."""
    test_accuracy: float
    test_loss: float
    validation_accuracy: float
    """On the whole validation set at the end."""
    train_accuracy: float
    """Mean over the batches of the last epoch, as all the following means."""
    train_loss: float
    validation_loss: float
    train_total: float
    first_total: float
    """Loss with the decay term at the first step."""
    test_by_epoch: list[float]
    train_by_epoch: list[float]
    validation_by_epoch: list[float]
    class_names: list[str]
    confusion: list[list[int]]
    """Counts on the test set, [predicted][true]."""
    histograms: dict[str, list[int]]
    """Examples of each class in training, validation and test."""
    units: list[UnitsOfNode]
    filters: FilterKinds | None = None
    """None until the filters have been looked at."""


class ResultFolder:
    """`FOLDER/<experiment>/seed-<n>.json` and `.npz`. A result without its JSON file does not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, experiment: str, seed: int) -> SeedResult | None:
        """The result of a seed, None where there is none; DataError when the file is not one."""
        path = self._place(experiment, seed)
        if not path.is_file():
            return None
        try:
            return msgspec.json.decode(path.read_bytes(), type=SeedResult)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DataError(
                f"{path} is no result of a training ({error}): delete it, and that seed is trained again."
            ) from error

    def results(self, experiment: str) -> list[SeedResult]:
        """All results of an experiment, by seed."""
        place = self.folder / experiment
        seeds = sorted(int(path.stem[5:]) for path in place.glob("seed-*.json") if path.stem[5:].isdigit())
        found = (self.find(experiment, seed) for seed in seeds)
        return [result for result in found if result is not None]

    def arrays(self, experiment: str, seed: int) -> dict[str, np.ndarray]:
        """The arrays of a result: the history's columns, `filters` and `first_filters`; DataError without them."""
        path = self._place(experiment, seed).with_suffix(".npz")
        try:
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (OSError, ValueError, KeyError) as error:
            beside = path.with_suffix(".json").name
            raise DataError(
                f"The arrays of a training cannot be read from {path} ({error}): delete {beside} beside it, and that "
                "seed is trained again."
            ) from error

    def save(self, result: SeedResult, arrays: Mapping[str, np.ndarray] | None = None) -> None:
        """Keep a result; ProjectFileError in words when the disk does not take it."""
        path = self._place(result.experiment, result.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        if arrays is not None:
            kept = dict(arrays)
            replace_file(
                path.with_suffix(".npz"),
                lambda stream: np.savez_compressed(stream, allow_pickle=False, **kept),
            )
        # Last: what has no JSON file is trained again.
        text = msgspec.json.format(msgspec.json.encode(result), indent=1)
        replace_file(path, lambda stream: stream.write(text + b"\n"))

    def _place(self, experiment: str, seed: int) -> Path:
        return self.folder / experiment / f"seed-{seed}.json"
