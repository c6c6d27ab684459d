"""Generators that are laws: free to place their mass, not only to push it forward.

    L_D = E_data real(D) + sum_i w_i fake(D(x_i)),    L_G = sum_i w_i generator(D(x_i)),
    (x, w) = G(theta)

With the weights as the parameters and the points a grid, the generator is a density; beside it
stand a law that is moved as a whole, and finitely many atoms. In the density every generator's loss
is linear: this is the game in function space of Goodfellow et al., "Generative Adversarial Nets",
2014, section 4.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jaxtyping import Array, Float, PyTree

from .. import _checks as checks
from .._types import Key, Number, Players, Scalar, WeightedPoints
from ..families import AbstractMetricFamily, Free, cell_edges, checked_grid, look_for_mass
from ..losses import AbstractLoss, Loss, Relativistic, minimax
from ..measures import AbstractMeasure, Points, Sampled, dirac
from ..measures._measure import checked_measure
from ..optimal import optimal_logit
from ._gan import GAN, AbstractGAN, Batch, check_parts, confront, scores

_OUT_OF_REACH = "the generator cannot reach it"


class MeasureGAN(AbstractGAN):
    """A GAN whose generator takes weighted points to weighted points.

    **Arguments:**

    - `generator`: `generator(theta, (z, w))` is `(x, v)`: points, one after the other, and their
      weights, which sum to one if `w` does.
    - `discriminator`, `data`, `latent`, `loss`, `known`: as in `GAN`.
    """

    generator: Callable[[PyTree, WeightedPoints], WeightedPoints]
    discriminator: Callable[[PyTree, Array], Scalar]
    data: AbstractMeasure
    latent: AbstractMeasure
    loss: AbstractLoss
    known: tuple[Players, ...]

    def __init__(
        self,
        generator: Callable[[PyTree, WeightedPoints], WeightedPoints],
        discriminator: Callable[[PyTree, Array], Scalar],
        data: AbstractMeasure,
        latent: AbstractMeasure,
        loss: AbstractLoss = minimax,
        known: Sequence[Players] = (),
    ):
        check_parts(data, latent, loss)
        self.generator = checks.function("generator", generator, "theta", "points")
        self.discriminator = checks.function("discriminator", discriminator, "psi", "x")
        self.data, self.latent, self.loss = data, latent, loss
        self.known = checks.known(known)

    def batch(self, players: Players, key: Key = None) -> Batch:
        batch = confront(self.generator, self.discriminator, self.data, self.latent, players, key)
        # What the generator has made of its sample need not be independent draws.
        return dataclasses.replace(batch, drawn=(isinstance(self.data, Sampled), False))

    def score(self, batch: Batch) -> tuple[Scalar, Scalar]:
        return scores(self.loss, batch)

    def equilibria(self) -> tuple[Players, ...]:
        return self.known


class _Tilt(AbstractMetricFamily):
    """v_i = w_i e^theta_i / sum_j w_j e^theta_j, where the points are."""

    def __call__(self, theta: Float[Array, " n"], points: WeightedPoints) -> WeightedPoints:
        z, w = points
        _one_each("logits", theta, w)
        return z, jax.nn.softmax(theta + jnp.log(w))

    def masses(self, parameters: Float[Array, " n"], points: WeightedPoints) -> Float[Array, " n"]:
        return points[1]


class _Places(AbstractMetricFamily):
    """x_i = theta_i, with the weights as they are."""

    def __call__(
        self, theta: Float[Array, "n *event"], points: tuple[Array, Float[Array, " n"]]
    ) -> WeightedPoints:
        _one_each("places", theta, points[1])
        return theta, points[1]

    def masses(self, parameters: Float[Array, "n *event"], points: WeightedPoints) -> Array:
        w = points[1].reshape(-1, *(1,) * (parameters.ndim - 1))
        return jnp.broadcast_to(w, parameters.shape)


def _one_each(what: str, theta: Any, w: Array) -> None:
    if jnp.ndim(theta) == 0 or jnp.shape(theta)[0] != w.shape[0]:
        raise ValueError(
            f"the generator's parameters are the {what} of its {w.shape[0]} points, one each, but "
            f"have shape {jnp.shape(theta)}."
        )


def density(
    data: AbstractMeasure, discriminator: Callable, grid: Any, loss: AbstractLoss = minimax
) -> MeasureGAN:
    """The generator is a density on a grid; its parameters are logits, one per node, and the law is
    their softmax.

    Against a `gandyn.families.Free` discriminator on the same grid it is the game in function
    space: convex in the weights and concave in D, with p_g = p_data as its equilibrium, to which
    `gandyn.fields.natural` flows at a rate that is the same for all data (1/4 per unit of time
    with the minimax loss).

    **Arguments:**

    - `data`: such as `gandyn.families.on_grid(law.cdf, grid)`.
    - `discriminator`: any `discriminator(psi, x)`, such as those of `gandyn.families`.
    - `grid`: its nodes, increasing, shape `(n,)`.
    - `loss`: see `gandyn.losses`.

    **Warns:** if more than 1e-3 of the mass of the data lies beyond the grid.
    """
    grid = checked_grid("grid", grid)
    look_for_mass(grid, _held(data, grid), _OUT_OF_REACH)
    known = _matched(data, discriminator, grid, loss)
    return MeasureGAN(_Tilt(), discriminator, data, Points(grid), loss, known)


def _held(data: AbstractMeasure, grid: Float[Array, " n"]) -> Scalar:
    """The mass of the data on a grid, as far as that is known before a sample is drawn."""
    if checked_measure("data", data).random:
        return jnp.ones(())
    x, w = data.points()
    ends = cell_edges(grid)
    # Points that are no numbers are refused where the game compares them with the generator's.
    inside = (x >= ends[0]) & (x <= ends[-1]) if x.ndim == 1 else jnp.ones(len(x), bool)
    return jnp.sum(jnp.where(inside, w, 0))


def _matched(
    data: AbstractMeasure, discriminator: Callable, grid: Float[Array, " n"], loss: AbstractLoss
) -> tuple[Players, ...]:
    """p_g = p_data, and D at the constant that nobody can improve on: in function space, where both
    can be had, and the data leaves out no node."""
    if not (isinstance(data, Points) and isinstance(discriminator, Free)):
        return ()
    known = (data.x, data.w, discriminator.grid, grid)
    if not checks.is_concrete(known) or any(len(x) != len(grid) for x in known):
        return ()
    if not (
        np.all(np.asarray(data.w) > 0)
        and all(np.array_equal(x, grid) for x in (known[0], known[2]))
    ):
        return ()
    if not isinstance(loss, Loss | Relativistic):
        return ()
    # To a relativistic loss all constants are alike.
    undecided = jnp.zeros_like(grid)
    if isinstance(loss, Loss):
        undecided = optimal_logit(loss, undecided)
    return ((jnp.log(data.w), undecided.astype(data.w.dtype)),)


def location(
    data: AbstractMeasure,
    discriminator: Callable,
    law: AbstractMeasure | None = None,
    loss: AbstractLoss = minimax,
) -> GAN:
    """The generator is a law that is moved as a whole: x = theta + z. With a point, or a narrow
    bump, as the law, it can be at one mode at a time, and has to choose.

    **Arguments:**

    - `data`, `discriminator`, `loss`: as in `GAN`.
    - `law`: what is moved; a point at 0 if left out, `gandyn.measures.gaussian(0., 0.5)` is a bump.
    """
    moved = dirac(0.0) if law is None else checked_measure("law", law)
    return GAN(_moved, discriminator, data, moved, loss)


def _moved(theta: Float[Array, "*event"], z: Float[Array, "*event"]) -> Float[Array, "*event"]:
    if jnp.shape(theta) != z.shape:
        raise ValueError(
            f"the generator's parameter is a place, and has shape {jnp.shape(theta)}, but a point "
            f"of the `law` that it moves has shape {z.shape}."
        )
    return theta + z


class _Bump(eqx.Module):
    """The mass of N(theta, width^2) in the cell of every node, all of it on the grid; of several
    places the mean."""

    width: Float[Array, ""]
    copies: int | None = eqx.field(static=True)

    def __call__(self, theta: Float[Array, "*copies"], points: WeightedPoints) -> WeightedPoints:
        grid, _ = points
        if jnp.shape(theta) != (() if self.copies is None else (self.copies,)):
            parameter = (
                "parameter is the place of its bump, a number,"
                if self.copies is None
                else f"parameters are the places of its {self.copies} bumps, one each,"
            )
            raise ValueError(f"the generator's {parameter} but has shape {jnp.shape(theta)}.")
        if self.copies is None:
            return grid, self.in_cells(theta, grid)
        return grid, jnp.mean(jax.vmap(self.in_cells, (0, None))(theta, grid), 0)

    def in_cells(self, place: Scalar, grid: Float[Array, " n"]) -> Float[Array, " n"]:
        at = (cell_edges(grid) - place) / self.width.astype(grid.dtype)
        # Beyond the ends all mass is on the last node; differences of the smaller tail are exact.
        left = ndtr(at).at[0].set(0).at[-1].set(1)
        right = ndtr(-at).at[0].set(1).at[-1].set(0)
        return jnp.where(at[1:] < 0, jnp.diff(left), -jnp.diff(right))


def bump(
    data: AbstractMeasure,
    discriminator: Callable,
    grid: Any,
    width: Number,
    loss: AbstractLoss = minimax,
    copies: int | None = None,
) -> MeasureGAN:
    """The generator is a narrow bump on a grid; its parameter is the place of the bump, a number.
    With `copies=T` it is the mean of T bumps, q = sum_t N(theta_t, width^2) / T.

    As `location` with a normal law, but integrated against the grid: all points of the game are
    nodes, so that a `gandyn.families.Free` discriminator on them has its optimum at each of them by
    itself (`gandyn.optimal.solved`), and the bump does not feel the grid as long as it is wider
    than the cells.

    **Arguments:**

    - `data`, `discriminator`, `grid`, `loss`: as in `density`.
    - `width`: the standard deviation of the bump; at least the distance of the nodes is a good
      value.
    - `copies`: T, how many bumps; the parameters then have shape `(T,)`. T generators of one bump
      that share one discriminator, each drawn as often: Arora et al. 2017, section 5. One has to
      choose a mode, as many as there are modes need not.

    **Warns:** as `density`.
    """
    grid = checked_grid("grid", grid)
    look_for_mass(grid, _held(data, grid), _OUT_OF_REACH)
    copies = None if copies is None else checks.count("copies", copies)
    generator = _Bump(checks.positive("width", width), copies)
    return MeasureGAN(generator, discriminator, data, Points(grid), loss)


def atoms(
    data: AbstractMeasure, discriminator: Callable, weights: Any, loss: AbstractLoss = minimax
) -> MeasureGAN:
    """The generator is finitely many atoms; their places are its parameters, shape `(n, *event)`.

    **Arguments:**

    - `data`, `discriminator`, `loss`: as in `GAN`.
    - `weights`: of the atoms, shape `(n,)`, with sum one; or their number n, if they are equal.
    """
    if isinstance(weights, int):
        n = checks.count("weights", weights)
        return MeasureGAN(_Places(), discriminator, data, Points(jnp.zeros(n)), loss)
    weights = checks.probabilities("weights", weights)
    if weights.ndim != 1:
        raise ValueError(f"`weights` must be a vector, but has shape {weights.shape}.")
    return MeasureGAN(
        _Places(), discriminator, data, Points(jnp.zeros(weights.shape), weights), loss
    )
