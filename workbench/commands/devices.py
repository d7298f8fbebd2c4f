"""`gabor devices`: what there is to compute on."""

from collections.abc import Sequence

from engine.api import DeviceInfo, bytes_text, explain_missing_gpu
from engine.api import devices as engine_devices
from workbench.commands.terminal import (
    give_results,
    message_console,
    plain_table,
    print_table,
)


def devices(json: str | None) -> int:
    """List the devices, fastest first, and say what would bring an idle GPU to use; always 0."""
    found = engine_devices()
    advice = explain_missing_gpu()
    listed = [
        {"name": info.name, "description": info.description, "memory_bytes": info.memory} for info in found
    ]
    give_results(json, lambda: _print(found, advice), lambda: {"devices": listed, "advice": advice})
    return 0


def _print(found: Sequence[DeviceInfo], advice: str) -> None:
    table = plain_table(("Device", "What it is", "Memory"))
    for info in found:
        table.add_row(info.name, info.description, bytes_text(info.memory) if info.memory else "the system's")
    print_table(table)
    if advice:
        message_console().print(advice)
