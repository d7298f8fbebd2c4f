"""Convolutions through cuDNN and own kernels: the plans of each geometry timed once, the fastest that is right kept."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from math import inf
from typing import Any, Protocol

import cupy

from engine.tensor.cuda.convolution_graph import build_graph
from engine.tensor.cuda.convolution_task import Task
from engine.tensor.cuda.cudnn_library import ERRORS, cudnn, load_parts, versions
from engine.tensor.cuda.launching import Kernels
from engine.tensor.cuda.plan_cache import KeptPlan, PlanCache
from engine.tensor.cuda.plan_trial import Trial
from engine.tensor.cuda.turns import Alone, Turns
from engine.tensor.cuda.workspaces import PLAN_BOUND
from engine.tensor.device import OutOfMemoryError
from engine.tensor.window import Window

Array = Any
_NO_MEMORY = (cupy.cuda.memory.OutOfMemoryError, OutOfMemoryError)
_log = logging.getLogger(__name__)
COMPILES_PLANS = False
"""Whether plans that cuDNN compiles as they are built stand beside those that come with it."""
_TUNING_SECONDS = 3.0
"""Time after which no more plans of a graph are built and tried."""
_PATIENCE = 12
"""cuDNN gives plans in the order of its guess. After so many in a row that are far slower than the best it is believed:
what comes last are slow ones that always work, which would take most of the time."""
_FAR = 2.0
"""Times as long as the best so far, and as long as no second look will mend."""
_LONG = 0.5
"""Milliseconds above which a single run is timed well enough for that."""
_AT_A_TURN = 4
"""Plans that are built and checked before they are timed, one after the other."""
_FINALISTS = 4
"""Plans that are timed again, more thoroughly, of those that were fastest at first."""
_NEAR = 1.04
"""Of plans within this factor of the fastest, the one with the smallest workspace is taken."""
_TOLERANCE = {False: 2e-5, True: 1e-2}
"""By whether TF32 is allowed: relative error above which a plan is not used. Seen: 2e-7 in float32, 3e-4 in TF32."""


def environment(device: str, precision: str, convolutions: str = "auto") -> str:
    """All that the choice of a plan depends on beside its task; `device` is the description of a GPU."""
    kind = ", compiled plans" * COMPILES_PLANS + ", cuDNN alone" * (convolutions == "cudnn")
    return f"{device}, {versions()}, {precision}{kind}"


def open_handle(stream: Any) -> int:
    """A cuDNN handle of the current GPU that queues on the stream."""
    handle = int(cudnn.create_handle())
    cudnn.set_stream(handle=handle, stream=stream.ptr)
    return handle


def warm_up(index: int) -> None:
    """Begin to use a GPU, and load all that cuDNN loads at its first plan, so that the first training finds it done."""
    with cupy.cuda.Device(index):
        cupy.cuda.runtime.deviceSynchronize()
        if cudnn is None:
            return
        load_parts()
        handle = cudnn.create_handle()
        try:
            for task in _small_tasks():
                build_graph(task, handle)
        except ERRORS as error:
            _log.info("cuDNN has no plan of a small convolution: %s", error)
        finally:
            cudnn.destroy_handle(handle)


def _small_tasks() -> Iterator[Task]:
    """Convolutions of the usual sizes that cuDNN has plans for."""
    x = (8, 16, 16, 32)
    for size in (3, 5):
        window = Window((size, size), padding=(size // 2,) * 4)
        for kind in ("forward", "input_gradient", "weight_gradient"):
            yield Task(kind, x, (32, size, size, 32), x, window, bias=kind == "forward")


class Plan(Protocol):
    """An executable way to compute a task."""

    @property
    def name(self) -> str:
        """By which it is kept."""

    @property
    def index(self) -> int:
        """Its place among cuDNN's plans of the task; -1 for ways of our own."""

    @property
    def workspace(self) -> int:
        """Bytes that it needs beside its arrays."""

    @property
    def implementation(self) -> str:
        """Whose it is, as the user is told."""

    def run(self, arrays: Sequence[Array], workspace: int) -> None:
        """Queue the computation: arrays are given output first, then as the operation takes them."""


