"""Nonlinear equations in the players' parameters, solved by Newton's method."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import PyTree

from . import _linear as linear


def root(residual: Callable[[PyTree], PyTree], guess: PyTree) -> PyTree:
    """A root near the guess, to rounding, with the derivatives of the equation; nan where none was
    found."""

    def newton(residual: Callable[[PyTree], PyTree], guess: PyTree) -> PyTree:
        tolerance = linear.tolerance(guess)
        method = optx.Newton(tolerance, tolerance, linear_solver=linear.solver(guess))
        found = optx.root_find(lambda x, args: residual(x), method, guess, throw=False)
        solved = found.result == optx.RESULTS.successful
        return jax.tree.map(lambda x: jnp.where(solved, x, jnp.nan), found.value)

    return jax.lax.custom_root(residual, guess, newton, linear.solve)
