"""The network as a graph of layers, its edits and its shapes."""
