"""How equations are solved, and how well: Newton's method, bisection, and derivatives of roots.

A root x of r(x, p) = 0 is searched by

    x <- x - (dr/dx)^-1 r,    or by halving what r changes its sign in,

of which neither is differentiated: the derivative of a root is that of its equation,

    dx/dp = -(dr/dx)^-1 dr/dp.

Linear equations are solved by LU while they are few, and matrix-free when many.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import optimistix as optx
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PyTree

DENSE = 64
"""From more unknowns than these no matrix is ever formed."""

Halves = Float[Array, "..."]


def rounding(dtype: Any) -> float:
    """The relative error of one operation: eps."""
    return float(jnp.finfo(dtype).eps)


def at_least_single(dtype: Any) -> Any:
    """A precision, or single precision where it is less: the least that LAPACK has, and that sums
    of many numbers, or numbers that are drawn to be compared with such, can do with."""
    return np.promote_types(dtype, np.float32)


def solved(dtype: Any) -> float:
    """The relative error that equations are solved to, iterations end at, and below which nothing
    that depends on a root can be told from 0: eps^(3/4)."""
    return rounding(dtype) ** 0.75


def half_the_digits(dtype: Any) -> float:
    """The relative error of what is known through its square: double roots, defective eigenvalues,
    minima: eps^(1/2)."""
    return rounding(dtype) ** 0.5


def integrated(dtype: Any) -> float:
    """The relative error that integrators of the default tolerances leave over a turn: eps^0.4."""
    return rounding(dtype) ** 0.4


def iterated(
    step: Callable[[Any, Int[Array, ""]], tuple[Any, Bool[Array, ""]]], start: Any, most: Any
) -> tuple[Any, Int[Array, ""]]:
    """x <- step(x, i) with i = 0, 1, ..., until a step says that it was the last one, or `most`
    times; and how many steps that were."""

    def unfinished(carried: tuple) -> Array:
        _, done, i = carried
        return ~done & (i < most)

    def once(carried: tuple) -> tuple:
        x, _, i = carried
        return *step(x, i), i + 1

    x, _, i = jax.lax.while_loop(unfinished, once, (start, jnp.asarray(False), jnp.asarray(0)))
    return x, i


def newton(
    step: Callable[[Any, Int[Array, ""]], tuple[Any, Float[Array, ""]]], start: Any, most: Any
) -> tuple[Any, Int[Array, ""]]:
    """Steps of Newton's method, each of which says by how much it changes x, relatively, until x is
    solved for, or they lead to nan, or `most` of them; and how many they were."""

    def once(x: Any, i: Array) -> tuple[Any, Array]:
        x, change = step(x, i)
        return x, ~(change > solved(change.dtype))

    return iterated(once, start, most)


def bisection(
    beyond: Callable[[Halves], Bool[Array, "..."]], low: Halves, high: Halves, halvings: int = 64
) -> tuple[Halves, Halves]:
    """The ends of [low, high], halved so many times, by default until rounding, between which
    `beyond` becomes true. They have no derivatives: `refined` gives them those of the equation."""

    def halve(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        above = beyond(middle)
        return jnp.where(above, low, middle), jnp.where(above, middle, high)

    return jax.lax.stop_gradient(jax.lax.fori_loop(0, halvings, halve, (low, high)))


def refined(x: Halves, miss: Halves, slope: Halves, regular: Bool[Array, "..."]) -> Halves:
    """x - r / r' where that is regular, and x elsewhere, for a root x without a derivative, what r
    misses 0 by there, and its slope: one step of Newton's method, which has the derivative."""
    slope = jax.lax.stop_gradient(slope)
    return x - jnp.where(regular, miss / jnp.where(regular, slope, 1), 0)


def root(residual: Callable[[PyTree], PyTree], guess: PyTree) -> PyTree:
    """A root near the guess, solved for, with the derivatives of the equation; nan where none was
    found."""

    def search(guess: PyTree) -> tuple[PyTree, None]:
        tolerance = solved(_dtype(guess))
        method = optx.Newton(tolerance, tolerance, linear_solver=_solver(guess))
        found = optx.root_find(lambda x, args: residual(x), method, guess, throw=False)
        ended = found.result == optx.RESULTS.successful
        return jax.tree.map(lambda x: jnp.where(ended, x, jnp.nan), found.value), None

    return implicit(residual, guess, search, solve)[0]


def implicit(
    residual: Callable[[PyTree], PyTree],
    guess: PyTree,
    search: Callable[[PyTree], tuple[PyTree, PyTree]],
    solve: Callable[[Callable[[PyTree], PyTree], PyTree], PyTree],
) -> tuple[PyTree, PyTree]:
    """The root of a residual that `search` finds from a guess, with the derivatives of the equation
    by `solve`, a solver of linear equations; and what else it found, inexact numbers, as they are.
    """
    # JAX hashes these functions, which methods of what holds traced numbers do not allow.
    return jax.lax.custom_root(
        lambda x: residual(x),
        guess,
        lambda _, x: search(x),
        lambda linear, y: solve(linear, y),
        has_aux=True,
    )


def solve(operator: Callable[[PyTree], PyTree], vector: PyTree) -> PyTree:
    """x with A x = b, for a linear function A of trees of the structure of b. Where A is singular
    the answer is inf or nan, or as near as the iteration came, and so are its derivatives; nothing
    is raised."""
    b, back = ravel_pytree(vector)

    def solution(product: Callable[[Array], Array], b: Array) -> Array:
        matrix = lx.FunctionLinearOperator(product, jax.eval_shape(lambda: b))
        return lx.linear_solve(matrix, b, _solver(b), throw=False).value

    # Of derivatives Lineax raises that they are singular, whatever it is told of the equation.
    x = jax.lax.custom_linear_solve(
        lambda x: ravel_pytree(operator(back(x)))[0], b, solution, solution
    )
    return back(x)


def _solver(like: PyTree) -> lx.AbstractLinearSolver:
    """LU for up to `DENSE` unknowns of the structure of `like`, GMRES, which only asks for products
    with vectors, for more."""
    if sum(x.size for x in jax.tree.leaves(like)) <= DENSE:
        return lx.LU()
    tolerance = solved(_dtype(like))
    return lx.GMRES(tolerance, tolerance, restart=40)


def _dtype(like: PyTree) -> Any:
    return jnp.result_type(*jax.tree.leaves(like))
