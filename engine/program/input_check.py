"""Each layer's backward alone, against central differences by its inputs: also for layers without parameters.

For random weights r, the gradient of Σ r·f(x) by x is what backward makes of r; for the classifier, that of the mean
loss. Both sides of a difference must lie on one smooth piece, as in `engine.program.gradient_check`.
"""

import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from engine.design.graph import Node
from engine.program.gradient_check import GradientChecker, PatternOps, TensorCheck, sample_error
from engine.tensor.device import EagerOps
from engine.tensor.ops import Array

TRIES_A_SAMPLE = 10


def check_inputs(checker: GradientChecker, samples: int = 20) -> Iterator[TensorCheck]:
    """One result a layer that hands an error back, in the order of the network; its `parameter` is "input".

    `samples` values of each input are compared, those that cross a kink are skipped and counted.
    """
    outputs = checker.outputs()
    network = checker.network
    learning = network.learning()
    for node in network.nodes:
        sources = network.sources[node.id]
        if not node.muted and any(source in learning for source in sources):
            wanted = [source in learning for source in sources]
            yield _check_node(checker, node, [outputs[source] for source in sources], wanted, samples)


def _check_node(
    checker: GradientChecker, node: Node, inputs: Sequence[Array], wanted: Sequence[bool], samples: int
) -> TensorCheck:
    generator = np.random.Generator(
        np.random.Philox(key=[checker.seed, zlib.crc32(f"inputs {node.id}".encode())])
    )
    inputs = [checker.device.to_device(checker.device.to_host(x).astype(np.float64)) for x in inputs]
    run = checker.new_pass(EagerOps(checker.device))
    output, backward = run.run_node(node, *inputs)
    weights = None
    if not node.layer.terminal:
        weights = checker.device.to_device(generator.standard_normal(output.shape))
    gradients = backward(weights)
    checked = skipped = 0
    worst = 0.0
    for number, gradient in enumerate(gradients):
        if gradient is None or not wanted[number]:
            continue
        expected = checker.device.to_host(gradient).reshape(-1)
        found = 0
        for place in probed_places(expected, generator)[: samples * TRIES_A_SAMPLE]:
            if found >= samples:
                break
            moved = partial(_central_difference, checker, node, inputs, number, int(place), weights)
            error = sample_error(float(expected[place]), moved)
            if error is None:
                skipped += 1
                continue
            found += 1
            worst = max(worst, error)
        checked += found
    return TensorCheck(node.id, "input", checked, skipped, worst)


def probed_places(gradient: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Every place in random order, each second one where the gradient is not zero as long as there are any.

    Pooling and ReLU hand most places nothing back: a check of those alone would find every factor right.
    """
    anywhere = generator.permutation(gradient.size)
    there = generator.permutation(np.flatnonzero(gradient))
    both = np.empty(len(there) + min(len(there), len(anywhere)), np.int64)
    both[0::2], both[1::2] = there, anywhere[: len(there)]
    return np.concatenate([both, anywhere[len(there) :]])


def _central_difference(
    checker: GradientChecker,
    node: Node,
    inputs: Sequence[Array],
    number: int,
    place: int,
    weights: Array | None,
    delta: float,
) -> float | None:
    flat = inputs[number].reshape(-1)
    value = float(flat[place])
    sides: list[tuple[np.ndarray, list[Array]]] = []
    for sign in (1.0, -1.0):
        flat[place] = value + sign * delta
        sides.append(_side(checker, node, inputs, weights))
    flat[place] = value
    (above, above_patterns), (below, below_patterns) = sides
    if not all(bool((a == b).all()) for a, b in zip(above_patterns, below_patterns, strict=True)):
        return None
    # Differences first: the sums of both sides would cancel to rounding.
    return float((above - below).sum()) / (2 * delta)


def _side(
    checker: GradientChecker, node: Node, inputs: Sequence[Array], weights: Any
) -> tuple[np.ndarray, list[Array]]:
    ops = PatternOps(checker.device)
    run = checker.new_pass(ops)
    output, _ = run.run_node(node, *inputs)
    if weights is None:
        losses = checker.device.to_host(run.losses)
        return losses / len(losses), ops.patterns
    return checker.device.to_host(output * weights), ops.patterns
