"""Whether a checkpoint belongs to the design that it claims to be of."""

from collections.abc import Mapping

import numpy as np

from engine.design.findings import Inference
from engine.design.graph import Graph
from engine.design.inference import infer
from engine.layers.placeholder import Placeholder
from engine.project_file.refusal import RefusedError, shortened
from engine.training.run import Checkpoint

Shapes = dict[str, tuple[int, ...]]
_OF_PARAMETERS, _OF_STATES = ("parameter", "average"), ("state", "average_state")


def check_checkpoint(graph: Graph, checkpoint: Checkpoint) -> None:
    """RefusedError unless the tensors are those that the design declares, of their shapes, and finite.

    Behind a layer type that this version does not know nothing has a shape: such tensors are kept.
    """
    if not 0 <= checkpoint.step < 2**53:
        raise RefusedError(f"its checkpoint claims to be after step {checkpoint.step}")
    inference = infer(graph)
    unknown = set(graph.nodes) - set(inference.shapes)
    if unknown and not any(isinstance(node.layer, Placeholder) for node in graph.nodes.values()):
        reason = shortened(inference.problems[0].message)
        raise RefusedError(f"its design cannot have been trained: {reason}")
    parameters, states = _declared(inference)
    for key, tensor in checkpoint.tensors.items():
        _check_tensor(graph, key, tensor, _expected(key, parameters, states, unknown))
    _check_complete(graph, checkpoint.tensors, parameters, states)


def _declared(inference: Inference) -> tuple[Shapes, Shapes]:
    """Shapes of parameters and of states by `<node>/<name>`."""
    parameters, states = {}, {}
    for node_id, shape in inference.shapes.items():
        for name, parameter in shape.parameters.items():
            parameters[f"{node_id}/{name}"] = tuple(int(size) for size in parameter.shape)
        for name, state in shape.states.items():
            states[f"{node_id}/{name}"] = tuple(int(size) for size in state.shape)
    return parameters, states


def _owner(key: str) -> str:
    """The `<node>/<name>` of a tensor's key; "" when the key is of no known form."""
    kind, _, rest = key.partition("/")
    if kind == "optimizer":
        slot, _, rest = rest.partition("/")
        return rest if slot else ""
    return rest if kind in (*_OF_PARAMETERS, *_OF_STATES) else ""


def _expected(key: str, parameters: Shapes, states: Shapes, unknown: set[str]) -> tuple[int, ...] | None:
    owner = _owner(key)
    declared = (states if key.partition("/")[0] in _OF_STATES else parameters).get(owner)
    if declared is None and owner.partition("/")[0] not in unknown:
        raise RefusedError(f"its checkpoint holds '{shortened(key)}', which the design does not have")
    return declared


def _check_tensor(graph: Graph, key: str, tensor: np.ndarray, expected: tuple[int, ...] | None) -> None:
    if expected is not None and tuple(tensor.shape) != expected:
        node_id, _, name = _owner(key).partition("/")
        raise RefusedError(
            f"{shortened(graph.nodes[node_id].name)} has a {name} of {_sizes(expected)}, but the checkpoint "
            f"holds {_sizes(tensor.shape)} in '{shortened(key)}'",
        )
    # Least and greatest need no memory of their own, and any NaN shows up in both.
    if tensor.size and not (np.isfinite(tensor.min()) and np.isfinite(tensor.max())):
        raise RefusedError(f"its checkpoint holds values that are not finite in '{shortened(key)}'")


def _sizes(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape) or "one number"


def _check_complete(
    graph: Graph, tensors: Mapping[str, np.ndarray], parameters: Shapes, states: Shapes
) -> None:
    """Nothing may be missing of the nodes that lead to an output, since training trains those."""
    ends = [node.id for node in graph.nodes.values() if node.layer.terminal]
    trained = set(ends).union(*(graph.ancestors(end) for end in ends))
    slots = {key.split("/")[1] for key in tensors if key.startswith("optimizer/")}
    kinds = {"parameter": parameters, "state": states}
    kinds |= {f"optimizer/{slot}": parameters for slot in sorted(slots)}
    if any(key.startswith(("average/", "average_state/")) for key in tensors):
        kinds |= {"average": parameters, "average_state": states}
    for kind, declared in kinds.items():
        for owner in declared:
            if owner.partition("/")[0] in trained and f"{kind}/{owner}" not in tensors:
                raise RefusedError(f"its checkpoint lacks '{shortened(f'{kind}/{owner}')}'")
