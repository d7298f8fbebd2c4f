"""Joins a running training with the fields that change it."""

from engine.api import Event, Project, SettingChanged
from workbench.panels.results import Results
from workbench.panels.training_panel import TrainingPanel
from workbench.training_control import TrainingControl

_LIVE = ("training", "pausing", "paused")


def wire_steering(control: TrainingControl, panel: TrainingPanel, results: Results) -> None:
    """Show the fields while a training runs, hand over what is typed there, and show what comes of it."""
    form = panel.steering

    def receive(events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, SettingChanged):
                form.show_change(event)

    def begin(project: Project) -> None:
        form.begin(project)
        results.best_by = project.training.best_by

    control.began.connect(begin)

    def follow(state: str) -> None:
        form.setVisible(state in _LIVE)
        # The same names stand above, for the training that runs.
        panel.learning.setText("Next training" if state in _LIVE else "Learning")

    control.state_changed.connect(follow)
    control.events.connect(receive)
    control.steered.connect(form.show_answer)
    form.wished.connect(control.change)
