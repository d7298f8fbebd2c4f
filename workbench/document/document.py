"""The project that a window shows and edits. It changes only through `apply`, so undo is always right."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from engine.api import (
    Block,
    DataError,
    DatasetSummary,
    DataShape,
    FrameState,
    Graph,
    Inference,
    Point,
    Problem,
    Project,
    Run,
    advise,
    advise_on_data,
    folding,
    framing,
    infer,
    outgrown,
    recipe_summary,
    settled,
    system_memory,
)
from workbench.document.edit_command import EditCommand
from workbench.document.run_commands import DeleteRun, DescribeRun


class Document(QObject):
    """The current project with its shapes, its undo history, its runs and the file that it belongs to."""

    changed = Signal(object)
    """Emitted after every change with the previous Project; `project` and `inference` are the new ones."""
    runs_changed = Signal()
    path_changed = Signal()

    def __init__(self, project: Project | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = QUndoStack(self)
        self.memory = system_memory()
        """Bytes that a network may take; 0 where nobody knows."""
        self._runs: tuple[Run, ...] = ()
        self._trained: tuple[Project, Inference] | None = None
        self._editing = ""
        self._changed_by: dict[str, str] = {}
        self._inference = Inference({}, (), {})
        self._project = project or Project()
        self._inference = self._infer()
        self._path: Path | None = None
        self._runs_saved = True

    @property
    def project(self) -> Project:
        """The project as it is now."""
        return self._project

    @property
    def inference(self) -> Inference:
        """Shapes and problems of the project as it is now."""
        return self._inference

    @property
    def data_shape(self) -> DataShape | None:
        """Image shape and classes of the chosen data; None while own images are missing or have no classes."""
        summary = self._data_summary()
        return None if summary is None else DataShape(summary.image_shape, summary.classes)

    def _data_summary(self) -> DatasetSummary | None:
        try:
            return recipe_summary(self._project.data)
        except DataError:
            return None

    def apply(self, text: str, project: Project, *, merge_key: str = "") -> None:
        """Edit: put `project` in place of the current one, undoable under `text`.

        Edits in a row with the same merge key (one field of one node, say) become one undo entry.
        """
        if project != self._project:
            self._editing = text
            self.undo_stack.push(EditCommand(self.show, text, self._project, project, merge_key))
            self._editing = ""

    def apply_graph(
        self,
        text: str,
        graph: Graph,
        layout: dict[str, Point] | None = None,
        *,
        frames: Mapping[str, FrameState] | None = None,
        blocks: Mapping[str, Block] | None = None,
        merge_key: str = "",
    ) -> None:
        """Edit the design; `layout` holds places of new or moved nodes. Places of nodes that are gone are dropped.

        New nodes without a place stand between what they connect, and others make room. `frames` and `blocks`
        are all states of frames and all blocks after the edit, where those change; frames that are gone lose theirs.
        """
        project = self._project
        states = framing.states_after(project.frames if frames is None else frames, graph)
        folded = [path for path, state in states.items() if state.folded]
        seen = folding.seen_design(graph, {**project.layout, **(layout or {})}, folded)
        places = {**seen.places, **seen.with_members(settled(seen.graph, seen.layout))}
        after = replace(
            project,
            graph=graph,
            layout={node_id: places[node_id] for node_id in graph.nodes},
            frames=states,
            blocks=project.blocks if blocks is None else blocks,
        )
        self.apply(text, after, merge_key=merge_key)

    def show(self, project: Project) -> None:
        """Make `project` the current one without an undo entry (for `EditCommand` alone)."""
        before, self._project = self._project, project
        if project.graph is not before.graph or project.data is not before.data:
            self._inference = self._infer()
        self.changed.emit(before)

    def _infer(self) -> Inference:
        graph, summary = self._project.graph, self._data_summary()
        data = None if summary is None else DataShape(summary.image_shape, summary.classes)
        found = infer(graph, data, memory=self.memory, before=self._inference)
        learned_from = (
            0.0 if summary is None else summary.train_count * (1 - self._project.data.validation_fraction)
        )
        advice = advise(graph, found, examples=round(learned_from))
        if summary is not None:
            advice = (*advice, *advise_on_data(graph, self._project.data, summary))
        return replace(found, hints=(*self._outgrown(found), *found.hints, *advice))

    def _outgrown(self, found: Inference) -> tuple[Problem, ...]:
        """A remark when the weights of the latest training do not fit the design any more; it names the edit."""
        run = next((run for run in reversed(self._runs) if run.checkpoint is not None), None)
        if run is None:
            return ()
        if self._trained is None or self._trained[0] is not run.project:
            self._trained, self._changed_by = (run.project, infer(run.project.graph)), {}
        remark = outgrown(found, self._trained[1])
        if remark is None:
            return ()
        edit = self._changed_by.setdefault(remark.node, self._editing)
        return (outgrown(found, self._trained[1], edit) or remark,)

    def load(self, project: Project, runs: tuple[Run, ...] = (), path: Path | None = None) -> None:
        """Begin anew with another project: the undo history starts empty and nothing is unsaved."""
        self.undo_stack.clear()
        self.undo_stack.setClean()
        self._runs, self._runs_saved = runs, True
        self.set_path(path)
        self.show(project)
        self.runs_changed.emit()

    @property
    def path(self) -> Path | None:
        """The file that the project was loaded from or saved to last."""
        return self._path

    def set_path(self, path: Path | None) -> None:
        """Name the file that the project belongs to."""
        self._path = path
        self.path_changed.emit()

    @property
    def runs(self) -> tuple[Run, ...]:
        """What was trained of this project, oldest first."""
        return self._runs

    def set_run(self, run: Run) -> None:
        """Add a run, or put a newer state of it in place of the one with its id."""
        known = [old.id for old in self._runs]
        runs = list(self._runs)
        if run.id in known:
            # What trains does not know how the user has called the run meanwhile.
            old = runs[known.index(run.id)]
            runs[known.index(run.id)] = replace(run, name=old.name, notes=old.notes)
        else:
            runs.append(run)
        self._runs_saved = False
        self.show_runs(tuple(runs))

    def set_newest_run(self, run: Run) -> None:
        """Add a run or a newer state of one as the newest, which views show and training goes on with."""
        old = self.find_run(run.id)
        if old is not None:
            run = replace(run, name=old.name, notes=old.notes)
        self._runs_saved = False
        self.show_runs((*(other for other in self._runs if other.id != run.id), run))

    def show_runs(self, runs: tuple[Run, ...]) -> None:
        """Make these the runs, without an undo entry (for the commands on runs)."""
        self._runs = runs
        self.runs_changed.emit()

    def describe_run(self, run_id: str, *, name: str | None = None, notes: str | None = None) -> None:
        """Give a run another name or other notes; undoable."""
        run = self.find_run(run_id)
        if run is not None:
            after = (run.name if name is None else name, run.notes if notes is None else notes)
            if after != (run.name, run.notes):
                self.undo_stack.push(DescribeRun(self, run, *after))

    def delete_run(self, run_id: str) -> None:
        """Take a run out of the project; undoable."""
        run = self.find_run(run_id)
        if run is not None:
            self.undo_stack.push(DeleteRun(self, run))

    def find_run(self, run_id: str) -> Run | None:
        """The run of that id."""
        return next((run for run in self._runs if run.id == run_id), None)

    @property
    def is_modified(self) -> bool:
        """True when something would be lost by closing."""
        return not self.undo_stack.isClean() or not self._runs_saved

    def set_saved(self, path: Path) -> None:
        """Everything as it is now is in the file."""
        self.undo_stack.setClean()
        self._runs_saved = True
        self.set_path(path)
