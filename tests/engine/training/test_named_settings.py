"""Settings by name, as scripts and sweeps give them."""

from dataclasses import replace

import pytest

from engine.api import DataRecipe, GaborError, Graph, Project, setting_values, with_texts
from tests.engine.small_networks import chain, layer

GRAPH = chain(
    layer("input", shape=(1, 8, 8)),
    layer("convolution", filters=4, size=3, padding=1),
    layer("dropout"),
    layer("fully_connected", outputs=3),
)


def test_that_values_are_of_the_settings_type():
    assert setting_values("learning_rate", "0.001, 5e-4") == (0.001, 0.0005)
    assert setting_values("batch_size", "50,100,50") == (50, 100)
    assert setting_values("optimizer", "adam, sgd") == ("adam", "sgd")
    assert setting_values("nesterov", "true,off") == (True, False)
    assert setting_values("data.rotation", "0, 7.5") == (0.0, 7.5)
    assert setting_values("data.mirror", "yes,no") == (True, False)
    assert setting_values("Data.crop-padding", "4") == (4,)


def test_that_values_are_those_of_the_nodes_setting():
    assert setting_values("Convolution 1.filters", "4,8", [GRAPH]) == (4, 8)
    assert setting_values("convolution 1.size", "3, 5x1", [GRAPH]) == ((3, 3), (5, 1))
    assert setting_values("dropout-1.keep", "0.5,1", [GRAPH]) == (0.5, 1.0)
    assert setting_values("Dropout 1.muted", "true,false", [Graph(), GRAPH]) == (True, False)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("learning_rates", "1", "Did you mean “learning_rate”"),
        ("seed", "1", "no training setting 'seed'"),
        ("mirror", "true", "of the data there is 'data.mirror'"),
        ("data.miror", "true", "There are border"),
        ("data.folder", "x", "no setting 'data.folder'"),
        ("batch_size", "many", "Batch size does not take 'many', but whole numbers from 1 to 1,000,000"),
        ("batch_size", "0", "Batch size does not take '0'"),
        ("learning_rate", "1000", "between 0 and 100"),
        ("optimizer", "magic", "does not take 'magic', but sgd or adam or adam_decoupled"),
        ("nesterov", "perhaps", "but true or false"),
        ("data.rotation", "500", "between 0 and 180 degrees"),
        ("data.validation_fraction", "nan", "between 0 and 1"),
        ("Convolution 2.filters", "4", "Did you mean “Convolution 1”"),
        ("Convolution 1.filter", "4", "it has filters, size"),
        ("Convolution 1.filters", "1.5", "takes whole numbers, not 1.5"),
        ("Convolution 1.size", "3x3x3", "takes 2 whole numbers"),
        ("Dropout 1.muted", "perhaps", "true or false"),
    ],
)
def test_that_values_which_do_not_fit_are_told_in_words(name, text, told):
    with pytest.raises(GaborError, match=told):
        setting_values(name, text, [GRAPH])


def test_that_one_of_two_nodes_of_a_name_is_named_by_its_id():
    twins = GRAPH.with_nodes(replace(GRAPH.nodes["dropout-1"], name="Convolution 1"))
    with pytest.raises(GaborError, match="convolution-1, dropout-1"):
        setting_values("Convolution 1.filters", "4", [twins])
    assert setting_values("convolution-1.filters", "4", [twins]) == (4,)


def test_that_a_project_takes_settings_as_text():
    told = ("learning-rate=0.02", "data.mirror=true", "Convolution 1.filters=7", "Dropout 1.muted=on")
    changed = with_texts(Project(graph=GRAPH), told)
    assert changed.training.learning_rate == 0.02
    assert changed.data.mirror
    assert changed.graph.nodes["convolution-1"].layer.filters == 7
    assert changed.graph.nodes["dropout-1"].muted


def test_that_the_input_follows_the_channels_and_the_size_of_the_images():
    def shape(project: Project) -> tuple[int, ...]:
        return tuple(project.graph.nodes["input-1"].layer.shape)

    sample = Project(graph=chain(layer("input", shape=(1, 28, 28)), layer("fully_connected", outputs=3)))
    filtered = with_texts(sample, ("data.filtering=gabor", "data.gabor-orientations=6"))
    assert shape(filtered) == (7, 28, 28)
    assert shape(with_texts(filtered, ("data.filtered_only=on",))) == (6, 28, 28)
    assert shape(with_texts(sample, ("data.dataset=cifar10", "data.colour=grey"))) == (1, 32, 32)
    own = replace(
        sample, data=DataRecipe(dataset="./own", image_height=28, image_width=28, image_mode="grey")
    )
    assert shape(with_texts(own, ("data.image_mode=rgb", "data.image_width=40"))) == (3, 28, 40)
    # An input that has not fitted is left alone, for its problem to be told.
    other = replace(sample, graph=GRAPH)
    assert shape(with_texts(other, ("data.filtering=edges",))) == (1, 8, 8)
    arrays = replace(sample, data=DataRecipe(dataset="own.npz"))
    assert shape(with_texts(arrays, ("data.filtering=edges",))) == (1, 28, 28)


@pytest.mark.parametrize("text", ["", "epochs", "epochs=", "=3", "epochs=,"])
def test_that_what_is_no_assignment_is_told(text):
    with pytest.raises(GaborError, match="is no setting with its values"):
        with_texts(Project(), (text,))


def test_that_a_project_takes_one_value_of_a_setting():
    with pytest.raises(GaborError, match="2 values: give one"):
        with_texts(Project(), ("epochs=2,3",))
