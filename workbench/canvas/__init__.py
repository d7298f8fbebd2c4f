"""The node editor: a scene that follows the document, and a view with its gestures."""
