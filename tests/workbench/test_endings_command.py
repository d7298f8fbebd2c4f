"""`gabor train` when something fails in mid-training: one sentence, exit code 1, and what was learned is saved."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from engine.api import edits, load_project, save_project
from engine.program.compiled import CompiledNetwork
from workbench.command_line import app

SAMPLE = Path(__file__).parents[2] / "resources" / "examples" / "mnist-sample.netproj"


def test_that_a_full_memory_is_told_and_what_was_learned_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = load_project(SAMPLE).project
    graph = edits.set_settings(project.graph, "convolution-1", filters=4)
    graph = edits.set_settings(graph, "convolution-2", filters=4)
    settings = msgspec.structs.replace(project.training, batch_size=300, epochs=2, device="cpu")
    save_project(tmp_path / "a.netproj", replace(project, graph=graph, training=settings))
    compiling = CompiledNetwork.__init__

    def compile_broken(self: CompiledNetwork, *arguments: object) -> None:
        compiling(self, *arguments)  # type: ignore[arg-type]
        step = self.step

        def fail() -> None:
            if int(self.store.clock[1]) == 5:
                raise MemoryError
            step()

        self.step = fail

    monkeypatch.setattr(CompiledNetwork, "__init__", compile_broken)
    target = tmp_path / "b.netproj"
    result = CliRunner().invoke(app, ["train", str(tmp_path / "a.netproj"), "--save", str(target)])
    assert result.exit_code == 1
    assert "The memory was full after step 5; what was learned is kept." in " ".join(result.stderr.split())
    (run,) = load_project(target).runs
    assert (run.status, run.step) == ("failed", 5)
    assert run.checkpoint is not None
