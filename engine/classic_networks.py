"""Well-known networks besides those of the thesis, sized for small images: what designs are learned from."""

from engine.design import edits
from engine.design.graph import Graph
from engine.layers import Layer, make_layer

_CLASSES = 10


def behind(graph: Graph, node_id: str, *layers: Layer) -> tuple[Graph, str]:
    """The graph with layers behind a node ("" for none), each fed by the one before; also the id of the last."""
    for layer in layers:
        graph, node = edits.add_layer(graph, layer)
        if node_id:
            graph = edits.connect(graph, node_id, node.id)
        node_id = node.id
    return graph, node_id


def _convolution(
    filters: int, size: int = 3, *, stride: int = 1, padding: int = 1, bias: bool = True
) -> Layer:
    settings: dict[str, object] = {
        "filters": filters,
        "size": size,
        "stride": stride,
        "padding": padding,
        "bias": bias,
    }
    return make_layer("convolution", settings)


def _fully_connected(outputs: int) -> Layer:
    return make_layer("fully_connected", {"outputs": outputs})


def lenet5(image: tuple[int, int, int]) -> Graph:
    """LeNet-5 (LeCun et al. 1998): two convolutions with mean pooling, a third that sees the whole rest, two layers."""
    tanh, pooling = make_layer("tanh"), make_layer("average_pooling")
    # The paper's 32×32 images are MNIST's with a border, which is padding here.
    layers = (
        make_layer("input", {"shape": image}),
        _convolution(6, 5, padding=2), tanh, pooling,
        _convolution(16, 5, padding=0), tanh, pooling,
        _convolution(120, 5, padding=0), tanh,
        _fully_connected(84), tanh,
        _fully_connected(_CLASSES), make_layer("softmax_classifier"),
    )  # fmt: skip
    return behind(Graph(), "", *layers)[0]


def small_vgg(image: tuple[int, int, int]) -> Graph:
    """A small VGG (Simonyan and Zisserman 2014): pairs of 3×3 convolutions, filters doubled where pooling halves."""
    relu = make_layer("relu")
    layers: list[Layer] = [make_layer("input", {"shape": image})]
    for filters in (32, 64, 128):
        layers += [_convolution(filters), relu, _convolution(filters), relu, make_layer("max_pooling")]
    layers += [_fully_connected(256), relu, make_layer("dropout", {"keep": 0.5})]
    return behind(Graph(), "", *layers, _fully_connected(_CLASSES), make_layer("softmax_classifier"))[0]


def small_resnet(image: tuple[int, int, int]) -> Graph:
    """ResNet-8, the smallest of He et al. (2015) for CIFAR-10: three blocks, each with a connection past it."""
    relu, normalisation = make_layer("relu"), make_layer("batch_normalisation")
    start = (make_layer("input", {"shape": image}), _convolution(16, bias=False), normalisation, relu)
    graph, last = behind(Graph(), "", *start)
    channels = 16
    for filters in (16, 32, 64):
        graph, last = _residual_block(graph, last, filters, halves=filters != channels)
        channels = filters
    end = (make_layer("global_average_pooling"), _fully_connected(_CLASSES), make_layer("softmax_classifier"))
    return behind(graph, last, *end)[0]


def _residual_block(graph: Graph, source: str, filters: int, *, halves: bool) -> tuple[Graph, str]:
    """Two normalised convolutions, added to what came in; that is fitted by a 1×1 convolution where the size halves."""
    stride = 2 if halves else 1
    relu, normalisation = make_layer("relu"), make_layer("batch_normalisation")
    branch = (
        _convolution(filters, stride=stride, bias=False), normalisation, relu,
        _convolution(filters, bias=False), normalisation,
    )  # fmt: skip
    graph, learned = behind(graph, source, *branch)
    ends = (source, learned)
    if halves:
        projection = (_convolution(filters, 1, stride=2, padding=0, bias=False), normalisation)
        graph, fitted = behind(graph, source, *projection)
        ends = (learned, fitted)
    # In the order in which they stand beside each other, so that they do not cross.
    graph, join = behind(graph, ends[0], make_layer("add"))
    return behind(edits.connect(graph, ends[1], join), join, relu)


def resnet9(image: tuple[int, int, int], width: int = 64, *, smoothing: float = 0.2) -> Graph:
    """Nine layers with two connections past pairs of them, after Page's (2018) for fast training on CIFAR-10.

    The maxima are taken before normalisation, which has a quarter of the work then. Scores are scaled down, which keeps
    a learning rate that suits all other layers from being too large for the last.
    """
    graph, last = behind(Graph(), "", make_layer("input", {"shape": image}), *_normalised(width))
    for filters, is_residual in ((2 * width, True), (4 * width, False), (8 * width, True)):
        graph, last = behind(graph, last, *_normalised(filters, make_layer("max_pooling")))
        if is_residual:
            graph, learned = behind(graph, last, *_normalised(filters), *_normalised(filters))
            graph, join = behind(graph, last, make_layer("add"))
            graph, last = edits.connect(graph, learned, join), join
    pooling = make_layer("max_pooling", {"size": 4, "stride": 4})
    scores = make_layer("fully_connected", {"outputs": _CLASSES, "bias": False})
    classifier = make_layer("softmax_classifier", {"smoothing": smoothing})
    return behind(graph, last, pooling, scores, make_layer("scale", {"factor": 0.125}), classifier)[0]


def _normalised(filters: int, *pooling: Layer) -> tuple[Layer, ...]:
    """A 3×3 convolution, pooled where that is asked for, normalised and rectified."""
    return (
        _convolution(filters, bias=False), *pooling, make_layer("batch_normalisation"), make_layer("relu")
    )  # fmt: skip


def all_convolutional(image: tuple[int, int, int]) -> Graph:
    """All convolutional (Springenberg et al. 2014) at half its width: strides for pooling, no fully connected layer."""
    relu, dropout = make_layer("relu"), make_layer("dropout", {"keep": 0.5})
    layers: list[Layer] = [make_layer("input", {"shape": image})]
    for filters in (48, 96):
        layers += [_convolution(filters), relu, _convolution(filters), relu]
        layers += [_convolution(filters, stride=2), relu, dropout]
    layers += [
        _convolution(96),
        relu,
        _convolution(96, 1, padding=0),
        relu,
        _convolution(_CLASSES, 1, padding=0),
    ]
    return behind(
        Graph(), "", *layers, make_layer("global_average_pooling"), make_layer("softmax_classifier")
    )[0]