class CudnnPlan:
    """A plan of cuDNN."""

    implementation = "cuDNN"

    def __init__(self, graph: Any, tensors: Sequence[Any], index: int, handle: int) -> None:
        self._graph = graph
        self._uids = [int(tensor.get_uid()) for tensor in tensors]
        self.index = index
        self._handle = handle
        self.workspace = int(graph.get_workspace_size_plan_at_index(index))
        self.name = str(graph.get_plan_name_at_index(index))

    def run(self, arrays: Sequence[Array], workspace: int) -> None:
        """Queue the computation on the handle's stream."""
        pointers = {uid: int(array.data.ptr) for uid, array in zip(self._uids, arrays, strict=True)}
        self._graph.execute_plan_at_index(pointers, workspace, self.index, handle=self._handle)


class ConvolutionPlans:
    """Finds, checks, times and keeps plans for one device, stream with its handle, and precision.

    `reference(task, arrays)` computes a task by other means; a plan whose results differ from it is not used, so
    that neither a wrong plan nor one of lower precision than asked for can slip in. `workspace(size)` gives a
    device pointer to that many bytes. `own(task)` are ways of our own, which are tried before cuDNN's.
    """

    def __init__(
        self, stream: Any, handle: int, *, tf32: bool, deterministic: bool, tune: bool,
        reference: Callable[[Task, Sequence[Array]], None], workspace: Callable[[int], int], functions: Kernels,
        cache: PlanCache | None = None, own: Callable[[Task], Iterable[Plan]] = lambda task: (),
    ) -> None:  # fmt: skip
        self._stream = stream
        self._tf32 = tf32
        self._deterministic = deterministic
        self._tune = tune and not deterministic
        self._reference = reference
        self._workspace = workspace
        self._handle = handle
        self._functions = functions
        self._own = own
        self.bound = PLAN_BOUND[tf32]
        """Bytes of workspace that a plan takes at most."""
        self.cache = cache if self._tune else None
        """What earlier trainings timed; None when nothing is to be timed."""
        self.turns: Turns = Alone()
        """When others time plans on this GPU too."""
        self._plans: dict[Task, Plan | None] = {}

    def plan(self, task: Task, *, tune: bool = False) -> Plan | None:
        """The plan for a task, searched for at the first time; None when cuDNN has none that is right.

        Plans are timed, where this object times any, only with `tune`: what runs a few times is not worth it.
        """
        if task not in self._plans:
            self._plans[task] = self._search(task, tune=tune and self._tune)
            # The trial's operands are as large as the layer's: give them back before training needs the memory.
            cupy.get_default_memory_pool().free_all_blocks()
        return self._plans[task]

    def learn(self, task: Task, found: KeptPlan | None) -> None:
        """Take over what another process found for a task: its fastest plan, or that there is none."""
        if self.cache is None:
            return
        if found is not None:
            self.cache.keep(repr(task), found)
        else:
            self.cache.note_without(repr(task))
            self._plans[task] = None

    def run(self, task: Task, arrays: Sequence[Array]) -> str | None:
        """Compute the task, and tell by whose plan; None when there is no plan and nothing was done."""
        if self._functions.is_collecting:
            # A search needs kernels that run.
            return "cuDNN" if self._plans.get(task, True) is not None else None
        plan = self.plan(task)
        if plan is None:
            return None
        try:
            plan.run(arrays, self._workspace(plan.workspace))
        except ERRORS as error:
            if self._stream.is_capturing():
                # It may well run uncaptured: whoever captures decides.
                raise RuntimeError(f"cuDNN's plan {plan.name} cannot be captured: {error}") from error
            _log.warning("cuDNN failed at the %s, which goes on without it: %s", task.describe(), error)
            self._plans[task] = None
            return None
        return plan.implementation

    def rehearse(self, task: Task) -> None:
        """Launch what a search for a plan of the task launches, to have it compiled; see `Kernels.compiled_ahead`."""
        if task not in self._plans:
            trial = Trial(task, self._reference, self._functions, 1)
            trial.error()
            for plan in self._own(task):
                plan.run(trial.arrays, trial.workspace)

    def report(self) -> list[str]:
        """A line for each task seen: what it is and which plan computes it."""
        return [f"{task.describe()}: {plan.name if plan else 'none'}" for task, plan in self._plans.items()]

    def _search(self, task: Task, *, tune: bool) -> Plan | None:
        try:
            graph, tensors = build_graph(task, self._handle)
            self._deselect(graph)
        except ERRORS as error:
            _log.info("cuDNN knows no %s: %s", task.describe(), error)
            return None
        kept = self._kept(task, graph, tensors)
        if kept is not None:
            return kept
        best = None
        own = self._own(task) if self._tune else ()
        for indices in self._indices(task, graph):
            built = (self._built(graph, tensors, index) for index in indices)
            candidates = chain(own, (plan for plan in built if plan is not None))
            own = ()
            try:
                best = best or self._choose(task, candidates, tune=tune)
            except _NO_MEMORY:
                # What fits into memory without a trial should train; in true float32 no plan is used untried.
                best, tune = next(candidates, None) if self._tf32 else None, False
        if best is not None and self.cache is not None and tune:
            self.cache.keep(repr(task), KeptPlan(best.index, best.name, best.workspace))
        if best is None:
            _log.info("cuDNN has no usable plan for the %s", task.describe())
        return best

    def _indices(self, task: Task, graph: Any) -> tuple[list[int], ...]:
        """Indices of the plans that come with the library, then, for a convolution alone, of those that it compiles.

        Compiling one takes a tenth of a second and more, in which no other thread of Python runs: a window would stand
        still. What such a plan fuses with the convolution is left to own kernels.
        """
        compiled: list[int] = []
        ready: list[int] = []
        for index in range(graph.get_execution_plan_count()):
            notes = graph.get_behavior_notes_for_plan_at_index(index)
            is_compiled = cudnn.behavior_note.RUNTIME_COMPILATION in notes and not COMPILES_PLANS
            (compiled if is_compiled else ready).append(index)
        return (ready,) if task.bias or task.relu else (ready, compiled)

    def _kept(self, task: Task, graph: Any, tensors: Sequence[Any]) -> Plan | None:
        """The plan that an earlier run found fastest, if it is still the one that was meant, and right."""
        entry = None if self.cache is None else self.cache.find(repr(task))
        if entry is None or self.cache is None:
            return None
        index, name, _ = entry
        plan = next((plan for plan in self._own(task) if plan.name == name), None) if index < 0 else None
        if 0 <= index < graph.get_execution_plan_count():
            plan = self._built(graph, tensors, index)
        try:
            if plan is not None and plan.name == name:
                trial = Trial(task, self._reference, self._functions, plan.workspace)
                if self._is_right(plan, trial):
                    return plan
        except _NO_MEMORY:
            return plan if self._tf32 else None
        _log.info("The plan %s kept for the %s is not used any more", name, task.describe())
        self.cache.drop(repr(task))
        return None

    def _choose(self, task: Task, candidates: Iterator[Plan], *, tune: bool) -> Plan | None:
        with self.turns.shared():
            trial = Trial(task, self._reference, self._functions, self.bound)
        right = (plan for plan in candidates if self._is_right(plan, trial))
        if not tune:
            return next(right, None)
        timed: list[tuple[float, int, Plan]] = []
        deadline = time.monotonic() - self.turns.waited + _TUNING_SECONDS
        while batch := list(islice(right, _AT_A_TURN)):
            with self.turns.alone():
                for plan in batch:
                    timed.append((self._time(plan, trial, min(timed)[0] if timed else inf), len(timed), plan))
            if time.monotonic() - self.turns.waited > deadline or _is_past_best([each[0] for each in timed]):
                break
        # Launched from a graph, as steps are, a plan with a memset before its kernel costs more than it seems to.
        with self.turns.alone():
            final = [(self._time_in_graph(plan, trial), plan) for _, _, plan in sorted(timed)[:_FINALISTS]]
        if not final:
            return None
        fastest = min(elapsed for elapsed, _ in final)
        # Timed alone, a workspace stays in the cache; in a step it has to be fetched.
        near = [entry for entry in final if entry[0] <= fastest * _NEAR]
        elapsed, best = min(near, key=lambda entry: entry[1].workspace)
        _log.debug(
            "%s: %s, %.1f µs, plan %d; %d tried",
            task.describe(),
            best.name,
            elapsed * 1e3,
            best.index,
            len(timed),
        )
        return best

    def _deselect(self, graph: Any) -> None:
        notes = [cudnn.numerical_note.DOWN_CONVERT_INPUTS, cudnn.numerical_note.REDUCED_PRECISION_REDUCTION]
        if self._deterministic:
            notes.append(cudnn.numerical_note.NONDETERMINISTIC)
        # Not TENSOR_CORE in float32: frontend 1.18 reports it of plans that use none. The trial tells them apart.
        graph.deselect_numeric_notes(notes)

    def _built(self, graph: Any, tensors: Sequence[Any], index: int) -> Plan | None:
        try:
            graph.build_plan_at_index(index)
            plan = CudnnPlan(graph, tensors, index, self._handle)
        except ERRORS:
            return None  # deselected, or not for this chip
        return plan if plan.workspace <= self.bound else None

    def _is_right(self, plan: Plan, trial: "Trial") -> bool:
        with self.turns.shared():
            return self._computes(plan, trial)

    def _computes(self, plan: Plan, trial: "Trial") -> bool:
        trial.poison()
        try:
            plan.run(trial.arrays, trial.workspace)
            self._stream.synchronize()
        except ERRORS as error:
            _log.debug("The plan %s does not run: %s", plan.name, error)
            return False
        difference = trial.error()
        tolerance = _TOLERANCE[self._tf32 or trial.is_low]
        if not difference <= tolerance:
            _log.debug("The plan %s is off by %.1e and not used", plan.name, difference)
            return False
        return True

    def _time(self, plan: Plan, trial: "Trial", best: float) -> float:
        """Milliseconds of a run. One that takes much longer than the best so far is not asked for more."""
        once = self._mean_time(plan, trial, 1)
        return once if once > max(_FAR * best, _LONG) else self._mean_time(plan, trial, 5)

    def _mean_time(self, plan: Plan, trial: "Trial", runs: int) -> float:
        first, last = cupy.cuda.Event(), cupy.cuda.Event()
        first.record(self._stream)
        for _ in range(runs):
            plan.run(trial.arrays, trial.workspace)
        last.record(self._stream)
        last.synchronize()
        return float(cupy.cuda.get_elapsed_time(first, last)) / runs

    def _time_in_graph(self, plan: Plan, trial: "Trial", runs: int = 10) -> float:
        try:
            self._stream.begin_capture()
            for _ in range(runs):
                plan.run(trial.arrays, trial.workspace)
            graph = self._stream.end_capture()
        except ERRORS:
            if self._stream.is_capturing():
                self._stream.end_capture()
            return float("inf")
        graph.launch(self._stream)
        times = []
        for _ in range(3):
            first, last = cupy.cuda.Event(), cupy.cuda.Event()
            first.record(self._stream)
            graph.launch(self._stream)
            last.record(self._stream)
            last.synchronize()
            times.append(float(cupy.cuda.get_elapsed_time(first, last)) / runs)
        return min(times)


def _is_past_best(times: Sequence[float]) -> bool:
    """Whether so many plans in a row were far slower than the best that those after them are not worth a trial."""
    return len(times) > _PATIENCE and min(times[-_PATIENCE:]) > _FAR * min(times)


def alignment(array: Array) -> int:
    """The largest power of two up to 16 that the array's address is a multiple of."""
    pointer = int(array.data.ptr)
    return min(16, pointer & -pointer) if pointer else 16
