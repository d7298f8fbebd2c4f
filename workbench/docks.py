"""Where the panels stand around the canvas."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from PySide6.QtCore import QChildEvent, QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabBar, QTabWidget, QWidget

_LEFT = ("palette",)
_RIGHT = ("inspector", "training", "data", "problems", "history")
PLOTS = ("loss", "accuracy", "filters", "confusion")
INSIDE = (
    "layers",
    "activations",
    "images",
    "filter",
    "activity",
    "answers",
    "space",
    "volumes",
    "runs",
    "queue",
    "checks",
)
"""Look into the network; they share the place of the widest plot, and come when they are asked for."""
_PALETTE_WIDTH, _SIDE_WIDTH = 226, 340
_PLOT_HEIGHT, _PLOT_SHARE = 272, 0.35
"""At least so high, and this share of the window."""
_PLOT_SHARES = (40, 33, 27, 34)
_CLOSE = 14
"""Pixels of the cross on a tab."""


class Docks:
    """The panels by name: layers at the left, settings in tabs at the right, plots in a row below.

    The plots stay away until there is something to show, so that the canvas has the room.
    """

    def __init__(self, window: QMainWindow, panels: Mapping[str, tuple[str, QWidget]]) -> None:
        """`panels`: title and widget by name."""
        self._window = window
        self._docks = {name: self._dock(name, *panel) for name, panel in panels.items()}
        area = Qt.DockWidgetArea
        window.setDockNestingEnabled(True)
        window.setTabPosition(area.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        for corner in (Qt.Corner.BottomLeftCorner, Qt.Corner.BottomRightCorner):
            window.setCorner(corner, area.BottomDockWidgetArea)
        for where, names in (
            (area.LeftDockWidgetArea, _LEFT),
            (area.RightDockWidgetArea, _RIGHT),
            (area.BottomDockWidgetArea, PLOTS),
        ):
            for name in names:
                window.addDockWidget(where, self[name])
        for name in _RIGHT:
            # Their tabs already say what they are.
            self[name].setTitleBarWidget(QWidget())
        for first, second in pairwise(_RIGHT):
            window.tabifyDockWidget(self[first], self[second])
        for first, second in pairwise(PLOTS):
            window.splitDockWidget(self[first], self[second], Qt.Orientation.Horizontal)
        for name in INSIDE:
            # Hidden first: side by side, even for a moment, they would make the window wider.
            self[name].hide()
            window.tabifyDockWidget(self[PLOTS[0]], self[name])
        for name in ("history", *PLOTS, *INSIDE):
            self[name].hide()
        # A table needs the width: it has the row alone while there are no plots, and shares the first one's place else.
        window.addDockWidget(area.BottomDockWidgetArea, self["analysis"])
        window.tabifyDockWidget(self[PLOTS[0]], self["analysis"])
        self["analysis"].hide()
        self.apply_sizes()
        self[_RIGHT[0]].raise_()
        self._tabs = _Tabs(window, [self[name] for name in (*PLOTS, *INSIDE, "analysis")])

    def _dock(self, name: str, title: str, widget: QWidget) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        dock.setObjectName(name)
        widget.setProperty("surface", True)
        widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        dock.setWidget(widget)
        # Among tabs, a dock that is only made visible stays behind the one in front.
        dock.toggleViewAction().triggered.connect(lambda on: self.show(name) if on else None)
        return dock

    def __getitem__(self, name: str) -> QDockWidget:
        return self._docks[name]

    def all(self) -> tuple[QDockWidget, ...]:
        """Every panel, in the order of the View menu."""
        return tuple(self._docks.values())

    def show(self, name: str) -> None:
        """Bring a panel to the front."""
        self[name].show()
        self[name].raise_()

    @property
    def shows_plots(self) -> bool:
        """True when any of the plots is there."""
        return any(not self[name].isHidden() for name in PLOTS)

    def show_plots(self, on: bool) -> None:
        """Show all plots when none is there, or hide all; plots that the user closed stay closed meanwhile."""
        if on == self.shows_plots:
            return
        for name in PLOTS:
            self[name].setVisible(on)
        if on:
            self.apply_sizes()

    def apply_sizes(self) -> None:
        """Give every panel its usual share of the window."""
        self._window.resizeDocks(
            [self["palette"], self["inspector"]], [_PALETTE_WIDTH, _SIDE_WIDTH], Qt.Orientation.Horizontal
        )
        plots = [self[name] for name in PLOTS]
        height = max(_PLOT_HEIGHT, round(_PLOT_SHARE * self._window.height()))
        self._window.resizeDocks(plots, [height] * len(plots), Qt.Orientation.Vertical)
        self._window.resizeDocks(plots, list(_PLOT_SHARES), Qt.Orientation.Horizontal)


class _Tabs(QObject):
    """The tabs of docks: whole names, and for panels that share a place no second title below the tab.

    Such a panel is closed on its tab, and a double click there lets it float.
    """

    def __init__(self, window: QMainWindow, docks: Sequence[QDockWidget]) -> None:
        """`docks`: those that have a title while they stand alone."""
        super().__init__(window)
        self._window, self._docks = window, docks
        self._untitled = {dock: QWidget() for dock in docks}
        self._settled = QTimer(self, singleShot=True, interval=0)
        self._settled.timeout.connect(self._follow)
        for dock in docks:
            for signal in (dock.visibilityChanged, dock.topLevelChanged, dock.dockLocationChanged):
                signal.connect(lambda *_: self._settled.start())
        # The window makes and forgets its tab bars as docks come together and part.
        window.installEventFilter(self)
        for bar in self._bars():
            self._take(bar)

    def _bars(self) -> list[QTabBar]:
        return self._window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tab bars become children of the window."""
        if isinstance(event, QChildEvent) and event.polished() and isinstance(bar := event.child(), QTabBar):
            self._take(bar)
            self._settled.start()
        return False

    def _take(self, bar: QTabBar) -> None:
        # Where there is no room the tabs scroll: Qt would shorten them to a letter or two.
        bar.setElideMode(Qt.TextElideMode.ElideNone)
        bar.setUsesScrollButtons(True)
        bar.tabCloseRequested.connect(lambda place: self._do(bar, place, QDockWidget.close))
        bar.tabBarDoubleClicked.connect(
            lambda place: self._do(bar, place, lambda dock: dock.setFloating(True))
        )

    def _do(self, bar: QTabBar, place: int, do: Callable[[QDockWidget], object]) -> None:
        """Do something with the panel of a tab; those without titles stay where they are."""
        dock = next((dock for dock in self._docks if dock.windowTitle() == bar.tabText(place)), None)
        if dock is not None:
            do(dock)

    def _follow(self) -> None:
        titles = {dock.windowTitle() for dock in self._docks}
        for bar in self._bars():
            closable = bar.count() > 0 and bar.tabText(0) in titles
            bar.setTabsClosable(closable)
            for place in range(bar.count() if closable else 0):
                _dress_close_button(bar, place)
        for dock in self._docks:
            beside = (other for other in self._window.tabifiedDockWidgets(dock) if not other.isHidden())
            shares = not dock.isHidden() and not dock.isFloating() and any(beside)
            if shares != (dock.titleBarWidget() is not None):
                dock.setTitleBarWidget(self._untitled[dock] if shares else None)  # type: ignore[arg-type]


def _dress_close_button(bar: QTabBar, place: int) -> None:
    side = QTabBar.ButtonPosition.RightSide
    button = bar.tabButton(place, side)
    button.setAccessibleName(f"Close {bar.tabText(place)}")
    button.setToolTip(button.accessibleName())
    if button.width() != _CLOSE:
        button.setFixedSize(_CLOSE, _CLOSE)
        # The bar measures a button when it gets it, and hides the one that was there before.
        bar.setTabButton(place, side, button)
        button.show()
