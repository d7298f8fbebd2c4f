"""Plots of training: curves, first-layer filters, confusion matrix."""
