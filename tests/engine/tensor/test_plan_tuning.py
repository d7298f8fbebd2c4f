import json
import logging
import os
import sys
import threading
from types import SimpleNamespace

import msgspec
import pytest

from engine.tensor.cuda import plan_tuning
from engine.tensor.cuda.convolution_task import Task
from engine.tensor.cuda.plan_cache import KeptPlan, PlanCache
from engine.tensor.cuda.plan_tuning import Tuners, process_count, starting_command, unknown
from engine.tensor.cuda.tuning_child import Answer, Order, Question
from engine.tensor.device import nobody
from engine.tensor.window import Window

WINDOW = Window((3, 3), (1, 1), (1, 1, 1, 1))
ORDER = Order(0, "tf32", "a GPU, with its libraries")
SLEEPS = 77
# What a process answers depends on the number of filters of the first task it is asked about.
FAKE = """
import os, sys, time
from pathlib import Path
from engine.tensor.cuda.plan_cache import KeptPlan
from engine.tensor.cuda.tuning_child import Answer, serve

def begin(order):
    if order.precision == "refused":
        raise RuntimeError("there is no such GPU")
    if order.precision == "noted":
        Path(order.environment).write_text(str(os.getpid()))
    def tune(question):
        filters = question[0].w[0]
        if filters == 66:
            print("something broke", file=sys.stderr, flush=True)
            os._exit(7)
        if filters == SLEEPS:
            time.sleep(600)
        if filters == 88:
            raise MemoryError("no room")
        if filters == 99:
            os.write(1, b"no JSON at all\\n")
        plans = [None] * (len(question) - 1)
        return Answer((*plans, KeptPlan(filters, order.environment, 3)))
    return tune

serve(sys.stdin.buffer, sys.stdout.buffer, begin)
""".replace("SLEEPS", str(SLEEPS))
COMMAND = (sys.executable, "-c", FAKE)


def task(filters: int = 8, **given: object) -> Task:
    x, y = (4, 9, 9, 5), (4, 9, 9, filters)
    return Task("forward", x, (filters, 3, 3, 5), y, WINDOW, **given)  # type: ignore[arg-type]


def answered(questions: list[Question], order: Order = ORDER, count: int = 1, **options: object) -> dict:
    with Tuners(order, count, **{"command": COMMAND, **options}) as tuners:  # type: ignore[arg-type]
        return dict(tuners.answers(questions, nobody))


@pytest.mark.parametrize("count", [1, 2])
def test_that_every_question_is_answered_by_a_process_and_the_wait_told_in_words(count):
    questions = [(task(filters),) for filters in range(1, 6)]
    words: list[str] = []
    with Tuners(ORDER, count, command=COMMAND) as tuners:
        found = dict(tuners.answers(questions, words.append))
    assert found == {
        question: Answer((KeptPlan(question[0].w[0], ORDER.environment, 3),)) for question in questions
    }
    assert list(dict.fromkeys(words)) == [f"Timing convolutions: {number} of 5" for number in range(1, 6)]


def test_that_a_task_arrives_as_it_was_sent_and_what_has_no_plan_is_told_too():
    fused = task(8, bias=True, relu=True, alignments=(16, 16, 16, 16), dtype="uint16")
    assert repr(msgspec.json.decode(msgspec.json.encode((fused,)), type=Question)[0]) == repr(fused)
    question = (fused, task(8))
    assert answered([question])[question].plans == (None, KeptPlan(8, ORDER.environment, 3))


def test_that_a_process_that_cannot_begin_leaves_all_to_the_asker(caplog):
    assert answered([(task(),)], msgspec.structs.replace(ORDER, precision="refused")) == {}
    assert "RuntimeError: there is no such GPU" in caplog.text


def test_that_a_process_that_dies_is_told_of_with_its_last_words_and_others_go_on(caplog):
    questions = [(task(66),), *[(task(filters),) for filters in range(1, 5)]]
    assert answered(questions).keys() == set()
    assert "status 7" in caplog.text
    assert "something broke" in caplog.text
    assert answered(questions, count=2).keys() == set(questions[1:])


