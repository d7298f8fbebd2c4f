"""How a port on the canvas is told."""

Port = tuple[str, str, int]
"""(node id, "in" or "out", number)."""
