"""Methods without memory that ask for products with the Jacobian, too, or solve equations in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _edges as edges
from ._linear import Linear
from ._method import Cost, Method

# Up to so many unknowns equations are solved by LU, a column of the matrix each; beyond, with as
# many products as they take.
_DENSE = 64


def _products(each: int) -> Any:
    """One gradient of everybody, and so many products with it."""

    def cost(sizes: tuple[int, ...], **hyper: Any) -> Cost:
        return Cost((1,) * len(sizes), each * len(sizes))

    return cost


def _unknown(sizes: tuple[int, ...], **hyper: Any) -> None:
    return None


def _at_once(m: float, M: float, **hyper: Any) -> tuple[float, float]:
    """A step without end leads to where nobody wants to leave."""
    return np.inf, 0.0


def _proximal_point(of: Linear) -> np.ndarray:
    return np.linalg.inv(of.eye - of.H @ of.J)


def _competitive(of: Linear) -> np.ndarray:
    return of.eye + of.H @ np.linalg.solve(of.eye - of.J_o @ of.H, of.J)


def _competitive_cost(sizes: tuple[int, ...]) -> Cost | None:
    n, unknowns = len(sizes), sum(sizes)
    return Cost((1,) * n, n * unknowns) if unknowns <= _DENSE else None


def _consensus(of: Linear, strength: float) -> np.ndarray:
    return of.eye + of.H @ (of.J - strength * of.J.T @ of.J)


def _symplectic(of: Linear, strength: float = 1.0) -> np.ndarray:
    return of.eye + of.H @ (of.J - strength / 2 * (of.J.T - of.J) @ of.J)


def _linearized_competitive(of: Linear) -> np.ndarray:
    return of.eye + of.H @ (of.J + of.J_o @ of.H @ of.J)


def _drift_cancelled(of: Linear) -> np.ndarray:
    return of.eye + of.H @ (of.J + of.J_o @ of.H @ of.J / 2)


def _foreseen(of: Linear, shaping: Any) -> np.ndarray:
    return of.H if shaping is None else of.diagonal(shaping)


def _lola(of: Linear, shaping: Any = None) -> np.ndarray:
    steps = _foreseen(of, shaping)
    # chi_i = sum_j (J_ij d_j J_ji)^T z_i: how the others' steps depend on me, and what I care.
    shaped = np.where(of.is_own, (of.J_o @ steps @ of.J_o).T, 0)
    return of.eye + of.H @ (of.J + of.J_o @ steps @ of.J + shaped)


def _sos(of: Linear, shaping: Any = None) -> np.ndarray:
    """At rest, where shaping has faded out."""
    return of.eye + of.H @ (of.J + of.J_o @ _foreseen(of, shaping) @ of.J)


def _shaped(repeats: int) -> tuple[Any, Any]:
    """Limit and best step of players who bend the field inwards so many times."""

    def limit(m: float, M: float, shaping: Any = None) -> float | None:
        if shaping is None:
            return edges.bent(repeats, m, M)
        return edges.damped(repeats * np.asarray(shaping), m, M)

    def best(m: float, M: float, shaping: Any = None) -> Any:
        if shaping is None:
            return edges.best_bent(repeats, m, M)
        return edges.best_damped(repeats * np.asarray(shaping), m, M)

    return limit, best


def _lola_cost(sizes: tuple[int, ...], shaping: Any = None) -> Cost:
    """Of everybody LookAhead's term, and of each of the others the shaping term."""
    n = len(sizes)
    return Cost((1,) * n, n * n)


def _follow_the_ridge(of: Linear, leader: int = 0) -> np.ndarray:
    lead, follow = of.blocks(leader)
    v = of.H @ of.J
    moved = v.copy()
    moved[follow] -= np.linalg.solve(of.J[follow, follow], of.J[follow, lead] @ v[lead])
    return of.eye + moved


def _stackelberg(of: Linear, leader: int = 0) -> np.ndarray:
    lead, follow = of.blocks(leader)
    total = of.J.copy()
    through = of.J[lead, follow] @ np.linalg.solve(of.J[follow, follow], of.J[follow, lead])
    total[lead, lead] -= through.T
    return of.eye + of.H @ total


def _leaders_cost(sizes: tuple[int, ...], leader: int = 0) -> Cost | None:
    """The follower's equation, and one product beside it."""
    unknowns = sizes[1 - leader]
    return Cost((1, 1), 1 + unknowns) if unknowns <= _DENSE else None


def _unrolled(
    of: Linear,
    unroll: int,
    inner_step: Any,
    players: Sequence[int] = (0,),
    backpropagate: bool = True,
) -> np.ndarray:
    v = of.J.copy()
    for i in players:
        me = of.only(i)
        # Where the others are after their steps, I staying: z -> ahead z.
        step = of.eye + (of.eye - me) @ of.diagonal(inner_step) @ of.J
        ahead = np.linalg.matrix_power(step, unroll)
        v += me @ (of.J @ ahead - of.J)
        if backpropagate:  # the others' pull on my loss, which is J_ij^T z_i, as I move them
            v += me @ ahead.T @ (of.eye - me) @ of.J.T @ me
    return of.eye + of.H @ v


def _bend(unroll: int, inner_step: Any, backpropagate: bool) -> Any:
    """What a foreseen response adds to the players' field, in units of l^2."""
    return unroll * np.asarray(inner_step) * (2 if backpropagate else 1)


