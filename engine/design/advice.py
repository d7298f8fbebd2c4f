"""What a good teacher would remark on a design that is valid and still questionable. All of it from declarations."""

from collections.abc import Iterator, Mapping

from engine.data.augmentation import augmentation_remarks
from engine.data.dataset import DatasetSummary
from engine.data.recipe import DataRecipe
from engine.design.findings import Inference, NodeShape, Problem
from engine.design.graph import Graph, Node
from engine.design.receptive_field import ReceptiveField, receptive_fields
from engine.layers.input import Input

PLENTY = 1_000
"""Parameters for each training image from which a network without dropout is remarked on."""


def advise(graph: Graph, inference: Inference, *, examples: int = 0) -> tuple[Problem, ...]:
    """Remarks on a design, each a sentence that names the node, the sizes and the next step.

    `examples` is the number of training images (0: not known). Nodes with a problem, and what waits for
    them, are left out: their problem comes first.
    """
    found = (
        *_islands(graph),
        *_never_reached(graph, inference),
        *_taps_in_padding(graph, inference),
        *_wide_fields(graph, inference),
        *_changed_scores(graph, inference),
        *_early_dropout(graph),
        *_vain_layers(graph, inference),
        *_too_many_parameters(graph, inference, examples),
    )
    # One remark a node: the first says what is to be done before the others matter.
    first = dict(reversed(found))
    return tuple(Problem(node, first[node]) for node in dict.fromkeys(node for node, _ in found))


def advise_on_data(graph: Graph, recipe: DataRecipe, summary: DatasetSummary) -> tuple[Problem, ...]:
    """Remarks on what the recipe does to the images, at the node where they enter."""
    entry = next((node.id for node in graph.nodes.values() if isinstance(node.layer, Input)), "")
    return tuple(Problem(entry, remark) for remark in augmentation_remarks(recipe, summary))


def _wide_fields(graph: Graph, inference: Inference) -> Iterator[tuple[str, str]]:
    """Filters behind values that see more than the image already; only the first on each way is named.

    Layers that a skip connection goes round only correct what passes them: residual networks may be deep.
    """
    fields = receptive_fields(graph, inference, narrowest=True)
    passed = _never_gone_round(graph, fields)
    image: dict[str, tuple[int, int]] = {}
    told: set[str] = set()
    for node_id in graph.order:
        node, shape = graph.nodes[node_id], inference.shapes.get(node_id)
        if shape is None:
            continue
        sources = [edge.source for edge in graph.incoming[node_id] if edge.source in image]
        image[node_id] = image[sources[0]] if sources else (int(shape.output.height), int(shape.output.width))
        if told and any(source in told for source in sources):
            told.add(node_id)
            continue
        if node.muted or not shape.parameters or node.layer.window() is None or node_id not in passed:
            continue
        seen = [fields[source].size for source in sources]
        height, width = (max((size[axis] for size in seen), default=1) for axis in (0, 1))
        rows, columns = image[node_id]
        if height > rows or width > columns:
            told.add(node_id)
            yield (
                node_id,
                f"{node.name} widens a receptive field that is {height}×{width} pixels already, while the image has "
                f"{rows}×{columns}: the rest is padding. Smaller filters, smaller strides or fewer layers would do.",
            )


def _never_gone_round(graph: Graph, fields: Mapping[str, ReceptiveField]) -> set[str]:
    """The nodes on the narrowest ways to the ends: those that no narrower way leads past."""
    found: set[str] = set()
    pending = [node_id for node_id in graph.nodes if not graph.outgoing[node_id]]
    while pending:
        node_id = pending.pop()
        if node_id in found:
            continue
        found.add(node_id)
        sources = [edge.source for edge in graph.incoming[node_id] if edge.source in fields]
        if sources:
            pending.append(min(sources, key=lambda source: fields[source].size))
    return found


def _taps_in_padding(graph: Graph, inference: Inference) -> Iterator[tuple[str, str]]:
    """Weights of filters that meet nothing but padding: they never learn."""
    for node, shape in _fitting(graph, inference):
        window = node.layer.window()
        if node.muted or window is None or not shape.parameters or not any(window.padding):
            continue
        x, y = shape.inputs[0], shape.output
        # With as many places as the window is wide, each tap comes over the map's first row or column.
        if window.stride == (1, 1) and y.height >= window.reach[0] and y.width >= window.reach[1]:
            continue
        top, _bottom, left, _right = window.padding
        sides = ((x.height, y.height, top), (x.width, y.width, left))
        used = [
            sum(
                any(0 <= place * window.stride[axis] + tap * window.dilation[axis] - before < int(size)
                    for place in (*range(min(int(places), 64)), int(places) - 1))
                for tap in range(window.size[axis])
            )
            for axis, (size, places, before) in enumerate(sides)
        ]  # fmt: skip
        taps = window.size[0] * window.size[1]
        dead = taps - used[0] * used[1]
        if dead:
            yield (
                node.id,
                f"{node.name} slides filters of {window.size[0]}×{window.size[1]} over a map of only "
                f"{int(x.height)}×{int(x.width)}: {dead} of their {taps} places meet nothing but padding and can't "
                f"learn. {used[0]}×{used[1]} is enough.",
            )


