"""A project <-> the readable JSON of a project file: strict records, migrations, limits."""

import contextlib
import json
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

import msgspec

from engine.data import recipe as recipes
from engine.data.recipe import DataRecipe
from engine.design.graph import Edge, Graph, Node
from engine.design.inference import node_shape
from engine.errors import DesignError
from engine.layers import REGISTRY, Layer, make_layer, settings_values
from engine.layers.placeholder import Placeholder
from engine.project import Point, Project
from engine.project_file.refusal import RefusedError, shortened
from engine.settings import TrainingSettings, check_settings
from engine.tensor.spec import TensorSpec

SCHEMA = 1
"""Number of the format that this version writes."""

_Record = TypeVar("_Record")
Document = dict[str, Any]
Migration = Callable[[Document], Document]

MIGRATIONS: dict[int, Migration] = {}
"""By schema number n: makes a project document of schema n + 1 out of one of schema n."""

_FORMAT = "gabor-project"
_DEPTH_LIMIT = 32
# A project of 10,000 nodes has some 200,000. Small values take much more memory than text.
_VALUE_LIMIT = 1_000_000
_FARTHEST = 1e7
_LARGEST = 2**62
_INTEGERS = range(-(2**63), 2**64)

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^/\x00-\x1f\x7f]*$")]
Line = Annotated[str, msgspec.Meta(max_length=1000)]
Text = Annotated[str, msgspec.Meta(max_length=1_000_000)]


class _NodeRecord(msgspec.Struct, forbid_unknown_fields=True):
    id: Identifier
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    type: Identifier
    settings: dict[str, Any]
    muted: bool = False
    frame: Line = ""


