"""Amounts in the unit that keeps them readable."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def bytes_text(size: int) -> str:
    """`640 B`, `12.5 KiB`, `120 MiB`: at most three digits, as long as there is a larger unit."""
    amount, unit = float(size), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:,.0f} {_UNITS[unit]}" if amount >= 100 or unit == 0 else f"{amount:.1f} {_UNITS[unit]}"
