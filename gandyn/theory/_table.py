"""The table of methods, in Markdown."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ._method import Method

_HEAD = (
    "method",
    "one step on v = J z",
    "stable up to",
    "best step",
    "factor",
    "cost",
    "source",
)

# Of hyper-parameters that have no default values.
_EXAMPLES: Mapping[str, Any] = {
    "strength": 1.0, "unroll": 5, "inner_step": 0.1, "every": 6, "fraction": 0.5
}  # fmt: skip


def tabulated(methods: Iterable[Method]) -> str:
    rows = [_HEAD, ("---",) * len(_HEAD), *map(_row, methods)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(method: Method) -> tuple[str, ...]:
    given = {
        name: _EXAMPLES[name]
        for name, default in method.hyper.items()
        if default is inspect.Parameter.empty
    }
    shown = ", ".join(f"{name}={value}" for name, value in given.items())
    limit, best = method.limit(1.0, **given), method.best(1.0, **given)
    fastest = best if best is not None and best.step > 0 else None
    cost = method.cost((1, 1), **given)
    return (
        f"`{method.name}`" + (f", {shown}" if shown else ""),
        f"`{method.formula}`",
        ("none" if limit == 0 else _number(limit)) + (", turning" if method.turns(**given) else ""),
        "" if fastest is None else _number(fastest.step),
        "" if fastest is None else _number(fastest.radius),
        "" if cost is None else f"{sum(cost.gradients)} + {cost.products}",
        method.paper,
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return "any" if np.isinf(value) else f"{value:.4g}"
