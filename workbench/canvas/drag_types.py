"""What drags onto the canvas carry."""

LAYER_MIME = "application/x-gabor-layer"
"""The name of a layer type, UTF-8."""
BLOCK_MIME = "application/x-gabor-block"
"""The name of a block, UTF-8."""
