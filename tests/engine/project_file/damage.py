"""Run as a program: loads damaged variants of project files and prints, as JSON, what came of them.

    python damage.py COUNT FILE FILE

Each variant is made from a file in turn, by its number alone, so that a finding can be repeated.
"""

import io
import json
import random
import sys
import traceback
import zipfile
from collections import Counter
from pathlib import Path

from engine.design.inference import infer
from engine.errors import ProjectFileError
from engine.project_file import from_bytes, to_bytes

NASTY = (
    None, True, 0, -1, 1, 2, 1.5, 1e300, 10**6, 2**31, 2**63, 10**30, "", "x", "../../x", "\0", "a/b", "é" * 50, [], {},
    [0], [[]], [1, 2, 3, 4], {"a": {"b": []}}, float("nan"), float("inf"), "convolution", "F64", "input-1",
    [0, 8], [10**12, 10**12],
)  # fmt: skip


def flipped(data: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 50))):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def truncated(data: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return rng.choice((data[:end], data[start:], data[:start] + data[end:], data + data[start:end]))


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return stream.getvalue()


def places(value: object) -> list[tuple[object, object]]:
    """Every (container, key) in a JSON value."""
    found: list[tuple[object, object]] = []
    pending = [value]
    while pending:
        inner = pending.pop()
        keys = (
            list(inner) if isinstance(inner, dict) else range(len(inner)) if isinstance(inner, list) else ()
        )
        found += [(inner, key) for key in keys]
        pending += [inner[key] for key in keys]
    return found


def mutated(value: object, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        everywhere = places(value)
        if not everywhere:
            return
        holder, key = rng.choice(everywhere)
        other_holder, other_key = rng.choice(everywhere)
        action = rng.randrange(5)
        if action == 0:
            del holder[key]
        elif action == 1 and isinstance(holder, dict):
            holder[rng.choice(("extra", "", "x" * 300, str(other_key)))] = holder[key]
        elif action == 2:
            holder[key] = json.loads(json.dumps(other_holder[other_key]))
        elif action == 3 and isinstance(holder, list):
            holder.append(holder[key])
        else:
            holder[key] = rng.choice(NASTY)


def json_mutated(data: bytes, rng: random.Random) -> bytes:
    members = unpacked(data)
    name = rng.choice([name for name in members if name.endswith(".json")])
    document = json.loads(members[name])
    mutated(document, rng)
    return packed({**members, name: json.dumps(document).encode()})


def header_mutated(data: bytes, rng: random.Random) -> bytes:
    members = unpacked(data)
    names = [name for name in members if name.endswith(".safetensors")]
    if not names:
        return member_damaged(data, rng)
    name = rng.choice(names)
    blob = members[name]
    length = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + length])
    mutated(header, rng)
    text = json.dumps(header).encode()
    told = len(text) if rng.random() < 0.8 else rng.choice((0, 1, len(text) - 1, len(text) + 8, 2**40, 2**63))
    return packed({**members, name: told.to_bytes(8, "little") + text + blob[8 + length :]})


def member_damaged(data: bytes, rng: random.Random) -> bytes:
    """Damage that the zip's checksums do not notice: they are made anew."""
    members = unpacked(data)
    name = rng.choice(list(members))
    action = rng.randrange(4)
    if action == 0:
        members[rng.choice(("../x", "/x", "runs/a/run.json", "runs/../x", name + "x"))] = members.pop(name)
    elif action == 1:
        del members[name]
    elif action == 2:
        members[name] = members[rng.choice(list(members))]
    else:
        members[name] = rng.choice((flipped, truncated))(members[name], rng)
    return packed(members)


DAMAGES = (flipped, truncated, json_mutated, header_mutated, member_damaged)


def outcome(data: bytes) -> str:
    """What loading comes to: "refused", "loaded" when what was loaded is valid, else the traceback."""
    try:
        found = from_bytes(data, "damaged.netproj")
    except ProjectFileError as error:
        return "refused" if str(error).endswith(".") and len(str(error)) < 2000 else f"no sentence: {error}"
    except BaseException:
        return traceback.format_exc()
    infer(found.project.graph)
    again = from_bytes(to_bytes(found.project, found.runs))
    same = again.project == found.project and len(again.runs) == len(found.runs)
    return "loaded" if same else "loaded, but not the same when saved again"


def main(count: int, files: list[str]) -> None:
    originals = [Path(file).read_bytes() for file in files]
    outcomes: Counter[str] = Counter()
    for number in range(count):
        rng = random.Random(number)
        damage = DAMAGES[number // len(originals) % len(DAMAGES)]
        outcomes[outcome(damage(originals[number % len(originals)], rng))] += 1
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
