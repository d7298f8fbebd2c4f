import pytest

from engine.amounts import bytes_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (640, "640 B"),
        (1000, "1.0 KiB"),
        (12_800, "12.5 KiB"),
        (5_900_000, "5.6 MiB"),
        (120 * 2**20, "120 MiB"),
        (3 * 2**30, "3.0 GiB"),
        (200 * 2**40, "200 TiB"),
        (5_000 * 2**60, "5,000 EiB"),
    ],
)
def test_that_bytes_are_told_in_fitting_units(size: int, text: str) -> None:
    assert bytes_text(size) == text
