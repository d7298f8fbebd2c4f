"""What is kept for the next run is found again, or noticed as wrong and forgotten."""

import os

import pytest

from engine.tensor.kept_files import SealedFiles, keep_whole


@pytest.fixture
def files(tmp_path):
    return SealedFiles(tmp_path / "kept", ".o")


def only_file(tmp_path):
    (file,) = (tmp_path / "kept").iterdir()
    return file


@pytest.mark.parametrize("content", [b"", b"content", b"\n\n", bytes(range(256))])
def test_that_a_content_is_found_under_its_key_alone(files, content):
    assert files.find("key") is None
    files.keep("key", content)
    assert files.find("key") == content
    assert files.find("another") is None


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:-1] + b"!"]
)
def test_that_a_damaged_file_is_noticed_and_removed(files, tmp_path, damage):
    files.keep("key", b"content")
    file = only_file(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    assert files.find("key") is None
    assert not file.exists()


def test_that_a_file_under_the_name_of_another_is_noticed(files, tmp_path):
    files.keep("key", b"content")
    file = only_file(tmp_path)
    files.keep("another", b"other content")
    (other,) = set((tmp_path / "kept").iterdir()) - {file}
    other.replace(file)
    assert files.find("key") is None


def test_that_those_written_first_make_room(tmp_path):
    files = SealedFiles(tmp_path / "kept", ".o", most=3)
    before = set()
    for number in range(5):
        files.keep(f"{number}", b"content")
        fresh = set((tmp_path / "kept").iterdir()) - before
        for file in fresh:
            os.utime(file, (number, number))
        before |= fresh
    assert [files.find(f"{number}") is not None for number in range(5)] == [False, False, True, True, True]


def test_that_a_folder_which_cannot_be_written_costs_only_the_file(tmp_path):
    (tmp_path / "kept").write_text("a file where the folder should be")
    SealedFiles(tmp_path / "kept", ".o").keep("key", b"content")
    assert SealedFiles(tmp_path / "kept", ".o").find("key") is None
    (tmp_path / "folder").mkdir()
    keep_whole(tmp_path / "folder", b"content")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []
