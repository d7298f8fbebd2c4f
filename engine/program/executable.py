"""A program bound to arrays of one device, ready to run."""

from collections.abc import Mapping
from functools import partial

from engine.errors import DeviceError
from engine.program.plan import MemoryPlan, is_intermediate, plan_memory
from engine.program.trace import Buffer, Program
from engine.tensor.bfloat import storage_type
from engine.tensor.device import Device
from engine.tensor.ops import Array


class Executable:
    """Runs a program; `arrays` are those that the program names. Running allocates nothing.

    Intermediate buffers lie in `memory` (uint8, as large as the plan at least), which programs that run one after
    the other may share; without it the program gets its own.
    """

    def __init__(
        self, program: Program, device: Device, arrays: Mapping[str, Array], *, plan: MemoryPlan | None = None,
        memory: Array | None = None,
    ) -> None:  # fmt: skip
        self.program = program
        self.plan = plan or plan_memory(program)
        self._device = device
        self._memory = device.empty((self.plan.size,), "uint8") if memory is None else memory
        self._arrays = {buffer.number: self._array(buffer, arrays) for buffer in program.buffers}
        self._calls = [
            partial(
                device.kernels[operation.name],
                device,
                *(self._arrays[buffer.number] for buffer in operation.outputs),
                *(None if buffer is None else self._arrays[buffer.number] for buffer in operation.inputs),
                **operation.attributes,
            )
            for operation in program.operations
        ]
        self.run = device.prepare(self.call)
        """Run every operation in order."""

    def _array(self, buffer: Buffer, arrays: Mapping[str, Array]) -> Array:
        if is_intermediate(self.program, buffer):
            if buffer.number not in self.plan.offsets:
                return None
            start = self.plan.offsets[buffer.number]
            return (
                self._memory[start : start + buffer.nbytes]
                .view(storage_type(buffer.dtype))
                .reshape(buffer.shape)
            )
        name = buffer.name or self.program.storage[buffer.number]
        try:
            return arrays[name]
        except KeyError:
            raise DeviceError(f"The program needs the array '{name}', which was not given to it.") from None

    def call(self) -> None:
        """Every operation in order, one by one."""
        for call in self._calls:
            call()
