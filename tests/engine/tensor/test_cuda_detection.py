"""What users are told when their GPU cannot be used. Needs no GPU."""

import pytest

from engine.errors import DeviceError
from engine.tensor import cupy_ops
from engine.tensor.cuda import detection
from engine.tensor.devices import load_device_libraries


def explain(
    driver: str | None, *, cupy: object = None, problem: str = "", gpus: int = 0, cudnn: bool = False
) -> str:
    return detection._explain(driver, cupy, problem, gpus=gpus, cudnn=cudnn)


def test_that_a_machine_without_a_driver_is_told_so() -> None:
    assert "No NVIDIA GPU" in explain(None)


@pytest.mark.parametrize(
    ("driver", "extra"), [("580.95.05", "cuda13"), ("610.1", "cuda13"), ("550.54", "cuda12")]
)
def test_that_a_gpu_without_cupy_names_the_extra_for_its_driver(driver: str, extra: str) -> None:
    told = explain(driver)
    assert driver in told
    assert f"gabor-workbench[{extra}]" in told


def test_that_an_old_driver_is_named_with_the_version_that_is_needed() -> None:
    told = explain("470.82")
    assert "470.82" in told
    assert "525" in told


def test_that_cupy_without_cudnn_says_what_is_slower() -> None:
    told = explain("580.95", cupy=object(), gpus=1)
    assert "cuDNN" in told
    assert "cuda13" in told


def test_that_cupy_without_a_usable_gpu_points_to_the_driver() -> None:
    assert "nvidia-smi" in explain("580.95", cupy=object())


def test_that_nothing_is_said_when_everything_is_there() -> None:
    assert explain("580.95", cupy=object(), gpus=1, cudnn=True) == ""


def test_that_looking_for_gpus_never_raises() -> None:
    for index, name, memory, capability in cupy_ops.cuda_devices():
        assert index >= 0
        assert name
        assert memory > 0
        assert "." in capability
    assert isinstance(cupy_ops.explain_missing_cuda(), str)


def test_that_libraries_which_do_not_load_are_left_for_training_to_tell_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []

    def load() -> None:
        tried.append(True)
        raise DeviceError("CUDA's library cuBLAS was not found.")

    monkeypatch.setattr(cupy_ops, "load_libraries", load)
    monkeypatch.setattr(cupy_ops, "cuda_devices", list)
    load_device_libraries()
    assert not tried
    monkeypatch.setattr(cupy_ops, "cuda_devices", lambda: [(0, "GPU", 1, "9.0")])
    load_device_libraries()
    assert tried
