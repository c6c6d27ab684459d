"""Families of dynamics: one dynamics for each value of its hyper-parameters."""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from . import _checks as checks
from ._dynamics import AbstractDynamics
from ._phase import in_precision


class Family(eqx.Module):
    """A family of dynamics, called with its numbers by name: `fam(step_size=0.1)` is the dynamics
    with this step size. What is made of numbers is one program, whatever the numbers.

    **Fields:**

    - `function`: makes the dynamics of numbers, given by name.
    - `fixed`: the numbers that are given already, by name.
    """

    function: Callable[..., AbstractDynamics]
    fixed: dict[str, Float[Array, "..."]]

    def __call__(self, **numbers: Any) -> AbstractDynamics:
        """The dynamics with these `numbers`, given by name."""
        given = {**self.fixed, **self._named(numbers)}
        required = (p for p in _parameters(self.function) if p.default is p.empty)
        needed = [p.name for p in required if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if missing := [name for name in needed if name not in given]:
            raise TypeError(
                f"the family also needs {_listed(missing)}: give it in the call, or once and for "
                f"all with `.at({missing[0]}=...)`."
            )
        made = self.function(**given)
        if not isinstance(made, AbstractDynamics):
            raise TypeError(
                "the function of a family must return a rule or a flow, but returned "
                f"{checks.shown(made)}."
            )
        return made

    def at(self, **numbers: Any) -> "Family":
        """The family in which these `numbers`, given by name, are fixed."""
        return Family(self.function, {**self.fixed, **self._named(numbers)})

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of its numbers, fixed ones included; `None` if it takes any."""
        parameters = _parameters(self.function)
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return None
        return tuple(p.name for p in parameters if p.kind is not p.VAR_POSITIONAL)

    def _named(self, numbers: dict[str, Any]) -> dict[str, Array]:
        names = self.names
        for name in numbers:
            if names is not None and name not in names:
                known = _listed(names) or "none at all"
                raise TypeError(f"the family has no number `{name}`, but {known}.")
        return {name: checks.array(name, value) for name, value in numbers.items()}


class Line(eqx.Module):
    """The dynamics of a family along one of its numbers: a function of it, as precise as that."""

    family: Family
    name: str = eqx.field(static=True)

    def __call__(self, value: Any) -> AbstractDynamics:
        return in_precision(self.family(**{self.name: value}), jnp.result_type(value))


def family(function: Callable[..., AbstractDynamics]) -> Family:
    """The family of dynamics that a function makes of numbers.

        fam = gandyn.family(lambda step_size, gamma: simultaneous(penalized(gamma), step_size))
        fam(step_size=0.1, gamma=1.0)                       # a dynamics
        critical(fam.at(gamma=1.0), players, bounds={"step_size": (0.1, 5)})

    Make it once and keep it: to JAX, another function is another program. Another number, given in
    a call or fixed by `at`, is the same one.

    **Arguments:**

    - `function`: `function(**numbers) -> dynamics`, a rule or a flow. Numbers are arrays when it is
      called; what is counted (`repeats`, say) or chosen belongs in the function.

    **Raises:** `TypeError` if it is no function of named numbers.
    """
    if isinstance(function, Family):
        return function
    if isinstance(function, AbstractDynamics) or not callable(function):
        raise TypeError(
            "`function` must be a function that makes a dynamics of numbers, such as `lambda "
            f"step_size: gandyn.methods.simultaneous(game, step_size)`, but is "
            f"{checks.shown(function)}."
        )
    try:
        parameters = _parameters(function)
    except (TypeError, ValueError):
        raise TypeError(
            f"`function` is {checks.shown(function)}, which does not say how it is called: wrap it "
            "in a function with named arguments."
        ) from None
    if any(p.kind is p.POSITIONAL_ONLY and p.default is p.empty for p in parameters):
        raise TypeError("`function` must take its numbers by name, but takes some by place only.")
    return Family(function, {})


def checked_family(family: Any) -> Family:
    """`family`, held to be one."""
    return checks.instance(
        "family",
        family,
        Family,
        "a family of dynamics",
        "make one, and keep it, as `fam = gandyn.family(lambda step_size: "
        "gandyn.methods.simultaneous(game, step_size))`",
    )


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)
