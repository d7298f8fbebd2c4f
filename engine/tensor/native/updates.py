"""The learning rules over a run of an arena: one pass over memory for all of a rule's arithmetic."""

from engine.tensor.adam_numbers import AdamNumbers
from engine.tensor.native.code import Code, Value
from engine.tensor.native.library import function
from engine.tensor.ops import Array

_LANES = 16


def adam(w: Array, g: Array, m: Array, v: Array, numbers: AdamNumbers) -> None:
    """w ← kept·w − rate·m/(√v + ε'), with m and v updated by g + decay·w."""
    decays, whole = numbers.decay != 0, len(w) // _LANES * _LANES
    for lanes, part in ((_LANES, slice(0, whole)), (1, slice(whole, len(w)))):
        run = function(adam_code, lanes, decays)
        run(w[part], m[part], v[part], g[part], part.stop - part.start, numbers.beta1, 1 - numbers.beta1, numbers.beta2,
            1 - numbers.beta2, numbers.decay, numbers.kept, numbers.epsilon, numbers.rate)  # fmt: skip
        if whole == len(w):
            return


def adam_code(module: Value, name: str, lanes: int, decays: bool) -> Code:
    """The loop of an Adam update, written for any number of lanes; `decays`: the decay is part of the gradient."""
    scalars = ("beta1", "rest1", "beta2", "rest2", "decay", "kept", "epsilon", "rate")
    code = Code(module, name, ("w", "m", "v", "g"), indices=("count",), numbers=scalars, lanes=lanes)
    given, build = code.arguments, code.builder
    spread = {scalar: code.spread(given[scalar]) for scalar in scalars}
    with code.loop(given["count"], lanes) as place:
        w, g, m, v = (code.load(code.at(given[array], place)) for array in ("w", "g", "m", "v"))
        if decays:
            g = code.multiply_add(w, spread["decay"], g)
        m = code.multiply_add(m, spread["beta1"], build.fmul(g, spread["rest1"]))
        v = code.multiply_add(v, spread["beta2"], build.fmul(build.fmul(g, g), spread["rest2"]))
        step = build.fdiv(build.fmul(m, spread["rate"]), build.fadd(code.root(v), spread["epsilon"]))
        w = build.fsub(build.fmul(w, spread["kept"]), step)
        for array, value in (("m", m), ("v", v), ("w", w)):
            code.store(value, code.at(given[array], place))
    return code
