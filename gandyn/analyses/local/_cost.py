"""What one step of a rule costs, counted and not declared.

Every evaluation of a game's losses is watched on its way through the compiler: the gradient of one
loss is one pass back through it, a second-order product - of a Hessian, or a block of the Jacobian,
with a vector - one derivative of such a pass. What the step does not need is left out, what it
repeats in loops counts as often as it really runs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Int

from ... import _checks as checks
from ..._door import begin
from ..._dynamics import AbstractDynamics
from ..._phase import State
from ..._result import Result
from ..._types import Key, Players, Scalar
from ...games import AbstractGame, Unrolled
from ...games._game import losses


class Cost(Result):
    """What one step of a rule costs.

    **Fields:**

    - `gradients`: of each player's loss, or derivatives in one direction.
    - `products`: second-order products, each with derivatives of one player's gradient.
    """

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {"gradients": ("player",), "products": ()}

    gradients: Int[np.ndarray, " player"]
    products: int

    @property
    def total(self) -> int:
        """Everything in units of the gradient of one loss. A product counts as two of them, as in
        the cheap gradient principle (Griewank and Walther 2008)."""
        return int(self.gradients.sum()) + 2 * self.products

    def __str__(self) -> str:
        """The numbers themselves, which are few."""
        each = ", ".join(map(str, self.gradients.tolist()))
        return f"gradients of each player: {each}; products: {self.products}; total: {self.total}"


def cost(dynamics: AbstractDynamics, players: Players | State, *, key: Key = None) -> Cost:
    """How many gradients and second-order products one step of a rule takes, or one evaluation of
    the velocity of a flow.

    Compiles it and runs it once, at `players`: methods that solve equations take as many
    products as they need there. Games inside of `gandyn.games.Unrolled` are counted, so that the
    gradient of an unrolled game is what it is made of. Not to be traced.

    On two players, simultaneous steps take (1, 1) gradients, extragradient (2, 2), optimistic ones
    (1, 1), k discriminator steps per generator step (1, k), consensus (1, 1) and two products.

    **Arguments:**

    - `dynamics`: a rule or a flow whose numbers are concrete.
    - `players`: the players, or a state.
    - `key`: one realization of everything random.
    """
    checks.untraced("`cost`", dynamics, players)
    dynamics, state = begin(dynamics, players, key)
    tally = _Tally()
    watched = jax.tree.map(
        lambda x: _Watched(x, tally) if _is_game(x) else x, dynamics, is_leaf=_is_game
    )
    step = jax.jit(lambda state, key: watched.residual(state, key))
    jax.block_until_ready(step(state, key))
    jax.effects_barrier()
    gradients = np.array([tally.counts["gradient", i] for i in range(len(state.players))])
    return Cost(gradients, tally.counts["product", None])


class _Tally:
    """How often what has run."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int | None]] = Counter()


def _is_game(x: Any) -> bool:
    return isinstance(x, AbstractGame) and not isinstance(x, Unrolled)


class _Watched(AbstractGame):
    """A game whose losses pass through marks: the players on their way in, the losses out."""

    game: AbstractGame
    tally: _Tally = eqx.field(static=True)

    def losses(self, players: Players, key: Key = None) -> tuple[Scalar, ...]:
        value = {"tally": self.tally, "passes": "value", "copies": 1}
        leaves, structure = jax.tree.flatten(players)
        players = structure.unflatten(_mark.bind(*leaves, n=len(leaves), of=None, **value))
        found = map(jnp.asarray, losses(self.game, players, key))
        return tuple(_mark.bind(x, n=1, of=i, **value)[0] for i, x in enumerate(found))

    def equilibria(self) -> tuple[Players, ...]:
        return self.game.equilibria()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.game, name)


# Marks are identities, of all players at once or of the loss of one (`of`). What passes is a value,
# or of a derivative: "pushed" forwards, "pulled" back, or "second" and higher. A gradient is a pass
# through one loss, pulled or pushed; a product is what is "second" among the players, where all
# that one loss contributes to it comes together. Derivatives take along where they are taken, the
# operands beyond the first `n`, so that no two of them look the same to the compiler.


def _marked(*xs: Any, n: int, tally: _Tally, passes: str, of: int | None, copies: int) -> list[Any]:
    counted = passes == "second" if of is None else passes in ("pushed", "pulled")
    if not counted:
        return list(xs[:n])

    def count(*xs: Any) -> Sequence[Any]:
        tally.counts["product" if of is None else "gradient", of] += copies
        return xs[:n]

    return list(jax.pure_callback(count, tuple(map(jax.typeof, xs[:n])), *xs))


def _derivative(xs: Sequence[Any], tangents: Sequence[Any], n: int, **params: Any) -> Any:
    out = _mark.bind(*xs, n=n, **params)
    where = xs if params["passes"] == "value" else xs[n:]
    params["passes"] = {"value": "pushed", "pushed": "pushed"}.get(params["passes"], "second")
    return out, _of_some(tangents[:n], where, **params)


def _transposed(cotangents: Sequence[Any], *xs: Any, n: int, **params: Any) -> list[Any]:
    params["passes"] = {"pushed": "pulled", "pulled": "pushed"}.get(params["passes"], "second")
    back = [*_of_some(cotangents, xs[n:], **params), *xs[n:]]
    return [c if ad.is_undefined_primal(x) else None for c, x in zip(back, xs, strict=True)]


def _of_some(xs: Sequence[Any], where: Sequence[Any], **params: Any) -> list[Any]:
    """The mark of those that are not known to be zero."""
    some = [x for x in xs if not isinstance(x, ad.Zero)]
    marked = iter(_mark.bind(*some, *where, n=len(some), **params) if some else ())
    return [x if isinstance(x, ad.Zero) else next(marked) for x in xs]


def _batched(xs: Sequence[Any], axes: Sequence[Any], *, n: int, copies: int, **params: Any) -> Any:
    size = next(x.shape[a] for x, a in zip(xs, axes, strict=True) if a is not None)
    return _mark.bind(*xs, n=n, copies=copies * size, **params), axes[:n]


_mark = Primitive("mark")
_mark.multiple_results = True
_mark.def_impl(_marked)
_mark.def_abstract_eval(lambda *xs, n, **_: list(xs[:n]))
mlir.register_lowering(_mark, mlir.lower_fun(_marked, multiple_results=True))
ad.primitive_jvps[_mark] = _derivative
ad.primitive_transposes[_mark] = _transposed
batching.primitive_batchers[_mark] = _batched
