"""The house rules that a linter can check."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_that_every_import_keeps_to_the_contracts() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    result = subprocess.run([*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_that_every_folder_with_code_is_a_package_so_that_a_wheel_holds_it() -> None:
    for room in ("engine", "workbench"):
        folders = {path.parent for path in (ROOT / room).rglob("*.py")}
        assert folders
        assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


def test_that_the_engine_does_not_load_qt() -> None:
    code = "import engine.api, sys; print([name for name in sys.modules if name.startswith(('PySide6', 'pyqtgraph'))])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
