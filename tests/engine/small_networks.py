"""Small networks, made-up data, and the two ways to run them: compiled and eagerly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.data.dataset import Dataset
from engine.data.preparation import PreparedData, prepare
from engine.data.recipe import DataRecipe
from engine.design import edits
from engine.design.findings import DataShape
from engine.design.graph import Graph
from engine.layers import Layer, make_layer
from engine.program.compiled import CompiledNetwork
from engine.program.network import Network, NetworkPass
from engine.program.store import to_canonical, to_stored
from engine.settings import TrainingSettings
from engine.tensor.device import Device, EagerOps
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.ops import Array
from engine.tensor.step_ops import Clock, Rates

Shape = tuple[int, int, int]


def chain(*layers: Layer, start: Graph | None = None, after: str = "") -> Graph:
    """Layers that feed each other, behind node `after` of a graph when one is given."""
    graph = start or Graph()
    for layer in layers:
        graph, node = edits.add_layer(graph, layer)
        graph = edits.connect(graph, after, node.id) if after else graph
        after = node.id
    return graph


def layer(name: str, **settings: object) -> Layer:
    return make_layer(name, settings)


def around(middle: Layer, shapes: Iterable[Shape], classes: int = 3) -> tuple[Graph, str]:
    """A tiny network that holds a layer; what feeds it learns, so that its input gradient is used. Also its id."""
    shapes = list(shapes)
    if middle.most_inputs == 0:
        graph, held = edits.add_layer(Graph(), middle)
        graph = chain(layer("fully_connected", outputs=classes), start=graph, after=held.id)
        last = graph.order[-1]
        return chain(layer("softmax_classifier"), start=graph, after=last), held.id
    graph, source = edits.add_layer(Graph(), layer("input", shape=(2, *shapes[0][1:])))
    graph, held = edits.add_layer(graph, middle)
    for channels, _, _ in shapes:
        is_scores = middle.terminal
        feeder = (
            layer("fully_connected", outputs=channels)
            if is_scores
            else layer("convolution", filters=channels, size=1)
        )
        graph, node = edits.add_layer(graph, feeder)
        graph = edits.connect(graph, source.id, node.id)
        graph = edits.connect(graph, node.id, held.id)
    if not middle.terminal:
        graph = chain(
            layer("fully_connected", outputs=classes), layer("softmax_classifier"), start=graph, after=held.id
        )
    return graph, held.id


def small_data(
    shape: Shape = (1, 6, 6),
    classes: int = 3,
    train: int = 24,
    test: int = 10,
    *,
    seed: int = 5,
    fraction: float = 0.25,
) -> PreparedData:
    """Random images whose first pixels tell their class; a quarter of `train` is for validation."""
    random = np.random.default_rng(seed)
    channels, height, width = shape

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = (np.arange(count) % classes).astype(np.int32)
        images = random.integers(0, 200, (count, height, width, channels)).astype(np.uint8)
        images[:, 0, 0, 0] = labels * (255 // classes)
        return images, labels

    names = tuple(f"class {number}" for number in range(classes))
    return prepare(
        Dataset("made up", *part(train), *part(test), names), DataRecipe(validation_fraction=fraction)
    )


def network_of(graph: Graph, data: PreparedData) -> Network:
    return Network.of(graph, DataShape(data.dataset.image_shape, data.dataset.classes))


def data_for(graph: Graph, *, batch: int = 4, steps: int = 3) -> PreparedData:
    """Data that fit a graph, for so many steps an epoch."""
    network = Network.of(graph)
    return small_data(network.image_shape, network.classes, batch * steps * 4 // 3, 7)


def compile_network(
    graph: Graph, data: PreparedData, *, device: Device | None = None, **settings: object
) -> CompiledNetwork:
    """A compiled network with drawn parameters and the first epoch's batches in the order of the data."""
    values = {"batch_size": 4, "precision": "float64", "device": "cpu", **settings}
    training = TrainingSettings(**values)  # type: ignore[arg-type]
    compiled = CompiledNetwork(network_of(graph, data), device or CpuDevice(1), training, data)
    compiled.initialise(training.seed)
    compiled.set_rates(training)
    begin(compiled, data)
    return compiled


def begin(compiled: CompiledNetwork, data: PreparedData, *, step: int = 0) -> None:
    """Put the data in their own order; the next step takes the batch at `step`."""
    order = np.arange(len(data.train_labels), dtype=np.int32)
    starts = np.zeros(compiled.steps_per_epoch, np.int32)
    compiled.begin_epoch(order, starts, step=step, position=step)


def batch_of(compiled: CompiledNetwork, data: PreparedData, step: int) -> tuple[np.ndarray, np.ndarray]:
    """(prepared images [N, H, W, C], labels) of a step counted from 0 in the order of the data."""
    part = slice(step * compiled.batch, (step + 1) * compiled.batch)
    return data.apply(data.train_images[part], compiled.dtype), data.train_labels[part]


def gradients_of(compiled: CompiledNetwork) -> dict[str, np.ndarray]:
    return compiled.store.tensors(compiled.store.gradients)


def parameters_of(compiled: CompiledNetwork) -> dict[str, np.ndarray]:
    return compiled.store.tensors(compiled.store.parameters)


class Bindings:
    """Parameters, states and gradients of an eager pass, copied from a compiled network."""

    def __init__(self, compiled: CompiledNetwork, clock: np.ndarray) -> None:
        network = compiled.network
        self.parameters = {
            key: to_stored(network.parameters[key], value) for key, value in parameters_of(compiled).items()
        }
        self.states = {key: state.copy() for key, state in compiled.store.states.items()}
        self.lives = {key: np.array([value]) for key, value in network.live.items()}
        self.gradients: dict[str, Array] = {}
        self.clock: Array = clock

    def parameter(self, key: str) -> Array:
        return self.parameters[key]

    def state(self, key: str) -> Array:
        return self.states[key]

    def live(self, key: str) -> Array:
        return self.lives[key]

    def gradient(self, key: str, value: Array) -> None:
        assert key not in self.gradients
        self.gradients[key] = value


@dataclass(frozen=True)
class EagerStep:
    """What one eager step found: mean loss, canonical gradients, states afterwards and every node's output."""

    loss: float
    gradients: Mapping[str, np.ndarray]
    states: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    predictions: np.ndarray


def eager_step(
    compiled: CompiledNetwork, images: np.ndarray, labels: np.ndarray, *, step: int = 1, training: bool = True
) -> EagerStep:
    """Forward and backward of the compiled network's layers, one operation after the other."""
    clock = compiled.store.clock.copy()
    clock[Clock.STEP] = step
    bindings = Bindings(compiled, clock)
    run = NetworkPass(compiled.network, EagerOps(compiled.device), bindings, labels, training=training)

    def work() -> None:
        run.forward(images)
        if training:
            run.backward()

    compiled.device.prepare(work)()
    specs = compiled.network.parameters
    return EagerStep(
        float(run.losses.astype(np.float64).mean()),
        {key: to_canonical(specs[key], value) for key, value in bindings.gradients.items()},
        bindings.states,
        run.outputs,
        run.predictions,
    )


def still(compiled: CompiledNetwork) -> None:
    """Set the learning rate and decay to zero, so that a step leaves the parameters alone."""
    compiled.store.rates[Rates.LEARNING_RATE] = 0.0
