"""A convolution as cuDNN's frontend is told of it: a graph with candidate plans.

Maps are [N, H, W, C] and filters [K, h, w, C/groups] in memory. cuDNN is told of them as NCHW with channels-last
strides; it derives the groups from the channels.
"""

from collections.abc import Sequence
from typing import Any

from engine.tensor.cuda.convolution_task import Task
from engine.tensor.cuda.cudnn_library import cudnn


def build_graph(task: Task, handle: int | None) -> tuple[Any, list[Any]]:
    """The graph of a task with its candidate plans, and its tensors in the order of `Task.shapes`.

    Raises one of cudnn_library.ERRORS where cuDNN does not support it.
    """
    wide = cudnn.data_type.FLOAT
    number = cudnn.data_type.BFLOAT16 if task.dtype == "uint16" else wide
    graph = cudnn.pygraph(
        io_data_type=number, intermediate_data_type=wide, compute_data_type=wide, handle=handle
    )
    output_shape, *input_shapes = task.shapes()
    output_alignment, *alignments = task.alignments or (16,) * (len(input_shapes) + 1)
    inputs = []
    for position, (shape, alignment) in enumerate(zip(input_shapes, alignments, strict=True)):
        dim, stride = _channels_last(shape)
        kind = number if len(shape) > 1 else wide
        tensor = graph.tensor(name=f"input{position}", dim=dim, stride=stride, data_type=kind)
        tensor.set_alignment(alignment)
        inputs.append(tensor)
    output = _add_convolution(graph, task, inputs)
    dim, stride = _channels_last(output_shape)
    output.set_output(True).set_data_type(number).set_dim(dim).set_stride(stride)
    output.set_alignment(output_alignment)
    graph.validate()
    graph.build_operation_graph()
    graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
    return graph, [output, *inputs]


def _add_convolution(graph: Any, task: Task, inputs: Sequence[Any]) -> Any:
    top, bottom, left, right = task.window.padding
    geometry = {
        "pre_padding": [top, left],
        "post_padding": [bottom, right],
        "stride": list(task.window.stride),
        "dilation": list(task.window.dilation),
    }
    if task.kind == "input_gradient":
        return graph.conv_dgrad(loss=inputs[0], filter=inputs[1], **geometry)
    if task.kind == "weight_gradient":
        return graph.conv_wgrad(image=inputs[0], loss=inputs[1], **geometry)
    output = graph.conv_fprop(image=inputs[0], weight=inputs[1], **geometry)
    if task.bias:
        output = graph.bias(input=output, bias=inputs[2])
    return graph.relu(input=output) if task.relu else output


def _channels_last(shape: Sequence[int]) -> tuple[list[int], list[int]]:
    """(dims, strides) as NCHW of an array that lies as [N, H, W, C], or as a vector of C."""
    if len(shape) == 1:
        return [1, shape[0], 1, 1], [shape[0], 1, shape[0], shape[0]]
    n, h, w, c = shape
    return [n, c, h, w], [h * w * c, 1, w * c, c]
