"""Convolution plans timed by processes beside this one, whose threads, a window's among them, go on meanwhile."""

import logging
import math
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Self

import msgspec
import numpy as np

from engine.tensor.cuda.convolution_task import Task, tasks_of
from engine.tensor.cuda.plan_cache import PlanCache
from engine.tensor.cuda.tuning_child import Answer, Order, Question
from engine.tensor.cuda.turns import CAN_SHARE
from engine.tensor.cuda.workspaces import PLAN_BOUND
from engine.tensor.device import Announce, Planned
from engine.tensor.numpy_ops import core_count

_log = logging.getLogger(__name__)
MODULE = "engine.tensor.cuda.tuning_child"
_LOOK_SECONDS = 0.1
"""How often whoever waits is told that it still lasts."""
_SILENCE_SECONDS = 90.0
"""A process that has not answered for so long has got stuck: it begins in three seconds, and answers in ten."""
_END_SECONDS = 10.0
_MOST = 4
"""Processes at a time: with more, each waits for its turn to time plans rather than builds them."""
_CORES_EACH = 4
_QUESTIONS_EACH = 3
_PROCESS_BYTES = 1 << 30
"""GPU memory that a process takes before its first trial, rounded up."""


def unknown(operations: Iterable[Planned], cache: PlanCache) -> list[Question]:
    """What must be timed before operations are reserved: the convolutions among them of which nothing is kept."""
    questions: dict[Question, None] = {}
    for operation in operations:
        tasks = tuple(tasks_of(operation.name, operation.attributes, operation.outputs, operation.inputs))
        known = any(cache.find(repr(task)) for task in tasks)
        if not known and not all(cache.is_without(repr(task)) for task in tasks):
            questions[tasks] = None
    return list(questions)


def starting_command() -> tuple[str, ...]:
    """What starts a process that tunes; () where this program was not started by an interpreter that could."""
    if not sys.executable or getattr(sys, "frozen", False):
        return ()
    # -P: a folder that the user happens to work in must not come before the libraries.
    return (sys.executable, "-P", "-m", MODULE)


