"""Compiled kernels are kept on disk, and what is there and not a kernel is as good as nothing."""

import pytest

from engine.tensor.cuda import compiling

BINARY = b"\x7fELF a kernel"


@pytest.fixture
def asked(monkeypatch):
    asked: list[tuple[str, tuple[str, ...]]] = []

    def compile_(source, options):
        asked.append((source, tuple(options)))
        return BINARY

    monkeypatch.setattr(compiling, "_compile", compile_)
    monkeypatch.setattr(compiling, "_version", lambda: "NVRTC 13.0")
    return asked


def test_that_a_kernel_is_compiled_once_for_a_source_and_its_options(asked, tmp_path):
    for _ in range(2):
        assert compiling.compiled("source", ("-DREAL=float",), tmp_path / "kernels") == BINARY
    assert len(asked) == 1
    compiling.compiled("source", ("-DREAL=double",), tmp_path / "kernels")
    compiling.compiled("another", ("-DREAL=float",), tmp_path / "kernels")
    assert len(asked) == 3


def test_that_another_compiler_does_not_see_it(asked, tmp_path, monkeypatch):
    compiling.compiled("source", (), tmp_path)
    monkeypatch.setattr(compiling, "_version", lambda: "NVRTC 13.1")
    compiling.compiled("source", (), tmp_path)
    assert len(asked) == 2


@pytest.mark.parametrize("content", [b"", b"text", BINARY[:2]])
def test_that_a_damaged_file_is_compiled_anew(asked, tmp_path, content):
    compiling.compiled("source", (), tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert compiling.compiled("source", (), tmp_path) == BINARY
    assert file.read_bytes() == BINARY
    assert len(asked) == 2


def test_that_a_folder_which_cannot_be_written_costs_only_the_time(asked, tmp_path):
    (tmp_path / "kernels").write_text("a file where the folder should be")
    assert compiling.compiled("source", (), tmp_path / "kernels") == BINARY


def test_that_a_compiler_that_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(compiling, "loaded", lambda name: None)
    compiling._nvrtc.cache_clear()
    compiling._version.cache_clear()
    with pytest.raises(compiling.CompilingError, match="NVRTC was not found"):
        compiling.compiled("source", (), tmp_path)
    compiling._nvrtc.cache_clear()
    compiling._version.cache_clear()


@pytest.mark.gpu
def test_that_what_calls_will_launch_is_compiled_and_nothing_runs():
    import numpy as np

    from engine.tensor.cupy_ops import CudaDevice

    device = CudaDevice(0)
    x, y = device.to_device(np.full((3, 4), -2.0, np.float32)), device.zeros((3, 4), "float32")
    device.functions._modules.clear()
    device.functions._functions.clear()
    device.compile_ahead(lambda: device.kernels["gelu"](device, y, x))
    assert len(device.functions._modules) == 1
    np.testing.assert_array_equal(device.to_host(y), np.zeros((3, 4), np.float32))
    device.kernels["gelu"](device, y, x)
    assert (device.to_host(y) < 0).all()
