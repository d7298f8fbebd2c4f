"""What is typed into the search box: words that find a layer type, then its settings: `conv 96 5 pad 2`."""

import re
from collections.abc import Iterable, Iterator

from engine.api import GROUPS, Block, DesignError, Layer, Setting, make_layer, settings_of

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$")
_SIZES = re.compile(r"\d+([x×]\d+)+$")
_NAMED = re.compile(r"([a-z]+)([\d.].*)$")
_SWITCHES = {"on": True, "off": False}
BLOCK_GROUP = "Blocks"
"""The group under which blocks are shown among layer types."""
SAME = "same"
"""Padding that keeps the size of the map."""


def ranked(types: Iterable[type[Layer]], words: str) -> list[type[Layer]]:
    """The types that the words describe, the best match first; all of them, by group, when there are no words."""
    found = [(rank, cls) for cls in types if (rank := _rank(cls, words.strip().lower())) is not None]
    return [cls for _, cls in sorted(found, key=lambda pair: (pair[0], _group_order(pair[1]), pair[1].label))]


def matching_blocks(blocks: Iterable[Block], text: str) -> list[tuple[int, Block]]:
    """The blocks that the words describe with how well they do (0: the name begins so), the best match first."""
    words = text.lower().split()
    found = []
    for block in blocks:
        name = block.name.lower()
        if all(word in f"{name} {block.sentence.lower()}" for word in words):
            rank = 0 if name.startswith(text.strip().lower()) else 1 if all(w in name for w in words) else 2
            found.append((rank, block))
    return sorted(found, key=lambda entry: (entry[0], entry[1].name))


def _group_order(cls: type[Layer]) -> int:
    return GROUPS.index(cls.group) if cls.group in GROUPS else len(GROUPS)


def _rank(cls: type[Layer], words: str) -> int | None:
    label, parts = cls.label.lower(), cls.label.lower().split()
    initials = "".join(part[0] for part in parts)
    if not words:
        return 0
    if label.startswith(words):
        return 0
    if any(part.startswith(words) for part in parts) or (len(words) > 1 and initials.startswith(words)):
        return 1
    if words in label or words in cls.type_name:
        return 2
    if words in cls.group.lower():
        return 3
    if len(words) < 4:
        return None
    return 4 if all(word in (cls.__doc__ or "").lower() for word in words.split()) else None


def parted(text: str) -> tuple[str, tuple[str, ...]]:
    """The words that name a layer, and what follows from the first number on with the word before it if it has one.

    >>> parted("max pool 3 stride 2")
    ('max pool', ('3', 'stride', '2'))
    """
    tokens = text.lower().replace(",", " ").split()
    for number, token in enumerate(tokens[1:], start=1):
        if _is_value(token) or token == SAME or _NAMED.match(token):
            before = tokens[number - 1]
            if number >= 2 and (_is_value(token)) and _names_a_setting(before):
                return " ".join(tokens[: number - 1]), tuple(tokens[number - 1 :])
            return " ".join(tokens[:number]), tuple(tokens[number:])
    return text.strip(), ()


def _is_value(token: str) -> bool:
    return bool(_NUMBER.match(token) or _SIZES.match(token)) or token in _SWITCHES


def _names_a_setting(word: str) -> bool:
    return len(word) > 2 and any(name.startswith(word) for name in ("padding", "stride", "size", "dilation", "groups",
                                                                    "bias", "keep", "filters", "outputs"))  # fmt: skip


def layer_of(cls: type[Layer], tokens: Iterable[str]) -> Layer:
    """The layer with the settings that the tokens give, in the order of its declaration or by (part of) their names.

    Raises DesignError in words when there is no such setting or its value is not valid.
    """
    settings: dict[str, object] = {}
    free = list(settings_of(cls))
    rest = list(_split(tokens))
    while rest:
        token = rest.pop(0)
        if _is_value(token):
            if not free:
                raise DesignError(f"{cls.label} has no setting left for {token}.")
            declared = free.pop(0)
            settings[declared.name] = _value(declared, token, rest)
        elif token == SAME and any(entry.kind == "padding" for entry in settings_of(cls)):
            continue
        else:
            declared = _named(cls, token)
            if not rest or not _is_value(rest[0]):
                raise DesignError(f"{declared.label} of {cls.label} needs a value behind it.")
            settings[declared.name] = _value(declared, rest.pop(0), rest)
            free = [entry for entry in free if entry.name != declared.name]
    layer = make_layer(cls.type_name, settings)
    window = layer.window()
    if SAME in tokens and window is not None:
        high, wide = ((reach - 1) // 2 for reach in window.reach)
        layer = make_layer(cls.type_name, {**settings, "padding": (high, high, wide, wide)})
    return layer


def _split(tokens: Iterable[str]) -> Iterator[str]:
    """`p2` is `p` and `2`."""
    for token in tokens:
        named = None if _is_value(token) else _NAMED.match(token)
        yield from named.groups() if named else (token,)


def _named(cls: type[Layer], word: str) -> Setting:
    for declared in settings_of(cls):
        if declared.name.startswith(word) or any(
            part.startswith(word) for part in declared.label.lower().split()
        ):
            return declared
    known = ", ".join(declared.name for declared in settings_of(cls)) or "none"
    raise DesignError(f"{cls.label} has no setting “{word}”; it has {known}.")


def _value(declared: Setting, token: str, rest: list[str]) -> object:
    if token in _SWITCHES:
        return _SWITCHES[token]
    numbers = re.split("[x×]", token)
    if declared.kind == "shape":
        # An image's shape may be written with spaces: it has three numbers in any case.
        while len(numbers) < 3 and rest and _NUMBER.match(rest[0]):
            numbers.append(rest.pop(0))
    if declared.kind in ("choice", "flag"):
        return token
    values = [
        float(number) if declared.kind == "real" or "." in number else int(number) for number in numbers
    ]
    return values[0] if len(values) == 1 else tuple(values)
