"""Files that travel with Gabor: data samples and examples (package `gabor_resources` once installed)."""