class _EdgeRecord(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    target: str
    port: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0


class _ProjectRecord(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    schema: int
    nodes: Annotated[list[_NodeRecord], msgspec.Meta(max_length=10_000)]
    edges: Annotated[list[_EdgeRecord], msgspec.Meta(max_length=100_000)]
    layout: dict[str, tuple[float, float]]
    data: DataRecipe
    training: TrainingSettings
    name: Line = "Untitled"
    notes: Text = ""


def encode_json(document: Mapping[str, Any]) -> bytes:
    """Readable JSON with sorted keys; RefusedError when a value has no place in JSON, such as NaN."""
    try:
        text = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RefusedError(f"a value cannot be written ({shortened(str(error))})") from error


def decode_json(data: bytes) -> Document:
    """A JSON object of bounded depth and numbers; RefusedError otherwise."""
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RefusedError(f"it is not valid JSON ({shortened(str(error))})") from error
    if not isinstance(document, dict):
        raise RefusedError("it is not a JSON object")
    level: list[Any] = [document]
    count = 0
    for _ in range(_DEPTH_LIMIT):
        level = [inner for value in level for inner in _inside(value)]
        count += len(level)
        if count > _VALUE_LIMIT:
            raise RefusedError(f"it holds more than {_VALUE_LIMIT} values")
        if not level:
            return document
    raise RefusedError(f"it is nested more than {_DEPTH_LIMIT} levels deep")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, int) and value not in _INTEGERS:
        raise RefusedError("it has a number too large to be a setting")
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def migrated(document: Document, expected_format: str, migrations: Mapping[int, Migration]) -> Document:
    """The document in today's schema; RefusedError when it is foreign, newer, or too old to be migrated."""
    if document.get("format") != expected_format:
        raise RefusedError(
            f"it does not say that it is a '{expected_format}'", "Open a file that Gabor saved"
        )
    schema = document.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise RefusedError("its schema number is missing or not valid")
    if schema > SCHEMA:
        raise RefusedError(
            f"it was saved by a newer version of Gabor (schema {schema}; this version reads up to {SCHEMA})",
            "Update Gabor to open it",
        )
    while schema < SCHEMA:
        if schema not in migrations:
            reason = f"its schema {schema} is older than this version can read"
            raise RefusedError(reason, "Open and save it with an older Gabor")
        document = migrations[schema](document)
        schema += 1
        document["schema"] = schema
    return document


def project_document(project: Project) -> Document:
    """The project as plain values for JSON."""
    graph = project.graph
    return {
        "format": _FORMAT,
        "schema": SCHEMA,
        "name": project.name,
        "notes": project.notes,
        "nodes": [_node_document(node) for node in graph.nodes.values()],
        "edges": [{"source": e.source, "target": e.target, "port": e.port} for e in sorted(graph.edges)],
        "layout": {i: [float(x), float(y)] for i, (x, y) in project.layout.items() if i in graph.nodes},
        "data": msgspec.to_builtins(project.data),
        "training": msgspec.to_builtins(project.training),
    }


def _node_document(node: Node) -> Document:
    layer = node.layer
    if isinstance(layer, Placeholder):
        kind, settings = layer.unknown_type, layer.raw_settings
    else:
        kind, settings = layer.type_name, settings_values(layer)
    return {
        "id": node.id, "name": node.name, "type": kind, "settings": settings, "muted": node.muted,
        "frame": node.frame,
    }  # fmt: skip


def project_from(document: Document) -> Project:
    """The project of a document in any known schema; RefusedError with the reason when not valid."""
    record = converted(migrated(document, _FORMAT, MIGRATIONS), _ProjectRecord)
    graph = _graph(record)
    _check_settings(record)
    _check_sizes(graph)
    return Project(
        graph=graph,
        layout=MappingProxyType(_layout(record.layout, graph)),
        data=record.data,
        training=record.training,
        name=record.name,
        notes=record.notes,
    )


def converted(document: Document, record: type[_Record]) -> _Record:
    """The document as a record; RefusedError with the place of the first value that does not fit."""
    try:
        return msgspec.convert(document, record)
    except (msgspec.MsgspecError, RecursionError) as error:
        reason = str(error).replace("`$.", "`").replace("`", "'").replace(" - at ", " at ")
        raise RefusedError(f"a value does not fit: {shortened(reason)}") from error


def _graph(record: _ProjectRecord) -> Graph:
    try:
        nodes = [Node(n.id, n.name, _layer(n), n.muted, n.frame) for n in record.nodes]
        graph = Graph.of(nodes, _edges(record.edges))
    except DesignError as error:
        raise RefusedError(shortened(str(error))) from error
    for edge in graph.edges:
        _check_ends(graph, edge)
    return graph


def _layer(node: _NodeRecord) -> Layer:
    if node.type not in REGISTRY:
        return Placeholder(unknown_type=node.type, raw_settings=node.settings)
    try:
        return make_layer(node.type, node.settings)
    except DesignError as error:
        raise DesignError(f"node '{shortened(node.name)}': {error}") from error


def _edges(records: list[_EdgeRecord]) -> list[Edge]:
    edges = [Edge(record.source, record.target, record.port) for record in records]
    if len(set(edges)) < len(edges):
        raise DesignError("an edge is listed twice")
    return edges


def _check_ends(graph: Graph, edge: Edge) -> None:
    source, target = graph.nodes[edge.source], graph.nodes[edge.target]
    most = target.layer.most_inputs
    if most is not None and edge.port >= most:
        raise RefusedError(
            f"an edge leads into input {edge.port + 1} of {shortened(target.name)}, which has {most}",
        )
    if source.layer.terminal:
        raise RefusedError(f"an edge leads out of {shortened(source.name)}, which ends the network")


def _check_sizes(graph: Graph) -> None:
    """Refuse sizes that no computer could count, as joins of joins reach them: inference would never end."""
    outputs: dict[str, TensorSpec] = {}
    for node_id in graph.order:
        sources = [edge.source for edge in graph.incoming[node_id]]
        if any(source not in outputs for source in sources):
            continue
        # A layer that does not fit is no reason to refuse a file: the window shows it as a problem.
        with contextlib.suppress(DesignError):
            outputs[node_id] = node_shape(
                graph.nodes[node_id], tuple(outputs[source] for source in sources)
            ).output
            if max(outputs[node_id].shape) > _LARGEST:
                raise RefusedError("the sizes of its network grow beyond all limits")


def _layout(layout: Mapping[str, Point], graph: Graph) -> dict[str, Point]:
    for node_id, place in layout.items():
        if node_id not in graph.nodes:
            raise RefusedError(f"the layout places '{shortened(node_id)}', but there is no such node")
        if not all(math.isfinite(axis) and abs(axis) <= _FARTHEST for axis in place):
            raise RefusedError(
                f"the place of {shortened(graph.nodes[node_id].name)} is not a point on the canvas"
            )
    return dict(layout)


def _check_settings(record: _ProjectRecord) -> None:
    problems = [*check_settings(record.training), *recipes.check(record.data)]
    texts = [record.training.device, record.data.dataset, record.data.folder or ""]
    if any(len(text) > 4096 or not text.isprintable() for text in texts):
        problems.append("A name in the settings has characters that cannot be shown.")
    if problems:
        raise RefusedError(shortened(" ".join(problems)))
