import json

import pytest

from engine.tensor.cuda.plan_cache import PlanCache


@pytest.fixture
def file(tmp_path):
    return tmp_path / "folder" / "plans.json"


def test_that_a_plan_is_found_again_by_another_process(file):
    PlanCache(file, "GPU 1, cuDNN 9").keep("convolution of this", 7, "eng7_k2=3")
    assert PlanCache(file, "GPU 1, cuDNN 9").find("convolution of this") == (7, "eng7_k2=3")


@pytest.mark.parametrize("environment", ["GPU 2, cuDNN 9", "GPU 1, cuDNN 10"])
def test_that_another_device_or_library_does_not_see_it(file, environment):
    PlanCache(file, "GPU 1, cuDNN 9").keep("convolution of this", 7, "eng7_k2=3")
    assert PlanCache(file, environment).find("convolution of this") is None


def test_that_what_two_processes_found_is_kept(file):
    first, second = PlanCache(file, "GPU"), PlanCache(file, "GPU")
    assert first.find("a") is None
    assert second.find("b") is None
    first.keep("a", 1, "one")
    second.keep("b", 2, "two")
    assert (PlanCache(file, "GPU").find("a"), PlanCache(file, "GPU").find("b")) == ((1, "one"), (2, "two"))


def test_that_a_dropped_entry_is_gone(file):
    cache = PlanCache(file, "GPU")
    cache.keep("a", 1, "one")
    cache.drop("a")
    assert cache.find("a") is None
    assert PlanCache(file, "GPU").find("a") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"format": 1}', b'{"format": 99, "plans": {}}',
     b'{"format": 1, "plans": {"GPU; a": 3}}', b'{"format": 1, "plans": {"GPU; a": ["x", "y"]}}', b"\xff\xfe",
     b"[" * 100_000],
)  # fmt: skip
def test_that_a_damaged_file_is_as_good_as_none_and_is_replaced(file, content):
    file.parent.mkdir()
    file.write_bytes(content)
    cache = PlanCache(file, "GPU")
    assert cache.find("a") is None
    cache.keep("a", 1, "one")
    assert json.loads(file.read_text())["plans"] == {"GPU; a": [1, "one"]}


def test_that_a_folder_which_cannot_be_written_costs_only_the_memory_of_it(tmp_path):
    (tmp_path / "folder").write_text("a file where the folder should be")
    cache = PlanCache(tmp_path / "folder" / "plans.json", "GPU")
    cache.keep("a", 1, "one")
    assert cache.find("a") == (1, "one")
    assert PlanCache(tmp_path / "folder" / "plans.json", "GPU").find("a") is None
