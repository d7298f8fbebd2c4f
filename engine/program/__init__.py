"""Compiling a design into a list of operations, and running that list."""
