"""What stands around the canvas: palette, inspector, problems, training, data and results."""
