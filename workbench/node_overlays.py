"""Shows on the graph itself what a network does: unit activity as heat strips, feature maps on the nodes."""

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence

from engine.api import Activity, Graph, TrainedNetwork, activities_of, dead_since, measure_activity
from workbench.canvas.node_item import NodeItem
from workbench.canvas.node_overlay import NodeOverlay, NodePicture, bars_picture, maps_picture
from workbench.canvas.scene import CanvasScene
from workbench.inspection.answers import Seen
from workbench.inspection.session import InspectionSession
from workbench.inspection.thread import Stopped
from workbench.inspection.time_line import TimeLine
from workbench.panels.activations_panel import ActivationsPanel
from workbench.plots.image_view import to_qimage
from workbench.plots.matrix_canvas import percent
from workbench.theme import Theme

_MOST_NAMED = 4
"""Dead units of a node that its tool tip names one by one."""


class NodeOverlays(QObject):
    """Two switches: activity, and maps of the image that the activations panel shows. Off, they cost nothing."""

    def __init__(
        self,
        scene: CanvasScene,
        session: InspectionSession,
        line: TimeLine,
        panel: ActivationsPanel,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._scene, self._session, self._line, self._panel = scene, session, line, panel
        self._overlays: dict[str, NodeOverlay] = {}
        self._activity: Activity | None = None
        self._measured_on = ""
        self._since: Mapping[str, Any] = {}
        self._seen: Seen | None = None
        self.activity = self._switch("Unit activity on the nodes", "Ctrl+Shift+U", self._look_at_activity)
        self.maps = self._switch("Feature maps on the nodes", "Ctrl+Shift+M", self._look_at_maps)
        line.grew.connect(self._refresh_activity)
        line.moved.connect(self._refresh_activity)
        session.run_changed.connect(self._refresh)
        panel.showed.connect(self._take_seen)
        scene.updated.connect(self._place)

    def _switch(self, text: str, key: str, do: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        action.setCheckable(True)
        action.setShortcut(QKeySequence(key))
        action.toggled.connect(lambda on: do())
        return action

    @property
    def actions(self) -> tuple[QAction, ...]:
        """The switches, for a menu."""
        return self.activity, self.maps

    def needs_parameters(self) -> bool:
        """Whether a training is to hand out its parameters after each snapshot."""
        return self.maps.isChecked()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`; the scene has got it already."""
        for overlay in self._overlays.values():
            overlay.set_ink(self._scene.ink)
        self._place()

    def overlay(self, node_id: str) -> NodeOverlay | None:
        """What is shown on a node."""
        return self._overlays.get(node_id)

    def _refresh(self) -> None:
        self._look_at_activity()
        if self.maps.isChecked() and not self._panel.isVisible():
            self._look_at_maps()

    def _refresh_activity(self) -> None:
        if self.activity.isChecked():
            self._look_at_activity()

    # Unit activity

    def _look_at_activity(self) -> None:
        self._activity = None
        self._session.cancel("node activity")
        line, project = self._line, self._line.project
        if self.activity.isChecked() and project is not None and line.snapshots:
            shots = line.snapshots[: line.position + 1]
            known = activities_of(project, shots)
            past = [(shot.step, told) for shot, told in zip(shots, known, strict=True) if told is not None]
            self._since = dead_since(past)
            if past:
                step, self._activity = past[-1]
                self._measured_on = f"on {self._activity.images} of the validation images after step {step:,}"
        run = self._session.run
        at_the_end = (
            run is not None and run.id == line.run_id and line.moment is None and run.checkpoint is not None
        )
        if self.activity.isChecked() and at_the_end and run is not None and run.status != "running":
            self._session.ask("node activity", _measure, self._take_activity)
        self._place()

    def _take_activity(self, activity: Activity) -> None:
        self._activity = activity
        self._measured_on = f"on the {activity.images:,} validation images"
        self._place()

    # Maps

    def _look_at_maps(self) -> None:
        if not self.maps.isChecked():
            self._seen = None
            self._session.cancel("node maps")
        elif self._panel.seen is not None and self._panel.isVisible():
            self._seen = self._panel.seen
        else:
            work = self._panel.work()
            if work is not None:
                self._session.ask("node maps", work, self._take_seen)
                self._session.seen.emit()
        self._place()

    def _take_seen(self, seen: Seen | None) -> None:
        if self.maps.isChecked():
            self._seen = seen
            self._place()

    # Drawing

    def _place(self) -> None:
        """Give every node of the scene that the run knows what belongs to it."""
        trained = self._trained()
        pictures = self._pictures() if self._seen is not None else {}
        activities = {node.node: node for node in self._activity.nodes} if self._activity else {}
        for node_id, item in self._scene.nodes.items():
            design = self._scene.document.project.graph
            same = trained is not None and trained.nodes.get(node_id) == design.nodes.get(node_id)
            activity = activities.get(node_id) if same else None
            picture = pictures.get(node_id) if same else None
            if activity is None and picture is None and node_id not in self._overlays:
                continue
            overlay = self._overlay_of(node_id, item)
            overlay.set_activity(activity, self._words(node_id) if activity is not None else "")
            overlay.set_picture(picture)
        for node_id in [known for known in self._overlays if known not in self._scene.nodes]:
            del self._overlays[node_id]

    def _trained(self) -> Graph | None:
        if self._line.project is not None:
            return self._line.project.graph
        run = self._session.run
        return run.project.graph if run is not None else None

    def _overlay_of(self, node_id: str, item: NodeItem) -> NodeOverlay:
        overlay = self._overlays.get(node_id)
        if overlay is None or overlay.parentItem() is not item:
            # A node that was deleted and brought back has another item.
            overlay = self._overlays[node_id] = NodeOverlay(item, self._scene.ink)
        return overlay

    def _pictures(self) -> dict[str, NodePicture]:
        assert self._seen is not None
        observation, names = self._seen.observation, self._seen.names
        found = {maps.node: maps_picture(maps.values) for maps in observation.nodes}
        best = int(observation.probabilities.argmax())
        answer = f"{names[best]}  {percent(float(observation.probabilities[best]))} %"
        graph = self._trained()
        for node in graph.nodes.values() if graph is not None else ():
            if node.layer.terminal:
                found[node.id] = bars_picture(observation.probabilities, answer, self._scene.ink)
            elif graph is not None and not graph.incoming[node.id]:
                found[node.id] = NodePicture(to_qimage(observation.image))
        return found

    def _words(self, node_id: str) -> str:
        """How a node's units fire, for its tool tip."""
        assert self._activity is not None
        node = next(found for found in self._activity.nodes if found.node == node_id)
        units = "channels" if node.is_map else "units"
        text = f"{node.in_use:,} of {len(node.fires):,} {units} in use, measured {self._measured_on}"
        dead = [number for number, is_dead in enumerate(node.dead) if is_dead]
        since = self._since.get(node_id)
        for number in dead[:_MOST_NAMED]:
            step = int(since[number]) if since is not None and number < len(since) else -1
            from_when = f", dead since step {step:,}" if step >= 0 else ", dead"
            text += f"\n{'Channel' if node.is_map else 'Unit'} {number + 1}{from_when}"
        more = len(dead) - _MOST_NAMED
        return f"{text}\nand {more:,} more" if more > 0 else text


def _measure(network: TrainedNetwork, stopped: Stopped) -> Activity | None:
    return measure_activity(network, network.data.validation_images, stopped)
