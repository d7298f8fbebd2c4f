"""`gabor devices`: what there is to compute on."""

from engine.api import devices as engine_devices
from engine.api import explain_missing_gpu
from workbench.commands.terminal import (
    STDOUT_MARK,
    message_console,
    plain_table,
    print_table,
    size,
    write_json,
)


def devices(json: str | None) -> int:
    """List the devices, fastest first, and say what would bring an idle GPU to use; always 0."""
    found = engine_devices()
    advice = explain_missing_gpu()
    if json != STDOUT_MARK:
        table = plain_table()
        for header in ("Device", "What it is", "Memory"):
            table.add_column(header)
        for info in found:
            table.add_row(info.name, info.description, size(info.memory) if info.memory else "the system's")
        print_table(table)
        if advice:
            message_console().print(advice)
    if json:
        listed = [
            {"name": info.name, "description": info.description, "memory_bytes": info.memory}
            for info in found
        ]
        write_json(json, {"devices": listed, "advice": advice})
    return 0
