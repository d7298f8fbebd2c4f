"""The sampled norms of a run <-> tensors."""

import numpy as np

from engine.project_file.project_json import decode_json, encode_json
from engine.project_file.refusal import RefusedError
from engine.project_file.tensors import column, decode_tensors, encode_tensors
from engine.training.samples import Samples

_NORMS = ("gradient", "weight", "update")


def encode_samples(samples: Samples) -> bytes:
    """One blob: columns, with the ids of the nodes beside them."""
    tensors = {"step": samples.steps, "seconds": samples.seconds} | {n: getattr(samples, n) for n in _NORMS}
    return encode_tensors(tensors, encode_json({"nodes": list(samples.nodes)}).decode())


def decode_samples(data: bytes) -> Samples:
    """The samples in a blob; RefusedError when columns are missing or of different lengths."""
    tensors, note = decode_tensors(data)
    nodes = decode_json(note.encode()).get("nodes")
    if not isinstance(nodes, list) or not all(isinstance(node, str) for node in nodes):
        raise RefusedError("its samples do not name their nodes")
    steps, seconds = column(tensors, "step", np.int64), column(tensors, "seconds", np.float64)
    norms = [tensors.get(name, np.zeros(0)) for name in _NORMS]
    return Samples(tuple(nodes), steps, seconds, *norms)


def check_samples(samples: Samples, last_step: int) -> None:
    """RefusedError unless steps increase up to the last one, and there is a number for each node at each."""
    steps, shape = samples.steps, (len(samples.steps), len(samples.nodes))
    if len(samples.seconds) != len(steps) or any(getattr(samples, name).shape != shape for name in _NORMS):
        raise RefusedError("the columns of its samples differ in length")
    if any(getattr(samples, name).dtype != np.float64 for name in _NORMS):
        raise RefusedError("its samples are of another type than they should be")
    if len(steps) and (np.any(np.diff(steps) <= 0) or steps[0] < 1 or steps[-1] > last_step):
        raise RefusedError("the steps of its samples do not follow each other")
