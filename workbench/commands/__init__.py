"""What the subcommands of `gabor` do. None imports Qt before a window or a picture is asked for."""
