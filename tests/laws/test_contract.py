"""The contracts: what every measure, game, field, rule and flow must do, whichever it is."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import numpy as np
import pytest
from cases import (
    DYNAMICS,
    FIELDS,
    FLOWS,
    GAMES,
    LEADERS,
    MEASURES,
    RULES,
    damped,
    normal_players,
)

import gandyn as gd
from gandyn._phase import coordinates
from gandyn.fields import Gradient
from gandyn.games._game import losses

KEY = jr.key(7)


def close(a: Any, b: Any, rtol: float = 1e-12, atol: float = 1e-13) -> None:
    """Two trees are the same up to rounding, of the same structure, shapes and dtypes."""
    same_kind(a, b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=atol)


def cast(tree: Any, dtype: Any) -> Any:
    return jax.tree.map(lambda x: jnp.asarray(x, dtype), tree)


def shapes(tree: Any) -> list[tuple[Any, Any]]:
    return [(x.shape, x.dtype) for x in jax.tree.leaves(tree)]


def same_kind(a: Any, b: Any) -> None:
    assert jtu.tree_structure(a) == jtu.tree_structure(b)
    assert shapes(a) == shapes(b)


def stacked(trees: list[Any]) -> Any:
    return jax.tree.map(lambda *xs: jnp.stack(xs), *trees)


def key_for(game: str) -> Any:
    return KEY if "sampled" in game else None


def schedule(name: str) -> np.ndarray:
    """Two equal stretches of time: in steps for a rule, in units of dt for a flow."""
    return np.array([0, 2, 4]) if name in RULES else np.array([0.0, 0.5, 1.0])


# One of each kind for every day; all of them now and then, because compiling them takes minutes.
EVERY_DAY = {
    "Gradient",
    "Extrapolated",
    "Stackelberg",
    "Descend",
    "Sequential",
    "GradientFlow, fixed step",
}


def each(names: Any) -> Any:
    return pytest.mark.parametrize(
        "name", [pytest.param(n, marks=() if n in EVERY_DAY else pytest.mark.slow) for n in names]
    )


# No class forgotten


def parts(value: Any) -> Iterator[Any]:
    """A module and all that it is made of."""
    if isinstance(value, tuple | list):
        for v in value:
            yield from parts(v)
    elif isinstance(value, eqx.Module):
        yield value
        for field in dataclasses.fields(value):
            yield from parts(getattr(value, field.name, None))


def test_every_public_final_class_is_a_case() -> None:
    game, players = GAMES["GAN"]()
    made = [make() for make in MEASURES.values()]
    made += [make()[0] for make in GAMES.values()]
    made += [make(game) for cases in (FIELDS, RULES, FLOWS) for make in cases.values()]
    made += [game.batch(players), gd.rules.BestResponse(game, 1, jnp.zeros((1, 2)))]
    tested = {type(part) for value in made for part in parts(value)}
    public = {
        cls
        for module in (gd.measures, gd.games, gd.fields, gd.rules, gd.flows)
        for name, cls in vars(module).items()
        if inspect.isclass(cls)
        and issubclass(cls, eqx.Module)
        and not inspect.isabstract(cls)
        and not name.startswith("_")
    }
    assert len(public) > 20
    assert not public - tested


# Measures


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
def test_measures_are_probabilities(name: str) -> None:
    measure = MEASURES[name]()
    x, w = measure.points(KEY)
    assert w.shape == x.shape[:1]
    assert float(w.sum()) == pytest.approx(1, abs=1e-14)
    assert bool(jnp.all(w >= 0))


@pytest.mark.parametrize("name", MEASURES)
def test_measures_are_random_exactly_if_they_say_so(name: str) -> None:
    measure = MEASURES[name]()
    one, same, other = (measure.points(k)[0] for k in (jr.key(1), jr.key(1), jr.key(2)))
    assert bool(jnp.all(one == same))
    assert bool(jnp.all(one == other)) is not measure.random


# Games


@pytest.mark.slow
@pytest.mark.parametrize("name", GAMES)
def test_losses_are_one_scalar_per_player_in_the_players_dtype(name: str) -> None:
    """Here single; double in every other test."""
    game, players = GAMES[name]()
    single = cast(players, jnp.float32)
    values = eqx.filter_eval_shape(losses, game, single, key_for(name))
    assert shapes(values) == [((), jnp.float32)] * len(players)


@eqx.filter_jit
def at_each(game: Any, places: Any, key: Any) -> Any:
    """The losses and the field of a game at many places."""
    return eqx.filter_vmap(lambda z: (losses(game, z, key), Gradient(game)(z, key)))(places)


@pytest.mark.slow
@pytest.mark.parametrize("name", GAMES)
def test_losses_jit_and_vmap_and_equilibria_are_at_rest(name: str) -> None:
    game, players = GAMES[name]()
    key = key_for(name)
    equilibria = list(game.equilibria())
    for known in equilibria:
        assert shapes(known) == shapes(players)
    others = jax.tree.map(lambda x: x + 0.1, players)
    values, slopes = at_each(game, stacked([players, others, *equilibria]), key)
    assert shapes(values) == [((2 + len(equilibria),), jnp.float64)] * len(players)
    alone = [eqx.filter_jit(losses)(game, p, key) for p in (players, others)]
    close(jax.tree.map(lambda x: x[:2], values), stacked(alone))
    for slope in jax.tree.leaves(slopes):
        np.testing.assert_allclose(slope[2:], 0, atol=1e-13)


def test_only_wrappers_that_keep_equilibria_forward_them() -> None:
    known = {name: bool(make()[0].equilibria()) for name, make in GAMES.items()}
    assert {"GAN", "R1", "R2", "Noised"} <= {name for name, is_known in known.items() if is_known}
    assert not known["GradientPenalty"]


# Fields


@each(FIELDS)
def test_fields_have_the_structure_of_the_players(name: str) -> None:
    """And their precision: here single, in every other test double."""
    game, players = GAMES["bilinear" if name in LEADERS else "Custom"]()
    players = cast(players, jnp.float32)
    same_kind(eqx.filter_eval_shape(FIELDS[name](game), players), players)


@eqx.filter_jit
def velocity(field: Any, players: Any, key: Any = None) -> Any:
    return field(players, key)


@pytest.mark.slow
@each(FIELDS)
def test_fields_vanish_at_known_equilibria_and_see_the_key(name: str) -> None:
    game, players = damped(), normal_players()
    field = FIELDS[name](game)
    (known,) = game.equilibria()
    close(velocity(field, known), jax.tree.map(jnp.zeros_like, players), atol=1e-13)
    one, same, other = (velocity(field, players, k) for k in (jr.key(1), jr.key(1), jr.key(2)))
    close(one, same, rtol=0, atol=0)
    same_kind(one, players)
    if name != "Mirror":  # for which numbers have no choice; below it has one
        assert float(jnp.abs(one[0]["shift"] - other[0]["shift"])) > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Gradient", "Extrapolated", "Consensus", "Mirror", "Ridge"])
def test_fields_of_penalized_and_of_sampled_games(name: str) -> None:
    """A quadrature at rest, and a minibatch that is drawn by the key."""
    game, players = GAMES["R1"]()
    (known,) = game.equilibria()
    at_rest = velocity(FIELDS[name](game), known)
    close(at_rest, jax.tree.map(jnp.zeros_like, players), atol=1e-13)
    sampled, players = GAMES["Noised sampled"]()
    field = FIELDS[name](sampled)
    one, other = (velocity(field, players, k) for k in (jr.key(1), jr.key(2)))
    same_kind(one, players)
    assert float(jnp.abs(one[1] - other[1]).max()) > 1e-6


# Dynamics

# All rules go through one loop and all flows are integrated by the same lines: what is asked of
# many steps need not be asked of rules that are made of the steps of others, whose derivatives are
# held to closed forms in `test_theory`, nor of flows that differ in the velocity alone.
MADE_OF_OTHERS = {
    *("Descend on a field", "Custom", "Sequential", "Repeat", "Project", "TimeMap of a rule"),
    *("optimistic", "Relaxed", "LEAD"),
    *("MomentumFlow", "HighResolutionFlow", "ModifiedFlow"),
}
RUN = [name for name in DYNAMICS if name not in MADE_OF_OTHERS]


@each(DYNAMICS)
def test_residuals_have_the_structure_of_the_state(name: str) -> None:
    """And its precision: here single, in every other test double."""
    game, players = GAMES["Custom"]()
    # The tolerances of the stiff flow are those of double precision.
    dynamics = DYNAMICS["GradientFlow" if name == "GradientFlow, stiff" else name](game)
    state = dynamics.init(cast(players, jnp.float32))
    same_kind(eqx.filter_eval_shape(dynamics.residual, state), state)
    same_kind(state.players, cast(players, jnp.float32))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Descend with Adam", "GradientFlow"])
def test_trajectories_have_the_structure_of_the_players(name: str) -> None:
    game, players = GAMES["Custom"]()
    players = cast(players, jnp.float32)
    path = eqx.filter_eval_shape(
        lambda p: gd.simulate(DYNAMICS[name](game), p, schedule(name)).players, players
    )
    same_kind(path, stacked([players] * 3))


@pytest.mark.slow
@each(RUN)
def test_evolution_is_a_cocycle_and_flows_run_backwards(name: str) -> None:
    """[a, b] and then [b, c], with one key, is [a, c]: a run cut in two is the same run. And back
    over [c, a] a flow is at the start, to the order of the solver."""
    dynamics = DYNAMICS[name](damped())
    ts = schedule(name)
    start = gd.simulate(dynamics, normal_players(), ts, key=KEY)
    same_kind(start.states, stacked([dynamics.init(normal_players())] * 3))
    middle = jax.tree.map(lambda x: x[1], start.states)
    rest = gd.simulate(dynamics, middle, ts + ts[1], key=KEY)
    whole, cut = start.final, jax.tree.map(lambda x: x[1], rest.states)
    # Where the step is adapted, cutting a run changes its steps.
    tolerance = {"GradientFlow": 1e-6, "GradientFlow, stiff": 1e-4}.get(name, 1e-12)
    close(cut, whole, rtol=tolerance, atol=tolerance)
    moved = coordinates(whole.players)[0] - coordinates(middle.players)[0]
    assert float(jnp.abs(moved).max()) > 1e-3
    if name in FLOWS and name != "LangevinFlow":  # noise does not run backwards
        back = gd.simulate(dynamics, whole, ts[::-1], key=KEY).final
        close(back, dynamics.init(normal_players()), rtol=5e-2, atol=2e-2)
        gone = coordinates(whole.players)[0] - coordinates(normal_players())[0]
        assert float(jnp.abs(gone).max()) > 0.04


# All rules go through one loop: one without memory, one that remembers, one that counts.
@pytest.mark.slow
@pytest.mark.parametrize("name", ["Descend", "optimistic", "Averaged"])
def test_evolution_iterates_the_step(name: str) -> None:
    """Compiled, observed at uneven times, and with one key: step after step with `fold_in`."""
    rule = RULES[name](damped())
    state = rule.init(normal_players())
    seen = rule.evolve(state, np.array([3, 4, 4, 6]), KEY, lambda s: s.players)
    by_hand = [state.players]
    step = eqx.filter_jit(rule.step)
    for t in range(3, 6):
        state = step(state, jr.fold_in(KEY, t))
        by_hand.append(state.players)
    close(seen, stacked([by_hand[0], by_hand[1], by_hand[1], by_hand[3]]))


@eqx.filter_jit
def residuals(dynamics: Any, players: Any, other: Any) -> Any:
    """At rest, the memory that it has there included, and where training starts elsewhere."""
    states = stacked([dynamics.settle(dynamics.init(players)), dynamics.init(other)])
    return jax.vmap(dynamics.residual)(states)


@pytest.mark.slow
@each(DYNAMICS)
def test_residual_vanishes_at_the_equilibrium_and_only_there(name: str) -> None:
    game = damped()
    dynamics = DYNAMICS[name](game)
    (known,) = game.equilibria()
    both = residuals(dynamics, known, normal_players())
    at_rest, elsewhere = (jax.tree.map(lambda x, i=i: x[i], both) for i in (0, 1))
    same_kind(elsewhere, dynamics.init(normal_players()))
    if name == "MomentumFlow":  # its velocity starts at zero, so that only momenta change at first
        elsewhere = elsewhere.memory
    assert float(jnp.abs(coordinates(at_rest)[0]).max()) < 1e-12
    assert float(jnp.abs(coordinates(elsewhere)[0]).max()) > 1e-3


@pytest.mark.slow
@each(RUN)
def test_jit_vmap_and_derivatives(name: str) -> None:
    """Many runs at once are the loop, with derivatives along that are difference quotients, and
    those backwards."""
    dynamics = DYNAMICS[name](damped())
    ts = schedule(name)
    start, back = coordinates(normal_players())
    along = jnp.array([0.3, -0.5, 0.7, 0.2])

    def cost(s: Any) -> Any:
        end = gd.simulate(dynamics, back(start + s * along), ts, key=KEY).final.players
        return jnp.sum(jnp.sin(coordinates(end)[0])), end

    # Transposed in a batch, noise and implicit stages take long to compile: noise is differentiated
    # backwards alone, and implicit stages in `test_derivatives`.
    batched = name not in ("GradientFlow, stiff", "LangevinFlow")

    @jax.jit
    @jax.vmap
    def derivatives(s: Any) -> Any:
        if not batched:
            value, slope, end = jax.jvp(cost, (s,), (jnp.ones_like(s),), has_aux=True)
            return value, end, slope, slope
        value, push, end = jax.linearize(cost, s, has_aux=True)
        one = jnp.ones_like(s)
        return value, end, push(one), jax.linear_transpose(push, s)(one)[0]

    h = 1e-5
    places = jnp.array([-h, 0.0, h, 1.0])
    (low, _, high, _), ends, (_, forwards, *_), (_, backwards, *_) = derivatives(places)
    adaptive = name in ("GradientFlow", "GradientFlow, stiff")
    if adaptive:  # the error of a derivative counts in the choice of steps, which so are others
        _, ends = jax.jit(jax.vmap(cost))(places)
    close(ends, stacked([cost(s)[1] for s in places]), rtol=1e-9, atol=1e-10)
    quotient = float((high - low) / (2 * h))
    assert abs(quotient) > 1e-3
    assert float(forwards) == pytest.approx(quotient, rel=1e-3 if adaptive else 1e-6)
    if name == "LangevinFlow":
        backwards, _ = jax.jit(jax.grad(cost, has_aux=True))(0.0)
    assert float(backwards) == pytest.approx(float(forwards), rel=1e-9)


def runaway(players: Any, key: Any = None) -> Any:
    """Both players flee to infinity in finite time from afar, and stay near the origin."""
    x, y = players
    return x**2 / 2 + x * y / 4 - x**4 / 4, y**2 / 2 - x * y / 4 - y**4 / 4


@pytest.mark.slow
@each([name for name in RUN if name != "Descend with Adam"])  # whose steps are bounded
def test_divergence_is_data_and_leaves_siblings_alone(name: str) -> None:
    dynamics: Any = DYNAMICS[name](gd.games.Custom(runaway))
    ts: Any = np.arange(0, 601, 100) if name in RULES else np.linspace(0.0, 30.0, 7)
    run: Callable[[Any], Any] = jax.jit(jax.vmap(lambda p: gd.simulate(dynamics, p, ts).players))
    calm = (jnp.array([0.3, 0.1, -0.2]), jnp.array([0.1, -0.3, 0.2]))
    wild = jax.tree.map(lambda x: x.at[1].set(5.0), calm)
    alone, together = run(calm), run(wild)
    for a, b in zip(alone, together, strict=True):
        # Diffrax evaluates an implicit solver's first stage for all if it must for one, so that
        # siblings agree to the accuracy of the stages only.
        tolerance = 1e-9 if name == "GradientFlow, stiff" else 0
        np.testing.assert_allclose(a[::2], b[::2], rtol=0, atol=tolerance)
        assert bool(jnp.all(jnp.isfinite(a)))
    finite = np.all([np.isfinite(b[1]) for b in together], axis=0)
    assert finite[0]
    assert not finite[-1]
    assert np.all(np.diff(finite.astype(int)) <= 0)
