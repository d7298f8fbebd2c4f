"""Compiled loops draw NumPy's normal numbers bit for bit, or are not asked."""

import numpy as np
import pytest

from engine.tensor import native

if not native.is_available:
    pytest.skip("needs llvmlite", allow_module_level=True)

from engine.tensor.native import normals


@pytest.fixture(autouse=True)
def forgetful():
    """What was found out about this machine is found out anew."""
    caches = (normals.draws_normals, normals._addresses)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.parametrize(("key", "jumps"), [((0, 0), 0), ((7, 2**32 - 1), 31), ((2**64 - 1, 12), 2**40)])
def test_that_a_stream_gives_what_numpy_draws_however_it_is_cut(key, jumps):
    # Of a million numbers some hundred lie in the tail and some ten thousand near a strip's edge.
    wanted = np.random.Generator(
        np.random.Philox(key=np.array(key, np.uint64)).jumped(jumps)
    ).standard_normal(1_000_000)
    found, stream, first = np.empty(len(wanted)), normals.NormalStream(key, jumps), 0
    for count in (1, 0, 2, 13, 16, 17, 4096, 500_000, len(wanted)):
        stream.fill(found[first : first + count])
        first += count
    assert abs(wanted).max() > 4
    np.testing.assert_array_equal(found.view(np.uint64), wanted.view(np.uint64))


def test_that_streams_are_used_where_they_draw_what_numpy_draws():
    assert normals.draws_normals()


def test_that_streams_are_not_used_without_the_functions_that_they_call(monkeypatch):
    monkeypatch.setattr(normals.ctypes, "CDLL", lambda name: object())
    assert not normals.draws_normals()


def test_that_streams_are_not_used_where_numpy_draws_other_numbers(monkeypatch):
    monkeypatch.setattr(normals.np.random, "Generator", lambda bits: np.random.RandomState(1))
    assert not normals.draws_normals()
