"""What is known of a method, in one record."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ._linear import Linear, singular


class Best(NamedTuple):
    """The best step on a bilinear game.

    **Fields:**

    - `step`: h, of all players.
    - `radius`: the spectral radius there, the factor per step.
    """

    step: float
    radius: float


class Cost(NamedTuple):
    """What a step costs, in the units of `gandyn.cost`.

    **Fields:**

    - `gradients`: of each player's loss.
    - `products`: of second order, of which each costs two gradients.
    """

    gradients: tuple[int, ...]
    products: int = 0

    @property
    def total(self) -> int:
        """In gradients."""
        return sum(self.gradients) + 2 * self.products


Known = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Method:
    """A method of `gandyn.methods`, `name(game, step_size, **hyper)`, in closed form.

    **Fields:**

    - `name`: of the function in `gandyn.methods`.
    - `formula`: the map, as text; h are the steps, J_o the Jacobian without the players' own
      blocks, m what is remembered.
    - `paper`: who published it.
    - `of_field`: the map, a function of a `Linear` and of hyper-parameters by name.
    - `of_sizes`: the cost, a function of the players' sizes and of hyper-parameters by name.
    - `of_edges`, `at_best`: the limit and the best step on a bilinear game, functions of the
      smallest and the largest singular value and of hyper-parameters by name; `None` where no
      closed form is known.
    - `turns`: whether below its limit players turn for ever on a bilinear game, and neither flee
      nor converge.
    """

    name: str
    formula: str
    paper: str
    of_field: Known
    of_sizes: Known
    of_edges: Known | None = None
    at_best: Known | None = None
    turns: Known = lambda **hyper: False

    @property
    def hyper(self) -> Mapping[str, Any]:
        """The hyper-parameters that matter on a linear field, with their default values;
        `inspect.Parameter.empty` for those that have to be given."""
        _, *parameters = inspect.signature(self.of_field).parameters.values()
        return {
            p.name: p.default for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD
        }

    def map(
        self, J: Any, step: Any, sizes: Sequence[int] | None = None, **hyper: Any
    ) -> np.ndarray:
        """The map on the field v(z) = J z: on z, or on (z, memory) for methods that remember.

        **Arguments:**

        - `J`: the Jacobian, shape `(n, n)`, in which every player's own block is symmetric.
        - `step`: h, one number for everybody or one per player.
        - `sizes`: how many coordinates each player has; by default n players with one each.
        - `hyper`: hyper-parameters, as those of the method.
        """
        return self.of_field(Linear(J, step, sizes), **hyper)

    def radius(self, J: Any, step: Any, sizes: Sequence[int] | None = None, **hyper: Any) -> float:
        """The spectral radius of the map, of `J`, `step`, `sizes` and `hyper` as in `map`: the
        factor per step, late in training."""
        return float(np.abs(np.linalg.eigvals(self.map(J, step, sizes, **hyper))).max())

    def limit(self, singular_values: Any, **hyper: Any) -> float | None:
        """The step below which players converge, or turn for ever (`turns`), on a bilinear game of
        these `singular_values`, for hyper-parameters `hyper`: 0 if they flee however short it is,
        infinite if they never do; `None` where no closed form is known."""
        return None if self.of_edges is None else self.of_edges(*_ends(singular_values), **hyper)

    def best(self, singular_values: Any, **hyper: Any) -> Best | None:
        """The step that converges fastest on a bilinear game of these `singular_values`, for
        hyper-parameters `hyper`; `None` where no closed form is known. A method that does not
        converge stands still at best."""
        if self.limit(singular_values, **hyper) == 0 or self.turns(**hyper):
            return Best(0.0, 1.0)
        if self.at_best is None:
            return None
        found = self.at_best(*_ends(singular_values), **hyper)
        return None if found is None else Best(*map(float, found))

    def cost(self, sizes: Sequence[int] = (1, 1), **hyper: Any) -> Cost | None:
        """What a step costs players of these `sizes`, for hyper-parameters `hyper`; `None` where
        that depends on where they are."""
        return self.of_sizes(tuple(sizes), **hyper)


def _ends(singular_values: Any) -> tuple[float, float]:
    """The smallest and the largest singular value; nothing moves along those that vanish."""
    s = singular("singular_values", singular_values)
    if not np.any(s > 0) or np.any(s < 0):
        raise ValueError(
            f"`singular_values` must not be negative, and one must be positive, but is {s}."
        )
    return float(s[s > 0].min()), float(s.max())
