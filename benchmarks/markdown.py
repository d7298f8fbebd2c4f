"""Markdown that the pages of figures are made of."""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table; all columns but the first hold numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"
