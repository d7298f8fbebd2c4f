"""Dropout masks on a GPU draw what NumPy draws: Philox 4x64-10 written from its paper (Salmon et al. 2011)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

WORD = 2**64
words = st.integers(0, WORD - 1)


def philox_4x64_10(counter: tuple[int, int, int, int], key: tuple[int, int]) -> list[int]:
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [
            (second // WORD) ^ c[1] ^ k[0],
            second % WORD,
            (first // WORD) ^ c[3] ^ k[1],
            first % WORD,
        ]
        k = [(k[0] + 0x9E3779B97F4A7C15) % WORD, (k[1] + 0xBB67AE8584CAA73B) % WORD]
    return c


@given(seed=words, stream=words, step=words, blocks=st.integers(1, 5))
def test_that_block_b_of_numpy_has_the_counter_b_plus_one(
    seed: int, stream: int, step: int, blocks: int
) -> None:
    key = np.array([seed, stream], dtype=np.uint64)
    counter = np.array([0, step, 0, 0], dtype=np.uint64)
    drawn = np.random.Philox(key=key, counter=counter).random_raw(4 * blocks)
    written = [word for b in range(blocks) for word in philox_4x64_10((b + 1, step, 0, 0), (seed, stream))]
    assert drawn.tolist() == written


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.75, 1.0])
def test_that_a_mask_takes_the_lower_half_of_each_word_first(keep: float) -> None:
    from engine.tensor import array_ops
    from engine.tensor.numpy_ops import CpuDevice

    seed, step, stream, shape = 2**40 + 3, 17, 5, (3, 1, 1, 7)
    device = CpuDevice(1)
    mask = np.full(shape, 77, np.uint8)
    clock = np.array([seed, step, 0, 0])
    array_ops.KERNELS["random_mask"](device, mask, np.array([keep]), clock, stream=stream)
    halves = []
    for b in range(3):
        for word in philox_4x64_10((b + 1, step, 0, 0), (seed, stream)):
            halves += [word % 2**32, word >> 32]
    expected = [half < keep * 2**32 for half in halves[: mask.size]]
    assert mask.reshape(-1).tolist() == expected
