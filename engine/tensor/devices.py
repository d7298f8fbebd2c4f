"""The devices of this machine, and how to get one by its name."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass

from engine.errors import DeviceError
from engine.tensor import array_ops, cupy_ops, fused_ops, numpy_ops
from engine.tensor.device import Device, Planned
from engine.tensor.numpy_ops import CpuDevice, core_count


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device that a network can train on."""

    name: str
    """`cpu` or `cuda:N`."""
    description: str
    memory: int
    """Bytes of device memory; 0 where it is the system's."""


def devices() -> tuple[DeviceInfo, ...]:
    """What this machine can compute on, the fastest kind first."""
    found = [
        DeviceInfo(f"cuda:{index}", f"{name}, {memory / 2**30:.0f} GiB", memory)
        for index, name, memory, _ in cupy_ops.cuda_devices()
    ]
    cores = core_count()
    return (*found, DeviceInfo("cpu", f"CPU, {cores} thread{'s' * (cores != 1)}", 0))


def load_device_libraries() -> None:
    """Load the libraries of the devices that there are, so that the first training finds them in place."""
    if cupy_ops.cuda_devices():
        # A library that does not load is told of, with what to do, when the device is opened.
        with suppress(DeviceError, ImportError, OSError, RuntimeError):
            cupy_ops.load_libraries()


def explain_missing_gpu() -> str:
    """Why no GPU is used and what would change that, in a sentence; "" when one is used as well as it can be."""
    return cupy_ops.explain_missing_cuda()


def is_gpu(name: str) -> bool:
    """Whether a device of that name is a GPU, here or on another machine."""
    return name != "cpu" and (name != "auto" or bool(cupy_ops.cuda_devices()))


def expected_workspaces(
    name: str, precision: str, operations: Iterable[Planned], *, convolutions: str = "auto"
) -> tuple[int, bool]:
    """(bytes, whether they are certain) of workspace that operations will share on the device of that name."""
    if not is_gpu(name):
        return 0, True
    index = int(name[5:]) if name.startswith("cuda:") and name[5:].isdigit() else None
    return cupy_ops.expected_workspaces(index, precision, operations, convolutions=convolutions)


def kernel_names(name: str) -> Collection[str]:
    """Operations that the device of that name has kernels for, so that passes are known before it is opened."""
    if not is_gpu(name):
        return numpy_ops.KERNELS.keys()
    return array_ops.KERNELS.keys() | fused_ops.FUSED_KERNELS.keys()


def free_memory(name: str) -> int:
    """Bytes that can be taken on the device of that name; 0 when it is not on this machine."""
    if not is_gpu(name):
        return numpy_ops.free_memory()
    gpus = cupy_ops.cuda_devices()
    index = int(name[5:]) if name.startswith("cuda:") and name[5:].isdigit() else (gpus[0][0] if gpus else 0)
    return cupy_ops.free_memory(index) if index in [gpu[0] for gpu in gpus] else 0


def open_device(
    name: str = "auto", *, threads: int = 0, precision: str = "tf32", deterministic: bool = False,
    convolutions: str = "auto",
) -> Device:  # fmt: skip
    """The device of that name: `auto` (a GPU when there is one), `cpu`, `cuda` or `cuda:N`; else DeviceError.

    With `convolutions` "cudnn" a GPU leaves them to cuDNN alone, else to what is fastest.
    """
    if name == "cpu":
        return CpuDevice(threads)
    gpus = cupy_ops.cuda_devices()
    if name == "auto" and not gpus:
        return CpuDevice(threads)
    if name != "auto" and name != "cuda" and not (name.startswith("cuda:") and name[5:].isdigit()):
        raise DeviceError(f"There is no device '{name}': choose auto, cpu, cuda or cuda:N with a number.")
    if not gpus:
        raise DeviceError(f"The device '{name}' cannot be used: {cupy_ops.explain_missing_cuda()}")
    index = int(name[5:]) if name.startswith("cuda:") else gpus[0][0]
    if index not in [gpu[0] for gpu in gpus]:
        there = ", ".join(f"cuda:{gpu[0]}" for gpu in gpus)
        raise DeviceError(f"There is no device cuda:{index} on this machine; it has {there} and cpu.")
    return cupy_ops.CudaDevice(
        index, precision=precision, deterministic=deterministic, convolutions=convolutions
    )