def process_count(questions: Sequence[Question], free: int) -> int:
    """How many processes are worth their start, each with cores to build plans and memory to try them; at least one."""
    if not CAN_SHARE:
        return 1
    largest = max(_trial_bytes(task) for question in questions for task in question)
    within = (_MOST, core_count() // _CORES_EACH, -(-len(questions) // _QUESTIONS_EACH))
    return max(1, min(*within, free // (2 * (_PROCESS_BYTES + largest))))


def _trial_bytes(task: Task) -> int:
    sizes = [math.prod(shape) * np.dtype(task.dtype).itemsize for shape in task.shapes()]
    return sum(sizes) + sizes[0] + max(PLAN_BOUND.values())


class Tuners:
    """Processes that time plans, from their start at `with` to their end; whatever goes wrong with them is logged.

    Nothing of them is left when the block ends, their memory on the GPU neither: at once when it ends by an error.
    """

    def __init__(
        self, order: Order, count: int = 1, *, command: Sequence[str] | None = None,
        silence: float = _SILENCE_SECONDS,
    ) -> None:  # fmt: skip
        self._order = order
        self._count = count
        self._command = starting_command() if command is None else command
        self._silence = silence
        self._heard: queue.SimpleQueue[tuple[_Process, bytes]] = queue.SimpleQueue()
        self._processes: list[_Process] = []
        self._turns = tempfile.TemporaryDirectory(prefix="gabor-tuning-")

    def __enter__(self) -> Self:
        order = self._order
        if self._count > 1:
            order = msgspec.structs.replace(order, turns=self._turns.name)
        for _ in range(self._count if self._command else 0):
            try:
                self._processes.append(_Process(self._command, order, self._heard))
            except OSError as error:
                _log.warning("Convolutions are timed here, since no process can be started: %s", error)
                break
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.hang_up()
        for process in self._processes:
            process.end(_END_SECONDS if kind is None else 0.0)
        self._turns.cleanup()

    def answers(self, questions: Sequence[Question], announce: Announce) -> Iterator[tuple[Question, Answer]]:
        """Questions with their answers, as these come; those that got none are left out."""
        waiting, done = deque(questions), 0
        working = set(self._processes)
        while working and (waiting or any(process.question for process in working)):
            announce(f"Timing convolutions: {min(done + 1, len(questions))} of {len(questions)}")
            try:
                process, line = self._heard.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                for late in [process for process in working if process.silent_for() > self._silence]:
                    late.give_up(f"it has not answered for {self._silence:.0f} s")
                    working.remove(late)
                continue
            if process not in working:
                continue
            answer = _read(line)
            if answer is None or (answer.problem and process.question is None):
                process.give_up("it ended" if answer is None else answer.problem, wait=answer is None)
                working.remove(process)
                continue
            if process.question is not None:
                done += 1
                if answer.problem:
                    told = process.question[0].describe()
                    _log.warning("The plans of the %s are timed here: %s", told, answer.problem)
                else:
                    yield process.question, answer
            process.ask(waiting.popleft() if waiting else None)
            if process.question is None:
                # It stays until all are done: what ends gives its memory back, while another may be timing.
                working.remove(process)


def _read(line: bytes) -> Answer | None:
    try:
        return msgspec.json.decode(line, type=Answer)
    except msgspec.MsgspecError:
        return None


class _Process:
    """One process, what it was asked last, and what hears it."""

    def __init__(
        self, command: Sequence[str], order: Order, heard: "queue.SimpleQueue[tuple[_Process, bytes]]"
    ) -> None:
        self.question: Question | None = None
        self._has_begun = False
        self._since = time.monotonic()
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `end`)
        # It finds the packages where this process does.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        try:
            self._child = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=self._complaints, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )  # fmt: skip
        except OSError:
            self._complaints.close()
            raise
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._stdin, self._stdout = self._child.stdin, self._child.stdout
        self._listener = threading.Thread(
            target=self._listen, args=(heard,), name="gabor-tuning", daemon=True
        )
        self._listener.start()
        self._send(msgspec.json.encode(order))

    def ask(self, question: Question | None) -> None:
        """Ask the next question after an answer; None when there is none."""
        self.question, self._since, self._has_begun = question, time.monotonic(), True
        if question is not None:
            self._send(msgspec.json.encode(question))

    def silent_for(self) -> float:
        """Seconds for which an answer has been due."""
        return time.monotonic() - self._since

    def give_up(self, reason: str, *, wait: bool = False) -> None:
        """End it (by itself, where there is reason to `wait`); what it was asked last is left to the asker."""
        self._finish(1.0 if wait else 0.0)
        self._complaints.seek(0)
        told = self._complaints.read()[-2000:].decode(errors="replace").strip()
        code = self._child.returncode
        _log.warning("A process that times convolutions was given up: %s (status %d) %s", reason, code, told)
        self.question = None

    def hang_up(self) -> None:
        """Have it end when it has answered."""
        with suppress(OSError):
            self._stdin.close()

    def end(self, patience: float) -> None:
        """Wait until it has ended, but kill it after so many seconds, or at once when it has not even begun."""
        self._finish(patience if self._has_begun else 0.0)
        self._listener.join()
        self._stdout.close()
        self._complaints.close()

    def _finish(self, patience: float) -> None:
        try:
            self._child.wait(patience)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _send(self, line: bytes) -> None:
        # If it has gone, the listener tells.
        with suppress(OSError):
            self._stdin.write(line + b"\n")
            self._stdin.flush()

    def _listen(self, heard: "queue.SimpleQueue[tuple[_Process, bytes]]") -> None:
        for line in self._stdout:
            heard.put((self, line))
        heard.put((self, b""))
