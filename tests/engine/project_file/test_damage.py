import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.project_file import save

COUNT = int(os.environ.get("GABOR_DAMAGED_FILES", "2000"))
MEMORY = 2**30
ROOT = Path(__file__).parents[3]


def _limited() -> None:
    import resource

    # Address space: NumPy's threads alone reserve some hundred megabytes of it.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.skipif(sys.platform == "win32", reason="limits a process's memory as POSIX does")
def test_that_damaged_files_load_as_valid_projects_or_are_refused_in_words(tmp_path, project, run):
    files, empty = tmp_path / "files", tmp_path / "empty"
    files.mkdir()
    empty.mkdir()
    save(files / "untrained.netproj", project)
    save(files / "trained.netproj", project, [run])
    before = {path: path.read_bytes() for path in files.iterdir()}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(empty), "HOME": str(empty)}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    program = [
        sys.executable,
        str(Path(__file__).with_name("damage.py")),
        str(COUNT),
        *map(str, sorted(before)),
    ]
    done = subprocess.run(
        program,
        cwd=empty,
        env=environment,
        preexec_fn=_limited,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    assert set(outcomes) <= {"refused", "loaded"}
    assert sum(outcomes.values()) == COUNT
    # Both occur, else the damage would show nothing.
    assert min(outcomes["refused"], outcomes["loaded"]) > COUNT / 50
    assert list(empty.iterdir()) == []
    assert {path: path.read_bytes() for path in files.iterdir()} == before
