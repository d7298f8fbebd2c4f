"""Compiled loops are kept for the next run; what is damaged, foreign or of another version is compiled anew."""

import numpy as np
import pytest

from engine.tensor import native
from engine.tensor.kept_files import SealedFiles

if not native.is_available:
    pytest.skip("needs llvmlite", allow_module_level=True)

from engine.tensor.native import library, machine_code
from engine.tensor.native.sums import sum_code  # written for any number of lanes
from engine.tensor.native.updates import adam_code


@pytest.fixture
def kept(tmp_path):
    return SealedFiles(tmp_path, ".o")


@pytest.fixture
def compiled(monkeypatch):
    """How often something was compiled."""
    done = []
    plain = machine_code.compiled

    def counted(write):
        done.append(write)
        return plain(write)

    monkeypatch.setattr(machine_code, "compiled", counted)
    return done


def after_a_step(run):
    """Weights and moments after one update by plain Adam (eq. 2.12-2.16), against NumPy."""
    generator = np.random.default_rng(0)
    w, g, m = (generator.standard_normal(64).astype(np.float32) for _ in range(3))
    v = generator.random(64).astype(np.float32)
    wanted_m, wanted_v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
    wanted = w - 0.5 * wanted_m / (np.sqrt(wanted_v) + 0.1)
    run(w, m, v, g, 64, 0.9, 0.1, 0.99, 0.01, 0.0, 1.0, 0.1, 0.5)
    np.testing.assert_allclose(w, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(v, wanted_v, rtol=1e-5)


def test_that_a_loop_is_compiled_once_and_loaded_then(kept, compiled, tmp_path):
    for _ in range(2):
        after_a_step(library.made(adam_code, (16, False), kept))
    assert len(compiled) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_that_other_particulars_and_other_loops_have_files_of_their_own(kept, compiled, tmp_path):
    for particulars in ((16, False), (16, True), (1, False)):
        library.made(adam_code, particulars, kept)
    library.made(sum_code, (16,), kept)
    assert len(compiled) == len(list(tmp_path.iterdir())) == 4


def test_that_a_damaged_file_is_compiled_anew(kept, compiled, tmp_path):
    library.made(adam_code, (16, False), kept)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-40] + b"\xcc" * 40)
    after_a_step(library.made(adam_code, (16, False), kept))
    assert len(compiled) == 2
    assert file.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"ppppiffffffff", b"x\n\x7fELF"])
def test_that_a_sound_file_without_machine_code_is_compiled_anew(kept, compiled, monkeypatch, content):
    keys = []
    plain = kept.keep
    monkeypatch.setattr(kept, "keep", lambda key, made: (keys.append(key), plain(key, made)))
    library.made(adam_code, (16, False), kept)
    plain(keys[0], content)
    after_a_step(library.made(adam_code, (16, False), kept))
    assert len(compiled) == 2
    after_a_step(library.made(adam_code, (16, False), kept))
    assert len(compiled) == 2


@pytest.mark.parametrize(("owner", "name"), [(machine_code, "target"), (library, "_sources")])
def test_that_another_processor_or_version_does_not_see_it(kept, compiled, monkeypatch, owner, name):
    library.made(adam_code, (16, False), kept)
    monkeypatch.setattr(owner, name, lambda: "another")
    after_a_step(library.made(adam_code, (16, False), kept))
    assert len(compiled) == 2


def test_that_nothing_is_kept_where_the_sources_cannot_be_told(kept, monkeypatch, tmp_path):
    monkeypatch.setattr(library, "_sources", lambda: "")
    after_a_step(library.made(adam_code, (16, False), kept))
    assert list(tmp_path.iterdir()) == []


def test_that_arrays_with_gaps_are_refused(kept):
    run = library.made(adam_code, (16, False), kept)
    gaps = np.zeros((8, 32), np.float32)[:, ::2]
    with pytest.raises(ValueError, match="side by side"):
        run(gaps, gaps, gaps, gaps, 64, *[0.0] * 8)
