"""The fitted preparation of a run: a part of its own, since it belongs to the data and not to the design."""

from collections.abc import Mapping

import numpy as np

from engine.project_file.refusal import RefusedError
from engine.project_file.tensors import Tensors, decode_tensors

MEMBER = "preparation.safetensors"
_NAMES = {"scale", "offset"}


def decode_preparation(data: bytes) -> Tensors:
    """The arrays in a blob, not yet checked."""
    return decode_tensors(data)[0]


def check_preparation(preparation: Mapping[str, np.ndarray]) -> None:
    """RefusedError unless it is empty, or what `PreparedData.preparation` may be."""
    if not preparation:
        return
    if set(preparation) != _NAMES:
        raise RefusedError("its preparation must consist of scale and offset")
    for name, values in preparation.items():
        if values.ndim != 3 or values.dtype != np.float64 or not values.size:
            raise RefusedError(f"the {name} of its preparation must be float64 with three axes")
        if not np.isfinite(values).all():
            raise RefusedError(f"the {name} of its preparation holds values that are not finite")
