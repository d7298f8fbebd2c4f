"""The user's blocks: one JSON file each, in the user's data folder, for all projects."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from platformdirs import user_data_dir

from engine.design.blocks import Block
from engine.errors import ProjectFileError
from engine.project_file.atomic import replace_file
from engine.project_file.design_json import BlockRecord, block_document, block_from
from engine.project_file.project_json import SCHEMA, Migration, converted, decode_json, encode_json, migrated
from engine.project_file.refusal import RefusedError

_FORMAT = "gabor-block"
_SUFFIX = ".block.json"
_LARGEST = 20_000_000
_MIGRATIONS: dict[int, Migration] = {}


class _FileRecord(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    schema: Annotated[int, msgspec.Meta(ge=1)]
    block: BlockRecord


def block_folder() -> Path:
    """Where the blocks of this user lie."""
    return Path(user_data_dir("gabor", appauthor=False)) / "blocks"


def load_blocks(folder: Path) -> tuple[dict[str, Block], list[str]]:
    """The blocks in a folder by name, and what is wrong with the files that cannot be read; both empty without one."""
    found: dict[str, Block] = {}
    problems: list[str] = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else ():
        try:
            block = _decoded(path)
        except (RefusedError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            problems.append(f"The block in {path} cannot be used: {reason}.")
        else:
            found[block.name] = block
    return found, problems


def keep_block(folder: Path, block: Block) -> None:
    """Write a block into a folder, in place of one of the same name; ProjectFileError in words when that fails."""
    document: dict[str, Any] = {"format": _FORMAT, "schema": SCHEMA, "block": block_document(block)}
    data = encode_json(document)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProjectFileError(
            f"The folder {folder} for blocks cannot be made: {error.strerror}. The block is in this project only."
        ) from error
    replace_file(_path(folder, block.name), lambda file: file.write(data))


def forget_block(folder: Path, name: str) -> None:
    """Remove a block from a folder, if it is there."""
    _path(folder, name).unlink(missing_ok=True)


def _path(folder: Path, name: str) -> Path:
    # Names may hold what file names may not.
    return folder / f"{quote(name, safe=' ')}{_SUFFIX}"


def _decoded(path: Path) -> Block:
    if path.stat().st_size > _LARGEST:
        raise RefusedError("it is larger than any block")
    document = decode_json(path.read_bytes())
    return block_from(converted(migrated(document, _FORMAT, _MIGRATIONS), _FileRecord).block)
