"""What lies over the canvas: search box, cards, the field for names, overview and the words of an empty network."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize

from engine.api import REGISTRY, DesignError
from workbench.canvas.block_commands import BlockCommands
from workbench.canvas.commands import CanvasCommands
from workbench.canvas.empty_state import EmptyState
from workbench.canvas.fitting import fitting_types
from workbench.canvas.frame_commands import FrameCommands
from workbench.canvas.minimap import Minimap
from workbench.canvas.network_view import NetworkView
from workbench.canvas.port import Port
from workbench.canvas.provenance import ShapeCard, explanation
from workbench.canvas.repair_card import RepairCard, first_with
from workbench.canvas.search_box import SearchBox
from workbench.canvas.title_field import TitleField
from workbench.theme import Theme


class Overlays:
    """Opens each in its place, and hands what was chosen to the commands; `say` takes a sentence for the user."""

    def __init__(
        self,
        view: NetworkView,
        theme: Theme,
        commands: CanvasCommands,
        frames: FrameCommands,
        blocks: BlockCommands,
        say: Callable[[str], object],
    ) -> None:
        self._view = view
        self._document = view.canvas.document
        self._commands, self._frames, self._blocks = commands, frames, blocks
        self._say = say
        self._search_place = QPointF()
        self._search_wire: Port | None = None
        self.search_box = SearchBox(view, theme)
        self.empty_state = EmptyState(view.viewport(), theme)
        self.minimap = Minimap(view)
        self.shape_card = ShapeCard(view, theme)
        self.repair_card = RepairCard(view, theme)
        self.title_field = TitleField(view.viewport())
        self.search_box.chosen.connect(self._add_chosen)
        self.search_box.block_chosen.connect(self._place_chosen)
        self.repair_card.chosen.connect(commands.repair)
        view.moved.connect(self.place)
        view.moved.connect(self.close_cards)

    def apply_theme(self, theme: Theme) -> None:
        """Look like the theme."""
        for part in (self.search_box, self.empty_state, self.shape_card, self.repair_card):
            part.apply_theme(theme)

    def refresh(self) -> None:
        """Follow the network: the words of an empty one go when something stands there."""
        self.empty_state.setVisible(not self._view.canvas.nodes)
        self.place()

    def place(self) -> None:
        """The overview is there while something is out of sight."""
        view = self._view
        hidden = bool(view.canvas.nodes) and not view.visible_rect().contains(view.canvas.network_rect())
        self.minimap.setVisible(hidden)

    def keep_places(self) -> None:
        """The view has another size."""
        self.empty_state.centre()
        self.minimap.place()

    @property
    def shows_card(self) -> bool:
        """Whether a card is open."""
        return self.shape_card.isVisible() or self.repair_card.isVisible()

    def close_cards(self) -> None:
        """Close the cards."""
        self.shape_card.hide()
        self.repair_card.close_card()

    def explain(self, node_id: str, axis: int | None, place: QPointF | None) -> None:
        """Show which formulas made one number (or all) of a node's output shape, beside the node."""
        view = self._view
        shape = self._document.inference.shapes.get(node_id)
        if shape is None:
            return
        body = view.mapFromScene(view.canvas.body_of(node_id)).boundingRect()
        at = view.position_of(place).toPoint() if place is not None else body.bottomLeft()
        name = self._document.project.graph.nodes[node_id].name
        self.shape_card.open(at, *explanation(name, shape.output, axis), beside=body)

    def offer_repairs(self, node_id: str) -> None:
        """Show a problem with its repairs: of this node, else of what is selected, or the first of all."""
        view = self._view
        wanted = [node_id] if node_id else view.canvas.selected_nodes
        problem = first_with(self._document.inference.problems, wanted)
        if problem is None:
            self._say("There is nothing to repair: the network is ready to train.")
            return
        if problem.node:
            view.canvas.select([problem.node])
            view.show_node(problem.node)
            body = view.canvas.body_of(problem.node)
            ends = (body.bottomLeft(), body.topLeft())
            below, above = (view.position_of(place).toPoint() for place in ends)
        else:
            below = above = QPoint(view.width() // 2 - 160, view.height() // 3)
        self.repair_card.open(below + QPoint(0, 8), above - QPoint(0, 8), problem)

    def edit_title(self, path: str) -> None:
        """Edit a frame's title in its place."""
        frame, rename = self._view.canvas.frames[path], self._frames.rename
        where = self._field_over(frame.title_bar())
        self.title_field.open(frame.title, where, "Title of the frame", lambda title: rename(path, title))

    def edit_selected_name(self) -> None:
        """Edit, in its place, the title of the selected box or frame or the name of the one selected node."""
        view = self._view
        nodes, box = view.canvas.selected_nodes, view.canvas.selected_box
        path = box.path if box is not None else self._blocks.frame_of(nodes)
        if box is None and len(nodes) == 1:
            node = self._document.project.graph.nodes[nodes[0]]
            where = self._field_over(view.canvas.body_of(node.id))
            rename = self._commands.rename
            self.title_field.open(node.name, where, "Name of the node", lambda name: rename(node.id, name))
        elif path:
            self.edit_title(path)
        else:
            self._say("Select one node, or all nodes of a frame, to rename it.")

    def _field_over(self, area: QRectF) -> QRect:
        """The field's place over the top of an area of the scene."""
        view = self._view
        size = QSize(max(160, round(area.width() * view.zoom)), self.title_field.sizeHint().height())
        return QRect(view.position_of(area.topLeft()).toPoint(), size)

    def open_search(self, place: QPointF, wire: Port | None) -> None:
        """Ask for a layer or block to add at a place, connected to a port of `wire`."""
        self._search_place, self._search_wire = place, wire
        types = list(REGISTRY.values()) if wire is None else fitting_types(self._document, wire)
        position = self._view.position_of(place)
        at = QPoint(round(position.x()), round(position.y()))
        self.search_box.open(at, types, self._blocks.fitting(wire))

    def _add_chosen(self, type_name: str, settings: dict[str, object]) -> None:
        commands = self._commands
        try:
            if self._search_wire is not None:
                commands.add_layer(type_name, self._search_place, settings, port=self._search_wire)
            else:
                commands.add_after_selection(type_name, self._search_place, settings)
        except DesignError as error:
            self._say(str(error))

    def _place_chosen(self, name: str) -> None:
        if self._search_wire is not None:
            self._blocks.place(name, self._search_place, port=self._search_wire)
        else:
            self._blocks.place_after_selection(name, self._search_place)
