"""What the window does a moment later, and that it is done."""

from PySide6.QtCore import QTimer


def let_timers_end(qtbot, rounds: int = 3) -> None:
    """Let happen what was put off to the next rounds of the event loop, by timers without a delay or by posting."""
    for _ in range(rounds):
        over: list[bool] = []
        QTimer.singleShot(0, lambda over=over: over.append(True))
        qtbot.waitUntil(lambda over=over: bool(over))