def _changed_scores(graph: Graph, inference: Inference) -> Iterator[tuple[str, str]]:
    """Activations and dropout between the layer that gives the scores and the classifier."""
    for end in graph.nodes.values():
        node, places = end, None
        while end.layer.terminal and (incoming := graph.incoming[node.id]):
            node = graph.nodes[incoming[0].source]
            shape = inference.shapes.get(node.id)
            if shape is None or shape.parameters or len(shape.inputs) != 1:
                break
            places = places or (int(shape.output.height), int(shape.output.width))
            if (int(shape.inputs[0].height), int(shape.inputs[0].width)) != places:
                break
            if node.muted:
                continue
            if node.layer.is_activation:
                yield (
                    node.id,
                    f"{node.name} stands between the last scores and {end.name}: it bends the "
                    f"{int(shape.output.features)} scores, which should be free. Delete it.",
                )
            elif node.layer.group == "Regularisation":
                yield (
                    node.id,
                    f"{node.name} switches class scores off before {end.name}: put it before the layer that gives "
                    "the scores, or delete it.",
                )


def _early_dropout(graph: Graph) -> Iterator[tuple[str, str]]:
    """Dropout before batch normalisation: its statistics while training are not those of prediction."""
    above: dict[str, frozenset[str]] = {}
    told: set[str] = set()
    for node_id in graph.order:
        node = graph.nodes[node_id]
        before = frozenset().union(*(above[edge.source] for edge in graph.incoming[node_id]))
        if node.layer.group == "Regularisation" and not node.muted:
            before |= {node_id}
        above[node_id] = before
        if node.layer.group == "Normalisation" and not node.muted:
            for dropout in sorted(before - told):
                told.add(dropout)
                yield (
                    dropout,
                    f"{graph.nodes[dropout].name} stands before {node.name}: what it switches off while training "
                    f"changes the variance that {node.name} measures, and prediction then goes by the wrong one. "
                    "Put the dropout behind the last normalisation.",
                )


def _vain_layers(graph: Graph, inference: Inference) -> Iterator[tuple[str, str]]:
    """Layers that add nothing: a bias that is subtracted again, two linear layers in a row, one activation twice."""
    for node, shape in _fitting(graph, inference):
        followers = [graph.nodes[edge.target] for edge in graph.outgoing[node.id]]
        if node.muted or len(followers) != 1 or followers[0].muted:
            continue
        after = followers[0]
        linear = "weight" in shape.parameters
        if "bias" in shape.parameters and after.layer.group == "Normalisation":
            yield (
                node.id,
                f"The bias of {node.name} has no effect: {after.name} behind it subtracts it again. Switch it off and "
                f"save {shape.parameters['bias'].count:,} parameters.",
            )
        other = inference.shapes.get(after.id)
        if linear and other is not None and "weight" in other.parameters:
            yield (
                after.id,
                f"{node.name} and {after.name} follow each other without an activation: together they can't learn "
                "more than one linear layer. Put an activation, such as ReLU, between them.",
            )
        if (
            node.layer.is_activation
            and type(after.layer) is type(node.layer)
            and "relu" in node.layer.type_name
        ):
            yield (
                after.id,
                f"{after.name} changes nothing that {node.name} has not done already: delete one of them.",
            )


def _never_reached(graph: Graph, inference: Inference) -> Iterator[tuple[str, str]]:
    """Layers with parameters from which no way leads to a classifier: no error ever comes back to them."""
    learning: set[str] = set()
    for node_id in reversed(graph.order):
        node = graph.nodes[node_id]
        if node.layer.terminal or any(edge.target in learning for edge in graph.outgoing[node_id]):
            learning.add(node_id)
    if not any(node.layer.terminal for node in graph.nodes.values()):
        return
    for node, shape in _fitting(graph, inference):
        if shape.parameters and node.id not in learning and graph.outgoing[node.id]:
            yield (
                node.id,
                f"{node.name} can't learn its {shape.parameter_count:,} parameters: no way leads from it to a "
                "classifier. Connect what stands behind it, or delete it.",
            )


def _islands(graph: Graph) -> Iterator[tuple[str, str]]:
    """Groups of connected nodes that hang together with nothing else; the main one is the largest."""
    part_of: dict[str, str] = {}
    for start in graph.nodes:
        pending = [start] if start not in part_of else []
        while pending:
            node_id = pending.pop()
            if part_of.setdefault(node_id, start) == start:
                edges = (*graph.incoming[node_id], *graph.outgoing[node_id])
                neighbours = {edge.source for edge in edges} | {edge.target for edge in edges}
                pending.extend(other for other in neighbours if other not in part_of)
    parts: dict[str, list[Node]] = {}
    for node_id in graph.order:
        parts.setdefault(part_of[node_id], []).append(graph.nodes[node_id])
    main = max(parts.values(), key=len, default=[])
    for part in parts.values():
        if part is not main and len(part) > 1:
            yield (
                part[0].id,
                f"{part[0].name} and {len(part) - 1} more form an island, which has no connection to the rest of the "
                f"network ({len(main)} nodes): connect them, or delete them.",
            )


def _too_many_parameters(graph: Graph, inference: Inference, examples: int) -> Iterator[tuple[str, str]]:
    """Far more parameters than images, and nothing that holds them back."""
    count = inference.parameter_count
    drops = any(node.layer.group == "Regularisation" and not node.muted for node in graph.nodes.values())
    if not examples or not inference.is_valid or count < PLENTY * examples * (10 if drops else 1):
        return
    largest = max(inference.shapes, key=lambda node_id: inference.shapes[node_id].parameter_count)
    share = inference.shapes[largest].parameter_count
    remedy = "Give it fewer outputs, or shrink its input by pooling"
    yield (
        largest,
        f"{graph.nodes[largest].name} holds {share:,} of the network's {count:,} parameters, which are "
        f"{count // examples:,} for each of the {examples:,} training images: it can learn them by heart. "
        f"{remedy}{'.' if drops else ', or add Dropout behind it.'}",
    )


def _fitting(graph: Graph, inference: Inference) -> Iterator[tuple[Node, NodeShape]]:
    for node_id in graph.order:
        shape = inference.shapes.get(node_id)
        if shape is not None:
            yield graph.nodes[node_id], shape
