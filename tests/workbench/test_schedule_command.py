"""Schedules on the command line."""

import msgspec
import pytest
import typer

from engine.project import Project
from engine.settings import TrainingSettings
from workbench.command_line.usage import SCHEDULES, checked_choice, epoch_count
from workbench.commands.train import TrainingOrder


def test_that_the_command_line_knows_the_schedules_of_the_settings():
    (declared,) = (f.type for f in msgspec.structs.fields(TrainingSettings) if f.name == "schedule")
    assert declared.__args__ == SCHEDULES


def test_that_an_unknown_schedule_and_a_negative_warm_up_are_refused_with_what_there_is():
    checked_schedule = checked_choice(SCHEDULES)
    with pytest.raises(typer.BadParameter, match="none of constant, step"):
        checked_schedule("exponential")
    for text in ("-1", "nan", "some"):
        with pytest.raises(typer.BadParameter, match="no number of epochs"):
            epoch_count(text)
    assert (checked_schedule("cosine"), epoch_count("0.5")) == ("cosine", 0.5)


def test_that_an_order_puts_schedule_and_warm_up_into_the_project(tmp_path):
    order = TrainingOrder(file=tmp_path, schedule="one_cycle", warm_up=1.5)
    training = order.project(Project()).training
    assert (training.schedule, training.warm_up) == ("one_cycle", 1.5)
    assert training.learning_rate == TrainingSettings().learning_rate
