"""The undo command of all edits: a swap of two immutable projects."""

from collections.abc import Callable

from PySide6.QtGui import QUndoCommand

from engine.api import Project


class EditCommand(QUndoCommand):
    """Puts the project after an edit in place, or the one before it back."""

    def __init__(
        self, show: Callable[[Project], None], text: str, before: Project, after: Project, merge_key: str = ""
    ) -> None:
        """`show` makes a project the current one."""
        super().__init__(text)
        self._show = show
        self._before = before
        self._after = after
        self._merge_key = merge_key

    @property
    def before(self) -> Project:
        """The project before the edit."""
        return self._before

    def redo(self) -> None:
        """Show the project after the edit."""
        self._show(self._after)

    def undo(self) -> None:
        """Show the project before the edit."""
        self._show(self._before)

    def id(self) -> int:
        """Only commands with a merge key are offered for merging."""
        return 1 if self._merge_key else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Successive edits of one field become one entry."""
        if not isinstance(other, EditCommand) or other._merge_key != self._merge_key:
            return False
        self._after = other._after
        self.setObsolete(self._after == self._before)
        return True
