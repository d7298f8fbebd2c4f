"""What a node shows, in words: made from the design and its shapes, without any drawing."""

from dataclasses import dataclass

from engine.api import Inference, Node, NodeShape, bytes_text


@dataclass(frozen=True, slots=True)
class NodeLook:
    """Everything that a node shows, in words. `status` is "fits", "problem" or "waiting"."""

    title: str
    group: str
    summary: str
    status: str
    status_text: str
    shape: str
    parameters: str
    hint: str
    muted: bool
    inputs: int
    outputs: int

    @property
    def block(self) -> tuple[object, ...]:
        """What of it can be seen of a node that is drawn as a mere block, far out."""
        return self.title, self.group, self.status, self.muted

    @property
    def shows_hint(self) -> bool:
        """Whether a badge tells of the hint: a node with a problem, or one that waits, has other worries."""
        return bool(self.hint) and self.status == "fits"

    @property
    def tool_tip(self) -> str:
        """The whole text behind the badge."""
        return self.hint if self.status == "fits" else self.status_text


@dataclass(frozen=True, slots=True)
class NodeVerdict:
    """What a check of the computation found out about a node: at most two short lines, and whether it is right."""

    passed: bool
    lines: tuple[str, ...]


def ghost_counts(shape: NodeShape, batch_size: int) -> str:
    """Parameters and memory of a node: its parameters with gradients, and its output for a batch, in float32."""
    size = bytes_text(4 * (2 * shape.parameter_count + batch_size * int(shape.output.features)))
    return f"{shape.parameter_count:,} params, {size}" if shape.parameter_count else size


def look_of(node: Node, inference: Inference, blocker: str, hint: str, filled: int) -> NodeLook:
    """What a node shows now.

    `blocker` is the name of the node that it waits for, `filled` counts the connected inputs.
    """
    shape = inference.shapes.get(node.id)
    problem = inference.problem_of.get(node.id)
    status, text = "fits", ""
    if problem is not None:
        status, text = "problem", problem.message
    elif blocker:
        status, text = "waiting", f"waiting for {blocker}"
    count = shape.parameter_count if shape else 0
    layer = node.layer
    return NodeLook(
        title=node.name,
        group=layer.group,
        summary=_summary(node, str(shape.output) if shape else ""),
        status=status,
        status_text=text,
        shape=str(shape.output) if shape else "",
        parameters=f"{count:,} params" if count else "",
        hint=hint,
        muted=node.muted,
        inputs=layer.most_inputs if layer.most_inputs is not None else max(layer.least_inputs, filled + 1),
        outputs=0 if layer.terminal else 1,
    )


def _summary(node: Node, shape: str) -> str:
    """The settings that matter, unless they only repeat the shape (as those of an input do)."""
    summary = node.layer.summary()
    return "" if summary == shape else summary
