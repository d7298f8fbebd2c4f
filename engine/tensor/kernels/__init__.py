"""Sources of the project's own CUDA kernels, compiled at run time."""
