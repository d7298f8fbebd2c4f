"""What a running training may be asked between two steps; each request knows the type of its answer."""

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.api import Change, Run

Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Request(Generic[Answer]):
    """A wish with the place for its answer, which comes from the thread that trains."""

    answer: "Future[Answer]" = field(default_factory=Future)


class Pause(Request[None]):
    """Wait before the next step; answered when training stands still."""


class Resume(Request[None]):
    """Go on after a pause."""


class Stop(Request[None]):
    """End before the next step; what was learned is kept."""


class TakeRun(Request[Run]):
    """The run as it is now, with a checkpoint from which it can go on."""


@dataclass(frozen=True, eq=False)
class ChangeSetting(Request[str]):
    """Another value for a setting; the answer says when it takes effect, or is a GaborError in words."""

    change: Change = field(kw_only=True)
