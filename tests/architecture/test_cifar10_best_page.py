"""The page about the best network tells what was measured, and what its example is."""

import json

from benchmarks.cifar10_best import CANDIDATES, OUTPUT, candidate
from benchmarks.cifar10_best_table import BEGIN, END, PAGE, table
from engine.data.recipe import check
from engine.settings import check_settings
from engine.templates import TEMPLATES


def test_that_the_table_is_that_of_the_results() -> None:
    told = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    assert told == table(json.loads(OUTPUT.read_text("utf-8")))


def test_that_the_page_names_the_settings_of_the_example() -> None:
    project = TEMPLATES["cifar10-best"].build()
    page = PAGE.read_text("utf-8")
    settings, recipe = project.training, project.data
    assert f"{settings.learning_rate:g} at {settings.batch_size} images" in page
    assert f"{settings.momentum:g}, {settings.weight_decay:g} |" in page
    assert f"memory {settings.averaging:g}" in page
    assert f"{recipe.crop_padding} pixels, {recipe.cutout} pixels" in page


def test_that_every_candidate_is_a_valid_project() -> None:
    for name in CANDIDATES:
        project = candidate(name, 3, "cpu")
        assert check_settings(project.training) == check(project.data) == []
        assert project.training.seed == 3
        assert project.training.evaluate_every == project.training.epochs
    assert candidate("best", 1, "auto").graph == TEMPLATES["cifar10-best"].build().graph
