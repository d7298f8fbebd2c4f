"""Writes docs/layers.md from what the layer types declare of themselves: `python docs/layer_reference.py`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from engine.api import GROUPS, REGISTRY, Layer, Setting, settings_of  # noqa: E402 - runs from a bare checkout too

PAGE = ROOT / "docs" / "layers.md"
_AXES = {
    "size": "vertical, horizontal",
    "padding": "top, bottom, left, right",
    "shape": "channels, height, width",
}


def layer_reference() -> str:
    """The page as Markdown: every registered layer type by group, with its settings."""
    groups = [*GROUPS, *sorted({layer.group for layer in REGISTRY.values()} - set(GROUPS))]
    parts = [
        "# Layers\n\nWritten by `make docs` from the declarations in `engine/layers/`; shapes are [N, C, H, W], and "
        "equation numbers are those of the thesis that the [README](../README.md) names.\n"
    ]
    for group in groups:
        layers = [layer for layer in REGISTRY.values() if layer.group == group]
        if layers:
            parts.append(f"## {group}\n")
            parts.extend(_section(layer) for layer in sorted(layers, key=lambda layer: layer.label))
    return "\n".join(parts)


def _section(layer: type[Layer]) -> str:
    text = " ".join((layer.__doc__ or "").split())
    lines = [f"### {layer.label}\n", f"{text}\n"]
    if layer.formula:
        lines.append(f"> {layer.formula}\n")
    lines.append(f"In files: `{layer.type_name}`. {_inputs(layer)}\n")
    settings = settings_of(layer)
    if settings:
        lines += ["| Setting | Name in files | Default | Range | What it does |", "|---|---|---|---|---|"]
        lines += [_row(setting) for setting in settings]
        lines.append("")
    return "\n".join(lines)


def _inputs(layer: type[Layer]) -> str:
    if layer.most_inputs == 0:
        return "Takes no input."
    if layer.most_inputs is None:
        return f"Joins {layer.least_inputs} inputs or more."
    return "Takes one input." if layer.most_inputs == 1 else f"Takes up to {layer.most_inputs} inputs."


def _row(setting: Setting) -> str:
    default = setting.default
    shown = {True: "on", False: "off"}[default] if isinstance(default, bool) else default
    if isinstance(default, tuple):
        shown = ", ".join(map(str, default))
    help_text = f"{setting.help} May change while training." if setting.live else setting.help
    return f"| {setting.label} | `{setting.name}` | {shown} | {_range(setting)} | {help_text} |"


def _range(setting: Setting) -> str:
    if setting.choices:
        return ", ".join(setting.choices)
    if setting.kind == "flag":
        return "on, off"
    least = "" if setting.minimum is None else f"{setting.minimum:g}"
    most = "" if setting.maximum is None or setting.maximum >= 1_000_000 else f"{setting.maximum:g}"
    limits = (
        f"{least} to {most}"
        if least and most
        else f"from {least}"
        if least
        else f"up to {most}"
        if most
        else ""
    )
    return "; ".join(part for part in (limits, _AXES.get(setting.kind, "")) if part)


if __name__ == "__main__":
    PAGE.write_text(layer_reference(), encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(ROOT)}")
