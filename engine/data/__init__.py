"""Data sets, the formats they come in, their preparation and the order in which training sees them."""
