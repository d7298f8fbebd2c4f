import json
from types import SimpleNamespace

import numpy as np
import pytest

from engine.tensor.cuda.plan_cache import KeptPlan, PlanCache
from engine.tensor.device import EagerOps
from engine.tensor.window import Window

PLAN, OTHER = KeptPlan(7, "eng7_k2=3", 1 << 20), KeptPlan(2, "eng2", 0)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "folder" / "plans.json"


def test_that_a_plan_is_found_again_by_another_process(file):
    PlanCache(file, "GPU 1, cuDNN 9").keep("convolution of this", PLAN)
    assert PlanCache(file, "GPU 1, cuDNN 9").find("convolution of this") == PLAN


@pytest.mark.parametrize("environment", ["GPU 2, cuDNN 9", "GPU 1, cuDNN 10"])
def test_that_another_device_or_library_does_not_see_it(file, environment):
    PlanCache(file, "GPU 1, cuDNN 9").keep("convolution of this", PLAN)
    assert PlanCache(file, environment).find("convolution of this") is None


def test_that_what_two_processes_found_is_kept(file):
    first, second = PlanCache(file, "GPU"), PlanCache(file, "GPU")
    assert first.find("a") is None
    assert second.find("b") is None
    first.keep("a", PLAN)
    second.keep("b", OTHER)
    assert (PlanCache(file, "GPU").find("a"), PlanCache(file, "GPU").find("b")) == (PLAN, OTHER)


def test_that_times_are_found_again_beside_the_plans(file):
    cache = PlanCache(file, "GPU")
    cache.keep_times("first layer", {"own kernel": 15.0, "cuDNN": 82.5})
    cache.keep("a", PLAN)
    again = PlanCache(file, "GPU")
    assert again.times("first layer") == {"own kernel": 15.0, "cuDNN": 82.5}
    assert again.find("a") == PLAN
    assert PlanCache(file, "another GPU").times("first layer") == {}


def test_that_a_dropped_entry_is_gone(file):
    cache = PlanCache(file, "GPU")
    cache.keep("a", PLAN)
    cache.drop("a")
    assert cache.find("a") is None
    assert PlanCache(file, "GPU").find("a") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"format": 2}', b'{"format": 99, "plans": {}}',
     b'{"format": 1, "plans": {"GPU; a": [1, "one"]}}', b'{"format": 2, "plans": {"GPU; a": 3}, "choices": {}}',
     b'{"format": 2, "plans": {"GPU; a": ["x", "y", 0]}, "choices": {}}',
     b'{"format": 2, "plans": {}, "choices": {"GPU; a": [1]}}', b"\xff\xfe",
     b"[" * 100_000],
)  # fmt: skip
def test_that_a_damaged_file_is_as_good_as_none_and_is_replaced(file, content):
    file.parent.mkdir()
    file.write_bytes(content)
    cache = PlanCache(file, "GPU")
    assert cache.find("a") is None
    cache.keep("a", PLAN)
    assert json.loads(file.read_text())["plans"] == {"GPU; a": list(PLAN)}


def test_that_a_folder_which_cannot_be_written_costs_only_the_memory_of_it(tmp_path):
    (tmp_path / "folder").write_text("a file where the folder should be")
    cache = PlanCache(tmp_path / "folder" / "plans.json", "GPU")
    cache.keep("a", PLAN)
    assert cache.find("a") == PLAN
    assert PlanCache(tmp_path / "folder" / "plans.json", "GPU").find("a") is None


@pytest.mark.gpu
def test_that_a_kept_plan_is_used_untimed_and_one_that_is_not_what_it_says_is_dropped(file, monkeypatch):
    from engine.tensor.cuda import convolution_plans, cuda_device
    from engine.tensor.cupy_ops import CudaDevice

    monkeypatch.setattr(cuda_device, "default_file", lambda: file)
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((8, 14, 14, 32), np.float32), rng.standard_normal((64, 5, 5, 32), np.float32)

    def convolved():
        device = CudaDevice(0, precision="tf32")
        window = Window((5, 5), (1, 1), (2, 2, 2, 2))
        arrays = (device.to_device(x), device.to_device(w), None)
        y = SimpleNamespace(shape=(8, 14, 14, 64), dtype="float32")
        given = {"window": window, "groups": 1}
        asked = SimpleNamespace(name="convolution", attributes=given, inputs=arrays, outputs=(y,))
        # What nobody announced is not worth timing, and not kept.
        EagerOps(CudaDevice(0, precision="tf32")).convolution(*arrays, window)
        device.reserve([asked])
        y = EagerOps(device).convolution(*arrays, window)
        return device.to_host(y), device.plans.report()

    first, report = convolved()
    kept = json.loads(file.read_text())["plans"]
    assert len(kept) == 1
    with monkeypatch.context() as patch:
        patch.setattr(convolution_plans.ConvolutionPlans, "_choose", lambda *_, **__: pytest.fail("again"))
        again, same = convolved()
    assert same == report
    np.testing.assert_array_equal(again, first)
    stale = {key: [index, "a plan of another version", size] for key, (index, _, size) in kept.items()}
    file.write_text(json.dumps({"format": 2, "plans": stale, "choices": {}}))
    found, _ = convolved()
    np.testing.assert_allclose(found, first, rtol=0, atol=0.5)
    (entry,) = json.loads(file.read_text())["plans"].values()
    assert entry[1] != "a plan of another version"
