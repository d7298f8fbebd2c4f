"""Work on data beside the window: loading, fetching, measuring."""
