from dataclasses import replace
from pathlib import Path

from engine.project_file import load, save
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import data, project, trained


def test_that_names_and_notes_of_runs_are_kept(tmp_path: Path):
    trainer = Trainer(project(epochs=1), data())
    trained(trainer)
    run = replace(trainer.run(), name="läuft · 1", notes="two\nlines")
    save(tmp_path / "a.netproj", run.project, [run])
    (found,) = load(tmp_path / "a.netproj").runs
    assert (found.name, found.notes) == (run.name, run.notes)
