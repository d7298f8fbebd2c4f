"""Optimisers, the training loop and what it reports."""
