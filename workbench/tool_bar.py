"""The tool bar: save and undo, the main commands of the canvas, and the training at the right."""

import qtawesome
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QSizePolicy, QToolBar, QToolButton, QWidget

from workbench.canvas.view import CanvasView
from workbench.menus import Menus
from workbench.theme import Theme
from workbench.training_control import TrainingControl

_OF_CANVAS = ("add", "arrange", "frame_all")


class ToolBar(QToolBar):
    """Shows actions that stand in the menus too; the icons that depend on the training are dressed here."""

    def __init__(self, menus: Menus, canvas: CanvasView, control: TrainingControl) -> None:
        super().__init__("Tools")
        self._menus, self._control = menus, control
        self.setObjectName("tools")
        self.setMovable(False)
        self.setIconSize(QSize(18, 18))
        self.addActions([menus.save, menus.undo, menus.redo])
        self.addSeparator()
        of_canvas = {action.objectName(): action for action in canvas.actions()}
        self.addActions([of_canvas[f"canvas.{name}"] for name in _OF_CANVAS])
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(gap)
        actions = control.actions
        for action in (actions.resume_run, actions.train, actions.pause, actions.stop):
            self.addAction(action)
            button = self.widgetForAction(action)
            assert isinstance(button, QToolButton)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setProperty("primary", action is not actions.stop)

    def show_icons(self, theme: Theme) -> None:
        """Icons for what can be done now, in the colours of a theme."""
        menus, actions = self._menus, self._control.actions
        paused = self._control.session.state in ("paused", "pausing")
        icons = {
            menus.save: "mdi6.content-save-outline", menus.undo: "mdi6.undo", menus.redo: "mdi6.redo",
            actions.train: "mdi6.play", actions.resume_run: "mdi6.play-speed",
            actions.pause: "mdi6.play" if paused else "mdi6.pause", actions.stop: "mdi6.stop",
        }  # fmt: skip
        for action, icon in icons.items():
            primary = action in (actions.train, actions.resume_run, actions.pause)
            color = theme.accent if primary else theme.text
            action.setIcon(qtawesome.icon(icon, color=color, color_disabled=theme.border))
