"""A project <-> the readable JSON of a project file: strict records, migrations, limits."""

import contextlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

import msgspec

from engine.data import recipe as recipes
from engine.data.recipe import DataRecipe
from engine.design import framing
from engine.design.blocks import Block
from engine.design.framing import FrameState
from engine.design.graph import Graph
from engine.design.inference import node_shape
from engine.errors import DesignError
from engine.project import Project
from engine.project_file.design_json import (
    BlockRecord,
    EdgeRecord,
    Line,
    NodeRecord,
    block_document,
    block_from,
    edge_documents,
    graph_from,
    layout_from,
    node_document,
)
from engine.project_file.refusal import RefusedError, shortened
from engine.settings import TrainingSettings, check_settings
from engine.tensor.spec import TensorSpec

SCHEMA = 2
"""Number of the format that this version writes."""

_Record = TypeVar("_Record")
Document = dict[str, Any]
Migration = Callable[[Document], Document]

MIGRATIONS: dict[int, Migration] = {
    # Schema 2 knows states of frames, blocks, and settings that nodes expose; an older project has none.
    1: dict,
}
"""By schema number n: makes a project document of schema n + 1 out of one of schema n."""

_FORMAT = "gabor-project"
_DEPTH_LIMIT = 32
# A project of 10,000 nodes has some 200,000. Small values take much more memory than text.
_VALUE_LIMIT = 1_000_000
_LARGEST = 2**62
_INTEGERS = range(-(2**63), 2**64)

Text = Annotated[str, msgspec.Meta(max_length=1_000_000)]


class _FrameRecord(msgspec.Struct, forbid_unknown_fields=True):
    folded: bool = False
    block: Line = ""


class _ProjectRecord(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    schema: int
    nodes: Annotated[list[NodeRecord], msgspec.Meta(max_length=10_000)]
    edges: Annotated[list[EdgeRecord], msgspec.Meta(max_length=100_000)]
    layout: dict[str, tuple[float, float]]
    data: DataRecipe
    training: TrainingSettings
    name: Line = "Untitled"
    notes: Text = ""
    frames: Annotated[dict[Line, _FrameRecord], msgspec.Meta(max_length=10_000)] = {}
    blocks: Annotated[list[BlockRecord], msgspec.Meta(max_length=1000)] = []


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
        "nodes": [node_document(node) for node in graph.nodes.values()],
        "edges": edge_documents(graph),
        "layout": {i: [float(x), float(y)] for i, (x, y) in project.layout.items() if i in graph.nodes},
        "data": msgspec.to_builtins(project.data),
        "training": msgspec.to_builtins(project.training),
        "frames": {path: {"folded": s.folded, "block": s.block} for path, s in project.frames.items()},
        "blocks": [block_document(block) for _, block in sorted(project.blocks.items())],
    }


def project_from(document: Document) -> Project:
    """The project of a document in any known schema; RefusedError with the reason when not valid."""
    record = converted(migrated(document, _FORMAT, MIGRATIONS), _ProjectRecord)
    graph = graph_from(record.nodes, record.edges)
    _check_settings(record)
    _check_sizes(graph)
    return Project(
        graph=graph,
        layout=MappingProxyType(layout_from(record.layout, graph)),
        data=record.data,
        training=record.training,
        name=record.name,
        notes=record.notes,
        frames=MappingProxyType(_frames(record.frames, graph)),
        blocks=MappingProxyType(_blocks(record.blocks)),
    )


def _frames(records: Mapping[str, _FrameRecord], graph: Graph) -> dict[str, FrameState]:
    there = framing.frames(graph) if records else {}
    for path in records:
        if path not in there:
            raise RefusedError(f"it tells of a frame '{shortened(path)}', but no node stands in it")
    return {path: FrameState(record.folded, record.block) for path, record in records.items()}


def _blocks(records: list[BlockRecord]) -> dict[str, Block]:
    blocks: dict[str, Block] = {}
    for record in records:
        if record.name in blocks:
            raise RefusedError(f"it holds two blocks called '{shortened(record.name)}'")
        blocks[record.name] = block_from(record)
        _check_sizes(blocks[record.name].graph)
    return blocks


def converted(document: Document, record: type[_Record]) -> _Record:
    """The document as a record; RefusedError with the place of the first value that does not fit."""
    try:
        return msgspec.convert(document, record)
    except (msgspec.MsgspecError, RecursionError) as error:
        reason = str(error).replace("`$.", "`").replace("`", "'").replace(" - at ", " at ")
        raise RefusedError(f"a value does not fit: {shortened(reason)}") from error


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


def _check_settings(record: _ProjectRecord) -> None:
    problems = [*check_settings(record.training), *recipes.check(record.data)]
    texts = [record.training.device, record.data.dataset, record.data.folder or ""]
    if any(len(text) > 4096 or not text.isprintable() for text in texts):
        problems.append("A name in the settings has characters that cannot be shown.")
    if problems:
        raise RefusedError(shortened(" ".join(problems)))
