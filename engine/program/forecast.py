"""What training a project will take of its device's memory, and what fits there, told before anything is computed."""

from dataclasses import dataclass

from engine.amounts import bytes_text
from engine.program.cost import TrainingCost, cost_of, largest_batch
from engine.project import Project
from engine.tensor.devices import free_memory, is_gpu

KINDS = {
    "parameters": "parameters",
    "gradients": "gradients",
    "optimizer": "optimiser state",
    "activations": "activations",
    "workspaces": "workspaces",
    "data": "data set",
}
"""The kinds of memory of a `TrainingCost` in words."""


@dataclass(frozen=True, slots=True)
class MemoryForecast:
    """The memory of a training, and what of it the device has left."""

    cost: TrainingCost
    batch_size: int
    device: str
    """`cpu`, `cuda` or `cuda:N`: what `auto` would take."""
    free: int
    """Bytes that the device has left; 0 when it is not on this machine."""
    largest_batch: int
    """The largest batch that fits into them; 0 when none does, or nobody knows."""

    @property
    def needed(self) -> int:
        """Bytes that training takes of what is left: a CPU finds the data in place."""
        return self.cost.without_data if self.device == "cpu" else self.cost.total

    @property
    def fits(self) -> bool:
        """False where the device is known to have too little left."""
        return not self.free or self.needed <= self.free

    def sentence(self) -> str:
        """What it takes with its data, what is left, and the largest batch."""
        needed, left = bytes_text(self.cost.total), bytes_text(self.free)
        if self.cost.memory.get("data"):
            needed += " with its data"
        most = "" if self.cost.is_exact else "at most "
        if not self.free:
            return f"Training takes {most}{needed} on {self.device}, which is not on this machine."
        largest = f"{self.largest_batch:,}"
        place = "this computer" if self.device == "cpu" else self.device
        if self.fits:
            return (
                f"Training takes {most}{needed}, of {left} left on {place}; batches of up to {largest} fit."
            )
        step = (
            f"choose a batch size of at most {largest}" if self.largest_batch else "make the network smaller"
        )
        what = f"Training at batches of {self.batch_size:,} takes {needed}"
        return f"{what}, but {place} has {left} left: {step}."

    def table(self) -> tuple[tuple[str, str], ...]:
        """(kind, size) of everything that takes memory, in words."""
        bound = {"workspaces": "" if self.cost.is_exact else " (at most)"}
        return tuple(
            (f"{KINDS[kind]}{bound.get(kind, '')}", bytes_text(size))
            for kind, size in self.cost.memory.items()
            if size
        )


def forecast(project: Project) -> MemoryForecast:
    """The forecast for a valid design; DesignError or DataError where there is none."""
    device = project.training.device
    if device == "auto":
        device = "cuda" if is_gpu(device) else "cpu"
    free = free_memory(device)
    cost = cost_of(project)
    # On a CPU the data are in memory before training asks for more.
    room = free + (cost.memory["data"] if device == "cpu" else 0)
    largest = largest_batch(project, room) if free else 0
    return MemoryForecast(cost, project.training.batch_size, device, free, largest)
