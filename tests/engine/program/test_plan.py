"""The memory plan: nothing that is still needed is ever written over."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings

from engine.design import edits
from engine.design.graph import Graph
from engine.program.compiled import CompiledNetwork
from engine.program.executable import Executable
from engine.program.plan import IN_PLACE, MemoryPlan, is_intermediate, plan_memory
from engine.program.trace import Buffer, DataSizes, Program, UpdateRule, trace_training
from tests.engine.random_graphs import graphs
from tests.engine.small_networks import (
    chain,
    compile_network,
    data_for,
    gradients_of,
    layer,
    network_of,
    parameters_of,
)

Life = tuple[int, int]


def lives_of(program: Program) -> dict[int, Life]:
    """Number of an intermediate buffer -> first and last operation that touches it."""
    lives: dict[int, Life] = {}
    for index, operation in enumerate(program.operations):
        for buffer in (*operation.outputs, *operation.inputs):
            if buffer is not None and is_intermediate(program, buffer):
                lives[buffer.number] = (lives.get(buffer.number, (index, index))[0], index)
    return lives


def assert_no_conflict(program: Program, plan: MemoryPlan) -> int:
    """Buffers alive at the same time lie apart, or one is written over the other in place. Returns how many do so."""
    lives = lives_of(program)
    buffers = {buffer.number: buffer for buffer in program.buffers}
    shared = 0
    for a, b in combinations(lives, 2):
        if not _overlap(plan, buffers[a], buffers[b]):
            continue
        first, last = max(lives[a][0], lives[b][0]), min(lives[a][1], lives[b][1])
        if first > last:
            continue
        operation = program.operations[first]
        source = operation.inputs[0]
        assert source is not None
        assert first == last
        assert operation.name in IN_PLACE
        assert {source.number, operation.outputs[0].number} == {a, b}
        assert lives[source.number][1] == first
        assert plan.offsets[a] == plan.offsets[b]
        assert [x for x in operation.inputs if x is source] == [source]
        shared += 1
    for number in lives:
        assert plan.offsets[number] + buffers[number].nbytes <= plan.size
    return shared


def _overlap(plan: MemoryPlan, a: Buffer, b: Buffer) -> bool:
    start_a, start_b = plan.offsets[a.number], plan.offsets[b.number]
    return start_a < start_b + b.nbytes and start_b < start_a + a.nbytes


def training_program(graph: Graph) -> Program:
    """As recorded, before any pass."""
    data = data_for(graph)
    sizes = DataSizes(len(data.train_labels), len(data.validation_labels), 3)
    rule = UpdateRule("adam", nesterov=False, momentum=0.9, arena=1000, decaying=500)
    return trace_training(network_of(graph, data), "float32", 4, sizes, rule)


@given(graphs())
def test_that_buffers_that_live_at_the_same_time_do_not_overlap(graph: Graph) -> None:
    program = training_program(graph)
    assert_no_conflict(program, plan_memory(program))
    compiled = compile_network(graph, data_for(graph))
    for executable in (compiled._training, compiled._validation):
        assert_no_conflict(executable.program, executable.plan)


def test_that_activations_work_in_place_and_memory_is_used_again() -> None:
    middle = [
        made for _ in range(4) for made in (layer("convolution", filters=4, size=3, padding=1), layer("relu"))
    ]
    graph = chain(
        layer("input", shape=(4, 8, 8)),
        *middle,
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )
    program = training_program(graph)
    plan = plan_memory(program)
    assert assert_no_conflict(program, plan) >= 4
    # A map and its error at a time beside the maps that the backward pass needs.
    everything = sum(b.nbytes for b in program.buffers if is_intermediate(program, b))
    assert plan.size < 0.5 * everything


def run_poisoned(executable: Executable) -> None:
    """Run the program; before each operation every byte that holds nothing needed is set to 255 (NaN for floats)."""
    program, plan = executable.program, executable.plan
    lives = lives_of(program)
    buffers = {buffer.number: buffer for buffer in program.buffers}
    for index, call in enumerate(executable._calls):
        needed = np.zeros(plan.size, bool)
        for number, (first, last) in lives.items():
            if first < index <= last:
                start = plan.offsets[number]
                needed[start : start + buffers[number].nbytes] = True
        executable._memory[: plan.size][~needed] = 255
        call()


def results(compiled: CompiledNetwork) -> dict[str, np.ndarray]:
    found = {**gradients_of(compiled), **{f"new {k}": v for k, v in parameters_of(compiled).items()}}
    return {**found, **compiled.store.states, "history": compiled.history(1, 1)}


@settings(max_examples=30)
@given(graphs())
def test_that_a_program_does_not_depend_on_what_was_in_memory(graph: Graph) -> None:
    data = data_for(graph)
    clean, poisoned = compile_network(graph, data), compile_network(graph, data)
    clean.step()
    clean.validate()
    run_poisoned(poisoned._training)
    run_poisoned(poisoned._validation)
    expected = results(clean)
    for key, array in results(poisoned).items():
        np.testing.assert_array_equal(array, expected[key], err_msg=key)
    assert np.isfinite(expected["history"]).all()


def test_that_an_error_that_serves_two_branches_is_not_written_over_by_the_first() -> None:
    # The error of the sum goes to both activations, whose gradients work in place.
    graph = chain(
        layer("input", shape=(2, 4, 4)),
        layer("convolution", filters=3, size=3),
        layer("relu"),
        layer("add"),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )
    graph, other = edits.add_layer(graph, layer("tanh"))
    graph = edits.connect(graph, "convolution-1", other.id)
    graph = edits.connect(graph, other.id, "add-1")
    program = training_program(graph)
    assert_no_conflict(program, plan_memory(program))
