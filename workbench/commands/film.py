"""`gabor film`: a training as an animated GIF or as numbered pictures. Loads Qt."""

from pathlib import Path
from typing import cast

from engine.api import Run, load_project
from workbench.commands.offscreen import drawing_application
from workbench.commands.terminal import escaped, message_console
from workbench.plots.film import SUBJECTS, Film, Subject, shots_of, write_frames, write_gif
from workbench.theme import load_theme


def film(file: Path, target: Path, show: str, size: tuple[int, int], per_second: int) -> int:
    """Write the film of the last run that has one; 0, or 1 with a sentence where there is none or no room.

    `show` is one of SUBJECTS.
    """
    subject = cast(Subject, show)
    runs = load_project(file).runs
    run = next((run for run in reversed(runs) if len(shots_of(run.snapshots, subject)) > 1), None)
    if run is None:
        return _fail(
            f"{file.name} holds no run with snapshots of that: train it with --save, then ask again."
        )
    application = drawing_application()
    try:
        count = _write(run, target, subject, size, per_second)
    except OSError as error:
        return _fail(f"The film {target} could not be written: {error.strerror or error}.")
    application.processEvents()
    what = SUBJECTS[subject][:1].lower() + SUBJECTS[subject][1:]
    message_console().print(f"Wrote {count} frames of the {escaped(what)}.")
    return 0


def _write(run: Run, target: Path, subject: Subject, size: tuple[int, int], per_second: int) -> int:
    drawn = Film(subject, run.project, run.class_names, load_theme("light"), size)
    frames = (drawn.frame(shot) for shot in shots_of(run.snapshots, subject))
    try:
        if target.suffix.lower() == ".gif":
            return write_gif(target, frames, per_second)
        return write_frames(target, frames)
    finally:
        drawn.close()


def _fail(sentence: str) -> int:
    message_console().print(f"[bold red]gabor:[/] {escaped(sentence)}")
    return 1