@pytest.mark.parametrize("filters", [SLEEPS, 99])
def test_that_a_process_that_hangs_or_raves_is_given_up(caplog, filters):
    assert answered([(task(filters),), (task(),)], silence=3.0) == {}
    assert "given up" in caplog.text


def test_that_a_question_that_fails_is_left_to_the_asker_and_the_next_is_answered(caplog):
    questions = [(task(88),), (task(),)]
    assert answered(questions).keys() == {questions[1]}
    assert "MemoryError: no room" in caplog.text


@pytest.mark.parametrize("command", [(), ("/nowhere/python",)])
def test_that_a_process_that_cannot_be_started_leaves_all_to_the_asker(command):
    assert answered([(task(),)], command=command) == {}


def test_that_the_program_itself_refuses_an_order_for_other_libraries(caplog):
    # Without a GPU it refuses every order; it must be found and answer all the same.
    assert answered([(task(),)], command=starting_command()) == {}
    assert "given up" in caplog.text
    assert "Traceback" not in caplog.text


def test_that_a_stop_while_waiting_ends_the_process_at_once(tmp_path):
    note = tmp_path / "process"

    class StopPressedError(Exception):
        pass

    def announce(words: str) -> None:
        if note.exists() and note.read_text():
            raise StopPressedError

    order = msgspec.structs.replace(ORDER, precision="noted", environment=str(note))
    with pytest.raises(StopPressedError), Tuners(order, command=COMMAND) as tuners:
        list(tuners.answers([(task(SLEEPS),)], announce))
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_that_only_what_is_not_known_is_asked_and_each_once(tmp_path):
    def convolution(filters: int, name: str = "convolution_relu") -> SimpleNamespace:
        x, w, y = (
            SimpleNamespace(shape=shape, dtype="float32")
            for shape in ((4, 9, 9, 5), (filters, 3, 3, 5), (4, 9, 9, filters))
        )
        return SimpleNamespace(name=name, attributes={"window": WINDOW}, outputs=(y,), inputs=(x, w, None))

    cache = PlanCache(tmp_path / "plans.json", "GPU")
    operations = [convolution(1), convolution(2), convolution(3), convolution(1), convolution(4, "relu")]
    asked = unknown(operations, cache)
    assert [[task.relu for task in tasks] for tasks in asked] == [[True, False]] * 3
    assert [tasks[0].w[0] for tasks in asked] == [1, 2, 3]
    # One plan is enough for an operation; that there is none must be known of all its tasks.
    cache.keep(repr(asked[0][1]), KeptPlan(0, "fast", 0))
    cache.note_without(repr(asked[1][0]))
    for each in asked[2]:
        cache.note_without(repr(each))
    assert unknown(operations, PlanCache(tmp_path / "plans.json", "GPU")) == [asked[1]]


def test_that_processes_are_as_many_as_work_cores_and_memory_allow(monkeypatch):
    monkeypatch.setattr(plan_tuning, "CAN_SHARE", True)
    monkeypatch.setattr(plan_tuning, "core_count", lambda: 16)
    questions = [(task(filters),) for filters in range(1, 20)]
    assert process_count(questions, 80 << 30) == 4
    assert process_count(questions[:4], 80 << 30) == 2
    assert process_count(questions[:1], 80 << 30) == 1
    assert process_count(questions, 6 << 30) == 2
    assert process_count(questions, 0) == 1
    monkeypatch.setattr(plan_tuning, "core_count", lambda: 2)
    assert process_count(questions, 80 << 30) == 1


