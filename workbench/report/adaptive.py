"""One SVG for light and dark: drawn once in each theme, the colours in which they differ become variables."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_COLOR = re.compile(r'#[0-9a-fA-F]{6}\b|(?<=-opacity=")[0-9.e-]+')
"""A colour, or how opaque it is."""
_PROLOGUE = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_SIZE = re.compile(r'(<svg\b[^>]*?)\s+width="[^"]*"\s+height="[^"]*"')
_TITLE = re.compile(r"<title>.*?</title>\s*|<desc>.*?</desc>\s*", re.DOTALL)


@dataclass(frozen=True)
class AdaptivePicture:
    """SVG to be put into a page, and the (light, dark) colours that it needs as variables."""

    svg: str
    colors: frozenset[tuple[str, str]] = frozenset()


def adaptive(light: str, dark: str, description: str) -> AdaptivePicture:
    """Join the same picture drawn in two themes; `description` is read out to those who do not see it.

    Where more than colours differs (pixels of an image), both are kept and the page shows one of them.
    """
    light, dark = (_inlined(svg, description) for svg in (light, dark))
    if _COLOR.sub("", light) != _COLOR.sub("", dark):
        both = f'<div class="on-light">{light}</div><div class="on-dark">{dark}</div>'
        return AdaptivePicture(both)
    pairs = list(zip(_COLOR.findall(light), _COLOR.findall(dark), strict=True))
    rest = iter(pairs)

    def variable(_: re.Match[str]) -> str:
        first, second = next(rest)
        return first if first == second else f"var({variable_name(first, second)})"

    return AdaptivePicture(
        _COLOR.sub(variable, light), frozenset(pair for pair in pairs if pair[0] != pair[1])
    )


def variable_name(light: str, dark: str) -> str:
    """The name of the variable of two colours."""
    return "--c" + re.sub(r"[^0-9a-z-]", "", f"{light}-{dark}".lower())


def declarations(colors: Iterable[tuple[str, str]], dark: bool) -> str:
    """The variables with their colours in one of the themes."""
    return "".join(f"{variable_name(*pair)}:{pair[dark]};" for pair in sorted(colors))


def _inlined(svg: str, description: str) -> str:
    """The element alone, as wide as its place, with one description in the place of Qt's."""
    svg = _TITLE.sub("", _PROLOGUE.sub("", svg)).strip()
    svg = _SIZE.sub(r"\1", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{description}"', 1)
