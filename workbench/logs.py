"""Where Gabor writes what went wrong inside it."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs


def log_folder() -> Path:
    """The user's folder for log files; it may not exist yet."""
    return Path(platformdirs.user_log_dir("gabor", appauthor=False))


def log_to_file() -> None:
    """Write warnings and errors to `gabor.log`; without a place to write, nothing is logged."""
    try:
        log_folder().mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            log_folder() / "gabor.log", maxBytes=1_000_000, backupCount=2, encoding="utf-8"
        )
    except OSError:
        return
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
