"""The snapshots of a run <-> tensors, and what snapshots and evaluations must be like."""

import numpy as np

from engine.project_file.refusal import RefusedError
from engine.project_file.tensors import Tensors, column, decode_tensors
from engine.training.events import Snapshot
from engine.training.run import Run
from engine.training.snapshots import PICTURES

PARTS = ("validation", "test")
"""Of the data, that are evaluated."""

_STEP = "step"
_UNITS = ("fires", "fires_in", "unit_states")
_LOOKS = ((("answers", "confidence"), 1), (_UNITS, 1), (("points",), 2))
"""Fields of a snapshot that belong together, and how many axes they have."""
_LOOK_TYPES = {
    "answers": (np.uint8, np.uint16), "confidence": (np.uint8,), "fires": (np.float32,), "fires_in": (np.float32,),
    "unit_states": (np.uint8,), "points": (np.float32,),
}  # fmt: skip


def snapshot_tensors(snapshots: tuple[Snapshot, ...]) -> Tensors:
    """Each field's arrays as one, with the numbers of the snapshots that have it: a stack where all are of one shape.

    Where they are of several lengths they lie one behind the other, as `joined_` and the field's name, with lengths.
    """
    tensors = {_STEP: np.array([event.step for event in snapshots], np.int64)}
    for name in PICTURES:
        arrays = {at: getattr(event, name) for at, event in enumerate(snapshots)}
        arrays = {at: array for at, array in arrays.items() if array is not None}
        if not arrays:
            continue
        are_alike = len({array.shape for array in arrays.values()}) == 1
        key = name if are_alike else f"joined_{name}"
        tensors[f"{key}_at"] = np.array(list(arrays), np.int64)
        tensors[key] = (np.stack if are_alike else np.concatenate)(list(arrays.values()))
        if not are_alike:
            tensors[f"{key}_lengths"] = np.array([len(array) for array in arrays.values()], np.int64)
    return tensors


def decode_snapshots(data: bytes, run_id: str, filters_node: str) -> tuple[Snapshot, ...]:
    """The snapshots in a blob; RefusedError where arrays do not belong to the steps."""
    tensors, _ = decode_tensors(data)
    steps = column(tensors, _STEP, np.int64)
    found = {name: _arrays(tensors, name, len(steps)) for name in PICTURES}
    return tuple(
        Snapshot(
            run=run_id,
            step=step,
            filters_node=filters_node,
            **{name: found[name].get(place) for name in PICTURES},
        )
        for place, step in enumerate(steps.tolist())
    )


def _arrays(tensors: Tensors, name: str, count: int) -> dict[int, np.ndarray]:
    """Number of the snapshot -> its array of a field."""
    key = f"joined_{name}" if f"joined_{name}" in tensors else name
    places = column(tensors, f"{key}_at", np.int64).tolist() if f"{key}_at" in tensors else []
    together = tensors.get(key, np.zeros((0, 1)))
    refused = RefusedError(f"its {name} do not belong to its steps")
    if not set(places) <= set(range(count)):
        raise refused
    if key == name:
        if together.ndim < 2 or len(together) != len(places):
            raise refused
        return dict(zip(places, together, strict=True))
    lengths = column(tensors, f"{key}_lengths", np.int64)
    fits = len(lengths) == len(places) > 0 and together.ndim > 0
    if not fits or lengths.min() < 0 or lengths.max() > len(together) or lengths.sum() != len(together):
        raise refused
    ends = np.cumsum(lengths)
    return dict(zip(places, np.split(together, ends[:-1]), strict=True))


def check_pictures(run: Run) -> None:
    """RefusedError unless confusion matrices count and are square; filters are those of one convolution."""
    sizes = {(len(run.class_names),) * 2} if run.class_names else set()
    pictures = [event.confusion for event in run.snapshots if event.confusion is not None]
    for matrix in (*pictures, *(event.confusion for event in run.evaluations)):
        sizes.add(matrix.shape)
        if len(sizes) > 1 or not _is_square(matrix):
            raise RefusedError("its confusion matrices are not squares with a row for each class")
        if matrix.size and matrix.min() < 0:
            raise RefusedError("a confusion matrix counts fewer than no examples")
    shown = {(e.filters.shape, e.filters_node) for e in run.snapshots if e.filters is not None}
    nodes = run.project.graph.nodes
    if len(shown) > 1 or any(len(shape) != 4 or node not in nodes for shape, node in shown):
        raise RefusedError("its snapshots of filters are not those of one convolution of its design")
    _check_looks(run.snapshots)
    events = (*run.snapshots, *run.evaluations)
    known = all(event.part in PARTS for event in run.evaluations)
    if not known or any(not 0 <= event.step < 2**53 for event in events):
        raise RefusedError("a snapshot or an evaluation has a step or a part that is not possible")


def _check_looks(snapshots: tuple[Snapshot, ...]) -> None:
    """What snapshots tell of units and images is of one type throughout, and of the same images in each of them."""
    for names, axes in _LOOKS:
        arrays = [
            (name, array) for e in snapshots for name in names if (array := getattr(e, name)) is not None
        ]
        shapes = {array.shape if names == _UNITS else array.shape[1:] for _, array in arrays}
        if len(shapes) > 1 or any(array.ndim != axes for _, array in arrays):
            raise RefusedError(f"the {' and '.join(names)} of its snapshots differ in length")
        if any(array.dtype not in _LOOK_TYPES[name] for name, array in arrays):
            raise RefusedError(f"the {' and '.join(names)} of its snapshots are of another type")
    for event in snapshots:
        answers, confidence, points = event.answers, event.confidence, event.points
        if answers is not None and confidence is not None and len(answers) != len(confidence):
            raise RefusedError("the answers and confidence of a snapshot differ in length")
        if answers is not None and points is not None and len(points) > len(answers):
            raise RefusedError("a snapshot has more points than answers")


def _is_square(matrix: np.ndarray) -> bool:
    return matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and matrix.dtype == np.int64
