"""The project that a window edits, and its undo history."""
