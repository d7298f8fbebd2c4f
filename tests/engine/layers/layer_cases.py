"""Settings and inputs that every layer type is tested with."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.errors import ShapeError
from engine.layers import REGISTRY, Layer, make_layer
from engine.tensor.spec import TensorSpec

MAP = (3, 6, 5)
CASES: dict[str, list[tuple[dict[str, Any], list[tuple[int, int, int]]]]] = {
    "input": [({"shape": (3, 6, 5)}, [MAP])],
    "convolution": [
        ({"filters": 2, "size": 3}, [MAP]),
        ({"filters": 2, "size": 3, "bias": False, "padding": 1}, [MAP]),
        ({"filters": 3, "size": (1, 4), "padding": (0, 1, 2, 0)}, [MAP]),
        ({"filters": 2, "size": (2, 3), "stride": (3, 2), "padding": (1, 0, 2, 1)}, [MAP]),
        ({"filters": 4, "size": 3, "groups": 2, "padding": 1}, [(2, 5, 4)]),
        ({"filters": 6, "size": 2, "groups": 3, "stride": 2, "dilation": (2, 1)}, [(3, 5, 4)]),
        ({"filters": 2, "size": 2, "dilation": (3, 2), "padding": 2}, [(2, 4, 5)]),
        ({"filters": 2, "size": 1, "padding": 2}, [(2, 3, 3)]),
        ({"filters": 2, "size": 1, "stride": 3}, [(2, 4, 4)]),
        ({"filters": 3, "size": 1}, [(5, 1, 1)]),
    ],
    "max_pooling": [
        ({}, [(2, 4, 6)]),
        ({}, [(2, 5, 7)]),
        ({"size": 3, "stride": 2}, [(2, 6, 7)]),
        ({"size": 3, "stride": 2, "padding": 1}, [(2, 6, 5)]),
        ({"size": (3, 2), "stride": (1, 3), "padding": (2, 0, 1, 0)}, [(2, 5, 5)]),
        ({"size": (1, 2), "stride": (2, 1)}, [MAP]),
        ({"size": 1, "stride": 1}, [MAP]),
        ({"size": 1, "stride": 2}, [MAP]),
        ({"size": (17, 16), "stride": 1}, [(1, 18, 16)]),
    ],
    "average_pooling": [
        ({}, [(2, 5, 6)]),
        ({"size": 3, "stride": 2, "padding": 1}, [(2, 6, 5)]),
        ({"size": (3, 2), "stride": (1, 3), "padding": (2, 0, 1, 3)}, [(2, 5, 5)]),
        ({"size": 1, "stride": 2}, [MAP]),
    ],
    "global_average_pooling": [({}, [MAP]), ({}, [(4, 1, 1)])],
    "fully_connected": [
        ({"outputs": 4}, [MAP]),
        ({"outputs": 3}, [(7, 1, 1)]),
        ({"outputs": 1, "bias": False}, [(2, 2, 3)]),
    ],
    "flatten": [({}, [MAP]), ({}, [(5, 1, 1)])],
    "leaky_relu": [({}, [MAP]), ({"slope": 0.3}, [(5, 1, 1)]), ({"slope": 0.0}, [MAP])],
    "gelu": [({}, [MAP]), ({}, [(5, 1, 1)])],
    "silu": [({}, [MAP]), ({}, [(5, 1, 1)])],
    "elu": [({}, [MAP]), ({"alpha": 0.3}, [(5, 1, 1)])],
    "scale": [({}, [MAP]), ({"factor": -2.5}, [(5, 1, 1)])],
    "dropout": [({}, [MAP]), ({"keep": 0.25}, [(30, 1, 1)]), ({"keep": 1.0}, [(5, 1, 1)])],
    "batch_normalisation": [
        ({}, [MAP]),
        ({"momentum": 0.4, "epsilon": 0.01}, [(2, 3, 3)]),
        ({"momentum": 1.0}, [(1, 4, 2)]),
    ],
    "add": [({}, [MAP] * 2), ({}, [(4, 1, 1)] * 3)],
    "concatenate": [({}, [(1, 4, 3), (2, 4, 3)]), ({}, [(2, 1, 1), (3, 1, 1), (1, 1, 1)])],
    "softmax_classifier": [({}, [(5, 1, 1)]), ({}, [(2, 1, 1)]), ({"smoothing": 0.2}, [(5, 1, 1)])],
}
"""Type name -> (settings, shapes C×H×W of the inputs)."""

Case = tuple[Layer, tuple[TensorSpec, ...]]


def cases() -> list[Any]:
    """Every registered layer type with each of its settings; a type without an entry gets default inputs."""
    return list(_cases())


def _cases() -> Iterator[Any]:
    for name in REGISTRY:
        for settings, shapes in CASES.get(name) or [({}, default_inputs(name))]:
            text = ",".join(f"{key}={value}" for key, value in settings.items()).replace(" ", "")
            inputs = "+".join("x".join(map(str, shape)) for shape in shapes)
            specs = tuple(TensorSpec.of(*shape) for shape in shapes)
            yield pytest.param(make_layer(name, settings), specs, id=f"{name}[{text or 'default'}]-{inputs}")


def default_inputs(name: str) -> list[tuple[int, int, int]]:
    """Inputs that the layer's default settings take: a map where it can be, else a vector."""
    layer = make_layer(name)
    count = max(1, layer.least_inputs)
    for shape in (MAP, (4, 12, 12), (6, 1, 1)):
        try:
            layer.output(*[TensorSpec.of(*shape)] * layer.least_inputs)
        except ShapeError:
            continue
        return [shape] * count
    raise AssertionError(f"{name} takes none of the default inputs: give it an entry in CASES.")
