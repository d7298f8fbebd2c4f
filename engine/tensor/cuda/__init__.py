"""NVIDIA GPUs through CuPy, cuBLAS, cuDNN and own kernels. Nothing outside this package imports CuPy."""
