"""Random masks."""

import numpy as np

from engine.tensor.array_ops.registry import kernel
from engine.tensor.device import Device
from engine.tensor.ops import Array
from engine.tensor.step_ops import Clock


@kernel()
def random_mask(device: Device, mask: Array, keep: Array, clock: Array, *, stream: int) -> None:
    """Philox 4×64-10 (Salmon et al. 2011), keyed by seed and stream, counting from the step: see the package's tests.

    Element 2k is the lower half of the k-th word, element 2k + 1 the upper; it is kept below keep·2³².
    """
    counts = np.asarray(clock if isinstance(clock, np.ndarray) else clock.get(), dtype=np.uint64)
    generator = np.random.Philox(
        key=np.array([counts[Clock.SEED], stream], dtype=np.uint64),
        counter=np.array([0, counts[Clock.STEP], 0, 0], dtype=np.uint64),
    )
    halves = generator.random_raw((mask.size + 1) // 2).view(np.uint32)[: mask.size]
    bound = np.float64(float(keep[0]) * 2**32)
    mask[...] = device.to_device((halves < bound).astype(np.uint8).reshape(mask.shape))


@kernel("nnn")
def apply_mask(device: Device, y: Array, x: Array, mask: Array) -> None:
    """x where the mask is 1."""
    device.xp.multiply(x, mask, out=y)
