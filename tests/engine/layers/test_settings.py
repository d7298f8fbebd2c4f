"""Settings of layers: what makes no sense is refused by name, what does is brought into one form."""

import pytest

from engine.errors import DesignError
from engine.layers import REGISTRY, make_layer, settings_of

WRONG = [
    ("convolution", "stride", 0),
    ("convolution", "size", (3, -1)),
    ("convolution", "size", (3, 3, 3)),
    ("convolution", "size", 2.0),
    ("convolution", "size", True),
    ("convolution", "filters", None),
    ("convolution", "filters", 0),
    ("convolution", "filters", 2**31),
    ("convolution", "filters", 10**400),
    ("convolution", "filters", "32"),
    ("convolution", "filters", float("nan")),
    ("convolution", "bias", 1),
    ("convolution", "padding", -1),
    ("convolution", "padding", (1, 1)),
    ("convolution", "padding", {"top": 1}),
    ("max_pooling", "stride", (1, 0)),
    ("dropout", "keep", float("nan")),
    ("dropout", "keep", float("inf")),
    ("dropout", "keep", 0.0),
    ("dropout", "keep", 1.5),
    ("dropout", "keep", 10**400),
    ("dropout", "keep", "half"),
    ("leaky_relu", "slope", -0.1),
    ("batch_normalisation", "epsilon", 0.0),
    ("input", "shape", (1, 28)),
    ("input", "shape", (0, 28, 28)),
    ("fully_connected", "outputs", [1]),
]


@pytest.mark.parametrize(("kind", "name", "value"), WRONG, ids=lambda value: str(value)[:20])
def test_that_settings_that_make_no_sense_are_refused_by_their_label(
    kind: str, name: str, value: object
) -> None:
    declared = next(setting for setting in settings_of(REGISTRY[kind]) if setting.name == name)
    with pytest.raises(DesignError) as caught:
        make_layer(kind, {name: value})
    text = str(caught.value)
    assert declared.label in text
    assert REGISTRY[kind].label in text
    assert text.endswith(".")


def test_that_unknown_layer_types_and_settings_are_named() -> None:
    with pytest.raises(DesignError, match="no layer type 'konvolution'"):
        make_layer("konvolution")
    with pytest.raises(DesignError, match=r"no setting 'filter'.*filters"):
        make_layer("convolution", {"filter": 3})


def test_that_one_number_sets_every_axis() -> None:
    made = make_layer("convolution", {"size": 3, "padding": 1, "stride": [2, 1]})
    assert (made.size, made.padding, made.stride) == ((3, 3), (1, 1, 1, 1), (2, 1))  # type: ignore[attr-defined]
