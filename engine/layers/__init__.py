"""The layer types, one file each. Importing the package registers all of them."""

import importlib
import pkgutil

from engine.layers.layer import (
    GROUPS,
    REGISTRY,
    Layer,
    Setting,
    layer_type,
    make_layer,
    setting,
    setting_text,
    settings_of,
    settings_values,
    with_settings,
)


def discover() -> None:
    """Import every module on the package's path, so that a new file is a new layer type."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


discover()

__all__ = [
    "GROUPS", "REGISTRY", "Layer", "Setting", "discover", "layer_type", "make_layer", "setting", "setting_text",
    "settings_of", "settings_values", "with_settings",
]  # fmt: skip
