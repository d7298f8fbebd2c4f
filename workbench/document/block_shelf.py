"""The blocks that can be placed: those of the project, and those of the user's library."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand

from engine.api import (
    Block,
    DesignError,
    GaborError,
    Project,
    block_folder,
    blocks,
    forget_block,
    keep_block,
    load_blocks,
)
from workbench.document.document import Document


class BlockShelf(QObject):
    """Blocks by name; where the project and the library have one of the same name, the project's counts."""

    changed = Signal()
    message = Signal(str)
    """What is wrong with a block in the library, in words."""

    def __init__(self, document: Document, folder: Path | None = None) -> None:
        """`folder` holds the library; by default that of the user."""
        super().__init__(document)
        self._document = document
        self._folder = folder or block_folder()
        self._library, self.problems = load_blocks(self._folder)
        document.changed.connect(self._follow)

    @property
    def blocks(self) -> Mapping[str, Block]:
        """All blocks, sorted by name."""
        return dict(sorted({**self._library, **self._document.project.blocks}.items()))

    def in_library(self, name: str) -> bool:
        """Whether other projects know a block of that name too."""
        return name in self._library

    def keep(self, block: Block) -> None:
        """Put a block into the library."""
        try:
            keep_block(self._folder, block)
        except GaborError as error:
            self.message.emit(str(error))
            return
        self._library[block.name] = block
        self.changed.emit()

    def rename(self, name: str, wanted: str) -> str:
        """Call a block otherwise, in the project and the library; undoable. Returns what it is called then.

        Copies in the design belong to it as before, under the titles that they have.
        """
        try:
            new = blocks.checked_name(wanted)
            if new == name:
                return name
            if new in self.blocks:
                raise DesignError(f"Another block is called {new}; choose a different name.")
            was_in_library = self.in_library(name)
            self.move_in_library(name, new)
        except GaborError as error:
            self.message.emit(str(error))
            return name
        stack = self._document.undo_stack
        stack.beginMacro(f"Rename block {name}")
        if was_in_library:
            stack.push(RenameInLibrary(self, name, new))
        self._document.apply(f"Rename block {name}", self._document.project.with_block_renamed(name, new))
        stack.endMacro()
        return new

    def move_in_library(self, name: str, new: str) -> None:
        """Keep a block of the library under another name, if it has one of this; ProjectFileError when that fails."""
        if name in self._library:
            block = replace(self._library[name], name=new)
            keep_block(self._folder, block)
            self._library[new] = block
            del self._library[name]
            # Where it cannot be deleted, the block is there under both names when Gabor starts again.
            with suppress(OSError):
                forget_block(self._folder, name)
            self.changed.emit()

    def forget(self, name: str) -> None:
        """Take a block out of the project (undoable) and the library; copies in designs stay as they are."""
        if name in self._library:
            try:
                forget_block(self._folder, name)
            except OSError as error:
                self.message.emit(f"The block {name} stays in the library: {error.strerror}.")
            else:
                del self._library[name]
        project = self._document.project
        if name in project.blocks:
            kept = {other: block for other, block in project.blocks.items() if other != name}
            self._document.apply(f"Delete block {name}", replace(project, blocks=kept))
        self.changed.emit()

    def _follow(self, before: Project) -> None:
        if before.blocks is not self._document.project.blocks:
            self.changed.emit()


class RenameInLibrary(QUndoCommand):
    """Calls a block of the library otherwise, or as before; one that is gone from there stays gone."""

    def __init__(self, shelf: BlockShelf, name: str, new: str) -> None:
        super().__init__(f"Rename block {name}")
        self._shelf, self._name, self._new = shelf, name, new

    def redo(self) -> None:
        """The new name."""
        self._move(self._name, self._new)

    def undo(self) -> None:
        """The name of before."""
        self._move(self._new, self._name)

    def _move(self, name: str, new: str) -> None:
        try:
            self._shelf.move_in_library(name, new)
        except GaborError as error:
            self._shelf.message.emit(str(error))
