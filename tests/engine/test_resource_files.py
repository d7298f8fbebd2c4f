import sys
from importlib import import_module, invalidate_caches
from pathlib import Path

import engine
from engine.resource_files import resource_path


def test_that_the_sample_and_its_licence_are_found():
    assert resource_path("mnist-sample", "mnist-sample.npz").stat().st_size < 2**20
    licence = resource_path("mnist-sample", "LICENSE.txt").read_text(encoding="utf-8")
    for words in ("LeCun", "CC BY-SA 3.0", "subset"):
        assert words in licence


def test_that_a_checkout_without_installation_finds_its_own_files(monkeypatch):
    monkeypatch.setitem(sys.modules, "gabor_resources", None)
    assert resource_path("mnist-sample") == Path(engine.__file__).parent.parent / "resources" / "mnist-sample"


def test_that_an_installed_package_goes_before_the_checkout(monkeypatch, tmp_path):
    (tmp_path / "gabor_resources").mkdir()
    (tmp_path / "gabor_resources" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "gabor_resources", raising=False)
    invalidate_caches()
    try:
        import_module("gabor_resources")
        assert resource_path("examples") == tmp_path / "gabor_resources" / "examples"
    finally:
        monkeypatch.delitem(sys.modules, "gabor_resources", raising=False)
