"""bfloat16 in array modules that lack it: the upper half of a float32, kept as the uint16 of its bits."""

from typing import Any

Array = Any
NAME = "bfloat16"


def storage_type(dtype: str) -> str:
    """The dtype of arrays that hold numbers of `dtype`: itself, but uint16 for bfloat16."""
    return "uint16" if dtype == NAME else dtype


def rounded_to_bfloat(xp: Any, x: Array) -> Array:
    """Bits of the bfloat16 nearest to each float32 (ties to even); NaN stays NaN."""
    x = xp.ascontiguousarray(x, dtype="float32")
    bits = x.view("uint32")
    nearest = ((bits + xp.uint32(0x7FFF) + ((bits >> xp.uint32(16)) & xp.uint32(1))) >> xp.uint32(16)).astype(
        "uint16"
    )
    quiet = ((bits >> xp.uint32(16)) | xp.uint32(0x40)).astype("uint16")
    return xp.where(xp.isnan(x), quiet, nearest)


def widened_from_bfloat(xp: Any, bits: Array) -> Array:
    """float32 of bfloat16 bits; exact."""
    return (xp.ascontiguousarray(bits).astype("uint32") << xp.uint32(16)).view("float32")
