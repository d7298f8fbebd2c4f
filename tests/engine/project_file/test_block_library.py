"""The user's blocks on disk: written whole, read back, refused in words when damaged."""

from pathlib import Path

import pytest

from engine.errors import ProjectFileError
from engine.project_file.block_library import forget_block, keep_block, load_blocks


@pytest.fixture
def block(project):
    return project.blocks["Pair"]


def test_that_a_block_comes_back_as_it_was_and_can_be_forgotten(tmp_path: Path, block) -> None:
    folder = tmp_path / "blocks"
    assert load_blocks(folder) == ({}, [])
    keep_block(folder, block)
    keep_block(folder, block)
    assert load_blocks(folder) == ({"Pair": block}, [])
    forget_block(folder, "Pair")
    forget_block(folder, "Pair")
    assert load_blocks(folder) == ({}, [])


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": "gabor-block", "schema": 99}', b"\xff\x00"])
def test_that_a_damaged_block_is_told_and_the_others_are_there(tmp_path: Path, block, data: bytes) -> None:
    keep_block(tmp_path, block)
    (tmp_path / "bad.block.json").write_bytes(data)
    found, problems = load_blocks(tmp_path)
    assert found == {"Pair": block}
    assert len(problems) == 1
    assert "bad.block.json cannot be used: " in problems[0]


def test_that_a_folder_that_cannot_be_made_is_told(tmp_path: Path, block) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectFileError, match="in this project only"):
        keep_block(tmp_path / "file" / "blocks", block)
