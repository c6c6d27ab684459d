"""Linear equations in the players' parameters: dense while they are few, matrix-free when many."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import lineax as lx
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

DENSE = 64
"""From more unknowns than these no matrix is ever formed."""


def solver(like: PyTree) -> lx.AbstractLinearSolver:
    """LU for up to `DENSE` unknowns of the structure of `like`, GMRES, which only asks for products
    with vectors, for more; either to rounding in the precision of `like`."""
    if sum(x.size for x in jax.tree.leaves(like)) <= DENSE:
        return lx.LU()
    return lx.GMRES(tolerance(like), tolerance(like), restart=40)


def tolerance(like: PyTree) -> float:
    """The relative error that an equation in the precision of `like` is solved to: eps^(3/4)."""
    return float(jnp.finfo(jnp.result_type(*jax.tree.leaves(like))).eps) ** 0.75


def solve(operator: Callable[[PyTree], PyTree], vector: PyTree) -> PyTree:
    """x with A x = b, for a linear function A of trees of the structure of b. Where A is singular
    the answer is inf or nan, or as near as the iteration came, and so are its derivatives; nothing
    is raised."""
    b, back = ravel_pytree(vector)

    def solution(product: Callable[[Array], Array], b: Array) -> Array:
        matrix = lx.FunctionLinearOperator(product, jax.eval_shape(lambda: b))
        return lx.linear_solve(matrix, b, solver(b), throw=False).value

    # Of derivatives Lineax raises that they are singular, whatever it is told of the equation.
    x = jax.lax.custom_linear_solve(
        lambda x: ravel_pytree(operator(back(x)))[0], b, solution, solution
    )
    return back(x)