def _unrolled_limit(
    m: float,
    M: float,
    unroll: int,
    inner_step: Any,
    players: Sequence[int] = (0,),
    backpropagate: bool = True,
) -> float | None:
    c = _bend(unroll, inner_step, backpropagate)
    if np.ndim(c):
        return None
    if len(players) == 2:
        return edges.damped(c, m, M)
    # 1 + h r with r^2 + c s^2 r + s^2 = 0: a pair of r, and from c s = 2 on two that are real.
    return float(c if c * M < 2 else 4 / (c * M**2 + M * np.sqrt((c * M) ** 2 - 4)))


def _unrolled_best(
    m: float,
    M: float,
    unroll: int,
    inner_step: Any,
    players: Sequence[int] = (0,),
    backpropagate: bool = True,
) -> tuple[float, float] | None:
    c = _bend(unroll, inner_step, backpropagate)
    if np.ndim(c):
        return None
    if len(players) == 2:
        return edges.best_damped(c, m, M)
    if c * M <= 2:
        return float(c / 2), np.sqrt(1 - (c * m / 2) ** 2)
    return (float(2 / (c * M**2)), np.sqrt(1 - (2 / (c * M)) ** 2)) if m == M else None


def _unrolled_cost(
    sizes: tuple[int, ...],
    unroll: int,
    inner_step: Any,
    players: Sequence[int] = (0,),
    backpropagate: bool = True,
) -> Cost:
    n = len(sizes)
    gradients = [1 + unroll * sum(j != i for i in players) for j in range(n)]
    return Cost(tuple(gradients), unroll * (n - 1) * len(players) if backpropagate else 0)


_SCHAEFER = "Schaefer, Anandkumar 2019"

SECOND_ORDER = (
    Method(
        name="proximal_point",
        formula="(1 - h J)^-1",
        paper="Martinet 1970; Rockafellar 1976",
        of_field=_proximal_point,
        of_sizes=_unknown,  # as much as Newton's method takes
        of_edges=edges.everywhere,
        at_best=_at_once,
    ),
    Method(
        name="competitive",
        formula="1 + h (1 - J_o h)^-1 J",
        paper=_SCHAEFER,
        of_field=_competitive,
        of_sizes=_competitive_cost,
        of_edges=edges.everywhere,
        at_best=_at_once,
    ),
    Method(
        name="linearized_competitive",
        formula="1 + h (1 + J_o h) J",
        paper=f"Zhang, Lesser 2010; {_SCHAEFER}",
        of_field=_linearized_competitive,
        of_sizes=_products(1),
        of_edges=lambda m, M: edges.bent(1, m, M),
        at_best=lambda m, M: edges.best_bent(1, m, M),
    ),
    Method(
        name="drift_cancelled",
        formula="1 + h (1 + J_o h/2) J",
        paper="Rosca, Wu, Dherin, Barrett 2021",
        of_field=_drift_cancelled,
        of_sizes=_products(1),
        of_edges=edges.nowhere,
    ),
    Method(
        name="consensus",
        formula="1 + h (1 - c J^T) J",
        paper="Mescheder, Nowozin, Geiger 2017",
        of_field=_consensus,
        of_sizes=_products(1),
        of_edges=lambda m, M, strength: edges.damped(strength, m, M),
        at_best=lambda m, M, strength: edges.best_damped(strength, m, M),
    ),
    Method(
        name="symplectic",
        formula="1 + h (1 - c (J^T - J)/2) J",
        paper="Balduzzi et al. 2018",
        of_field=_symplectic,
        of_sizes=_products(2),
        of_edges=lambda m, M, strength=1.0: edges.damped(strength, m, M),
        at_best=lambda m, M, strength=1.0: edges.best_damped(strength, m, M),
    ),
    Method(
        name="lola",
        formula="1 + h ((1 + J_o g) J + own blocks of (J_o g J_o)^T)",
        paper="Foerster et al. 2018",
        of_field=_lola,
        of_sizes=_lola_cost,
        of_edges=_shaped(2)[0],
        at_best=_shaped(2)[1],
    ),
    Method(
        name="sos",
        formula="1 + h (1 + J_o g) J",
        paper="Letcher et al. 2019",
        of_field=_sos,
        of_sizes=_lola_cost,
        of_edges=_shaped(1)[0],
        at_best=_shaped(1)[1],
    ),
    # On a bilinear game a follower has no best response, and these two are not defined.
    Method(
        name="follow_the_ridge",
        formula="1 + (1 - J_ff^-1 J_fl) h J",
        paper="Wang, Zhang, Ba 2020",
        of_field=_follow_the_ridge,
        of_sizes=_leaders_cost,
    ),
    Method(
        name="stackelberg",
        formula="1 + h (J - (J_lf J_ff^-1 J_fl)^T)",
        paper="Fiez, Chasnov, Ratliff 2020",
        of_field=_stackelberg,
        of_sizes=_leaders_cost,
    ),
    Method(
        name="unrolled",
        formula="1 + h v, v_i the slope of player i where k steps of the others lead",
        paper="Metz, Poole, Pfau, Sohl-Dickstein 2017",
        of_field=_unrolled,
        of_sizes=_unrolled_cost,
        of_edges=_unrolled_limit,
        at_best=_unrolled_best,
    ),
)