def test_that_whoever_times_has_the_gpu_to_himself(tmp_path):
    turns = pytest.importorskip("engine.tensor.cuda.turns")
    if not turns.CAN_SHARE:
        pytest.skip("no locks of files here")
    one, two, three = (turns.FileTurns(tmp_path) for _ in range(3))
    entered, later, leave = threading.Event(), threading.Event(), threading.Event()

    def time_alone() -> None:
        with two.alone():
            entered.set()
            leave.wait()

    def build() -> None:
        with three.shared():
            later.set()

    threads = [threading.Thread(target=time_alone), threading.Thread(target=build)]
    with one.shared():
        with three.shared():
            threads[0].start()
        assert not entered.wait(0.2)
    assert entered.wait(60)
    threads[1].start()
    assert not later.wait(0.2)
    leave.set()
    assert later.wait(60)
    for thread in threads:
        thread.join()
    assert two.waited > 0
    for each in (one, two, three):
        each.close()


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["tf32", "bfloat16", "float32"])
def test_that_plans_timed_by_processes_are_used_untimed_here(tmp_path, monkeypatch, caplog, precision):
    from engine.tensor.cuda import convolution_plans, cuda_device
    from engine.tensor.cupy_ops import CudaDevice

    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(cuda_device, "default_file", lambda: tmp_path / "plans.json")
    monkeypatch.setattr(plan_tuning, "process_count", lambda *_: 2)
    dtype = "uint16" if precision == "bfloat16" else "float32"

    def operation(name: str, *shapes: tuple[int, ...]) -> SimpleNamespace:
        y, x, w = (SimpleNamespace(shape=shape, dtype=dtype) for shape in shapes)
        bias = SimpleNamespace(shape=(shapes[2][0],), dtype="float32")
        inputs = (x, w, bias) if name == "convolution_relu" else (x, w)
        return SimpleNamespace(name=name, attributes={"window": WINDOW}, outputs=(y,), inputs=inputs)

    x, w, y = (32, 16, 16, 32), (64, 3, 3, 32), (32, 16, 16, 64)
    operations = [
        operation("convolution_relu", y, x, w),
        operation("convolution_input_gradient", x, y, w),
        operation("convolution_weight_gradient", w, x, y),
    ]
    device = CudaDevice(0, precision=precision)
    words: list[str] = []
    device.tune(operations, words.append)
    assert words[-1] == "Timing convolutions: 3 of 3"
    assert not caplog.records, caplog.text
    assert (
        plan_tuning.unknown(operations, PlanCache(tmp_path / "plans.json", device.plans.cache.environment))
        == []
    )
    if precision != "float32":
        assert len(json.loads((tmp_path / "plans.json").read_text())["plans"]) == 3
    monkeypatch.setattr(convolution_plans.ConvolutionPlans, "_choose", lambda *_, **__: pytest.fail("again"))
    device.reserve(operations)
    # Nothing is open any more: no process is started.
    monkeypatch.setattr(plan_tuning, "Tuners", lambda *_, **__: pytest.fail("started again"))
    device.tune(operations)
    CudaDevice(0, precision=precision).tune(operations)
    CudaDevice(0, precision=precision, tune=False).tune([operation("convolution_relu", y[:1] * 4, x, w)])


@pytest.mark.gpu
def test_that_plans_are_timed_here_where_no_process_can(tmp_path, monkeypatch):
    from engine.tensor.cuda import cuda_device
    from engine.tensor.cupy_ops import CudaDevice

    monkeypatch.setattr(cuda_device, "default_file", lambda: tmp_path / "plans.json")
    monkeypatch.setattr(
        plan_tuning, "starting_command", lambda: (sys.executable, "-c", "raise SystemExit(3)")
    )
    x, w, y = (
        SimpleNamespace(shape=shape, dtype="float32")
        for shape in ((8, 16, 16, 32), (64, 3, 3, 32), (8, 16, 16, 64))
    )
    asked = SimpleNamespace(
        name="convolution", attributes={"window": WINDOW}, outputs=(y,), inputs=(x, w, None)
    )
    device = CudaDevice(0, precision="tf32")
    device.tune([asked])
    assert not (tmp_path / "plans.json").exists()
    device.reserve([asked])
    assert len(json.loads((tmp_path / "plans.json").read_text())["plans"]) == 1
