"""Projects to begin with: the four networks of the thesis, the MNIST one also on the sample, and classic networks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import msgspec

from engine.classic_networks import all_convolutional, behind, lenet5, resnet9, small_resnet, small_vgg
from engine.data.recipe import default_recipe
from engine.design.arrange import arrange
from engine.design.graph import Graph
from engine.layers import Layer, make_layer
from engine.project import Project
from engine.settings import TrainingSettings

_CLASSES = 10


@dataclass(frozen=True)
class Template:
    """A ready network: a name for files, a label and a sentence for people, and what builds it."""

    name: str
    label: str
    description: str
    build: Callable[[], Project]
    """Makes the project; each call gives an equal one."""
    family: str = "Classics"
    """Which others it is offered with."""
    is_example: bool = False
    """Whether it comes along as a file too."""


def chain(*layers: Layer) -> Graph:
    """A network in which each layer feeds the next."""
    return behind(Graph(), "", *layers)[0]


def _convolution(filters: int) -> tuple[Layer, ...]:
    return make_layer("convolution", {"filters": filters, "size": 5, "padding": 2}), make_layer("relu")


def _fully_connected(outputs: int) -> Layer:
    return make_layer("fully_connected", {"outputs": outputs})


def _hidden(outputs: int, keep: float) -> tuple[Layer, ...]:
    return _fully_connected(outputs), make_layer("relu"), make_layer("dropout", {"keep": keep})


def _network(
    image: tuple[int, int, int], stages: tuple[tuple[int, ...], ...], hidden: tuple[int, ...], keep: float
) -> Graph:
    """Stages of 5×5 convolutions with ReLU, each closed by a pooling; hidden layers; ten classes."""
    layers: list[Layer] = [make_layer("input", {"shape": image})]
    for stage in stages:
        for filters in stage:
            layers.extend(_convolution(filters))
        layers.append(make_layer("max_pooling", {"size": 2, "stride": 2}))
    for outputs in hidden:
        layers.extend(_hidden(outputs, keep))
    return chain(*layers, _fully_connected(_CLASSES), make_layer("softmax_classifier"))


def _project(
    name: str, notes: str, dataset: str, graph: Graph, rate: float, batch: int, epochs: int
) -> Project:
    # λ, β₁ and β₂ are the same in all of the thesis's trainings.
    settings = TrainingSettings(
        optimizer="adam_decoupled", learning_rate=rate, weight_decay=0.001, beta1=0.9, beta2=0.999,
        batch_size=batch, epochs=epochs,
    )  # fmt: skip
    layout = MappingProxyType(arrange(graph))
    return Project(graph, layout, default_recipe(dataset), settings, name, notes)


def _mnist_network() -> Graph:
    return _network((1, 28, 28), ((32,), (64,)), (1024,), keep=0.75)


_CIFAR_IMAGE = (3, 32, 32)
_MNIST_TEXT = "Two convolutions and 1,024 hidden units read handwritten digits; 3,274,634 parameters."
_SAMPLE_TEXT = (
    "The MNIST network on the sample of digits that comes with Gabor: trains in a minute or two, offline."
)
_A_TEXT = (
    "CIFAR-10 with 32 and 64 filters and 1,024 hidden units; 4,259,274 parameters, 70.39 % in the thesis."
)
_B_TEXT = (
    "CIFAR-10 with 96 and 192 filters and two layers of 2,048; 29,853,002 parameters, 72.64 % in the thesis."
)
_C_TEXT = "Model B with each convolution doubled; 31,005,290 parameters, 72.88 % in the thesis."


def _mnist_sample() -> Project:
    return _project(
        "MNIST sample", _SAMPLE_TEXT, "mnist-sample", _mnist_network(), 0.001, batch=100, epochs=10
    )


def _mnist() -> Project:
    # The thesis gives no number of epochs, only "until the loss is stable".
    return _project("MNIST", _MNIST_TEXT, "mnist", _mnist_network(), 0.0001, batch=100, epochs=20)


def _model_a() -> Project:
    graph = _network(_CIFAR_IMAGE, ((32,), (64,)), (1024,), keep=0.5)
    return _project("CIFAR-10 model A", _A_TEXT, "cifar10", graph, 0.0005, batch=100, epochs=20)


def _model_b() -> Project:
    graph = _network(_CIFAR_IMAGE, ((96,), (192,)), (2048, 2048), keep=0.5)
    return _project("CIFAR-10 model B", _B_TEXT, "cifar10", graph, 0.0005, batch=100, epochs=20)


def _model_c() -> Project:
    graph = _network(_CIFAR_IMAGE, ((96, 96), (192, 192)), (2048, 2048), keep=0.5)
    return _project("CIFAR-10 model C", _C_TEXT, "cifar10", graph, 0.0005, batch=50, epochs=40)


def _classic(name: str, notes: str, dataset: str, graph: Graph, **settings: object) -> Project:
    training = TrainingSettings(**settings)  # type: ignore[arg-type]
    return Project(graph, MappingProxyType(arrange(graph)), default_recipe(dataset), training, name, notes)


_LENET_TEXT = (
    "The first convolutional network in wide use (1998), on the sample of digits; 61,706 parameters."
)
_VGG_TEXT = "CIFAR-10 with pairs of 3×3 convolutions instead of large filters (2014); 814,122 parameters."
_RESNET_TEXT = "CIFAR-10 with connections past each block, and batch normalisation (2015); 78,042 parameters."
_BEST_TEXT = "CIFAR-10 with residual blocks, augmentation and averaged weights; 14,781,024 parameters."
_ALL_TEXT = "CIFAR-10 without pooling and without fully connected layers (2014); 343,882 parameters."


def _lenet5() -> Project:
    rates = {"learning_rate": 0.002, "batch_size": 50, "epochs": 15}
    return _classic("LeNet-5", _LENET_TEXT, "mnist-sample", lenet5((1, 28, 28)), **rates)


def _small_vgg() -> Project:
    rates = {"learning_rate": 0.001, "batch_size": 100, "epochs": 30}
    return _classic("Small VGG", _VGG_TEXT, "cifar10", small_vgg(_CIFAR_IMAGE), **rates)


def _small_resnet() -> Project:
    rates = {
        "optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.0001,
        "batch_size": 128, "epochs": 30,
    }  # fmt: skip
    return _classic("Small ResNet", _RESNET_TEXT, "cifar10", small_resnet(_CIFAR_IMAGE), **rates)


def _all_convolutional() -> Project:
    rates = {"learning_rate": 0.001, "batch_size": 100, "epochs": 40}
    return _classic("All-convolutional", _ALL_TEXT, "cifar10", all_convolutional(_CIFAR_IMAGE), **rates)


def _cifar10_best() -> Project:
    rates = {
        "optimizer": "sgd", "learning_rate": 0.4, "momentum": 0.9, "nesterov": True, "weight_decay": 0.0005,
        "schedule": "linear", "warm_up": 5.0, "final_rate": 0.01, "averaging": 0.99, "test_averaging": "mirror",
        "batch_size": 512, "epochs": 32, "precision": "bfloat16", "evaluate_every": 32,
        "validate_every": 10, "snapshots_per_epoch": 0,
    }  # fmt: skip
    project = _classic("CIFAR-10 best", _BEST_TEXT, "cifar10", resnet9(_CIFAR_IMAGE, 96), **rates)
    recipe = msgspec.structs.replace(
        project.data, validation_fraction=0.01, centering="channel_mean", standardise="channel", crop_padding=4,
        border="reflect", mirror=True, cutout=12,
    )  # fmt: skip
    return replace(project, data=recipe)


_ALL = (
    Template("mnist-sample", "MNIST sample", _SAMPLE_TEXT, _mnist_sample, "MNIST", True),
    Template("mnist", "MNIST", _MNIST_TEXT, _mnist, "MNIST", True),
    Template("cifar10-model-a", "CIFAR-10 model A", _A_TEXT, _model_a, "CIFAR-10", True),
    Template("cifar10-model-b", "CIFAR-10 model B", _B_TEXT, _model_b, "CIFAR-10", True),
    Template("cifar10-model-c", "CIFAR-10 model C", _C_TEXT, _model_c, "CIFAR-10", True),
    Template("cifar10-best", "CIFAR-10 best", _BEST_TEXT, _cifar10_best, "CIFAR-10", True),
    Template("lenet-5", "LeNet-5", _LENET_TEXT, _lenet5),
    Template("small-vgg", "Small VGG", _VGG_TEXT, _small_vgg),
    Template("small-resnet", "Small ResNet", _RESNET_TEXT, _small_resnet),
    Template("all-convolutional", "All-convolutional", _ALL_TEXT, _all_convolutional),
)

TEMPLATES: Mapping[str, Template] = MappingProxyType({template.name: template for template in _ALL})
"""The ready networks by name, in the order in which they are offered."""
