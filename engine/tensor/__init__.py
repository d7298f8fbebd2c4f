"""Shapes, array operations and the devices that compute them."""
