"""The blocks that can be placed: those of the project, and those of the user's library."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.api import Block, GaborError, Project, block_folder, forget_block, keep_block, load_blocks
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
