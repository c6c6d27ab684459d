"""Flows beside the plain one: high resolution, noise, Runge-Kutta steps, stiffness."""

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from cases import normal_gan, normal_players
from generic import (
    GENERAL,
    START,
    START_OF_THREE,
    THREE,
    assert_close,
    one_step,
    random_bilinear,
    random_quadratic,
    same_set,
)
from scipy.linalg import expm

import gandyn as gd
from gandyn._phase import coordinates
from gandyn.fields import Gradient
from gandyn.flows import GradientFlow, Integrator, LangevinFlow, SampledNoise

Kind = gd.results.Settled.Kind

RESOLVED = {
    "simultaneous": (gd.flows.simultaneous, lambda l, m: 0),
    "extragradient": (gd.flows.extragradient, lambda l, m: l),
    "optimistic": (gd.flows.optimistic, lambda l, m: m),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RESOLVED)
def test_high_resolution_flows_have_the_roots_of_their_equations(name):
    """m^2 = (2/h)(l + h l u - m) for every eigenvalue l of J, u = 0, l or m."""
    flow, _ = RESOLVED[name]
    game, origin, J, _ = random_quadratic()
    h = 0.1
    found = gd.spectrum(flow(Gradient(game), h), origin).exponents
    expected = []
    for l in np.linalg.eigvals(J):
        linear, constant = {
            "simultaneous": (2 / h, -2 * l / h),
            "extragradient": (2 / h, -2 * l / h - 2 * l**2),
            "optimistic": (2 / h - 2 * l, -2 * l / h),
        }[name]
        expected.extend(np.roots([1, linear, constant]))
    same_set(found, expected, 1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("name", RESOLVED)
def test_slow_roots_are_those_of_the_methods_up_to_the_second_order(name):
    game, origin, s = random_bilinear(2, 2)
    s = s[0]
    sign = 1 if name == "simultaneous" else -1

    def errors(h):
        roots = np.asarray(gd.spectrum(RESOLVED[name][0](Gradient(game), h), origin).exponents)
        slow = roots[np.argmin(np.abs(roots - (1j * s + sign * h * s**2 / 2)))]
        method = gd.spectrum(getattr(gd.methods, name)(game, h), origin)
        exponents = np.log(np.asarray(method.multipliers)) / h
        return abs(slow - 1j * s - sign * h * s**2 / 2), np.min(np.abs(exponents - slow))

    for long, short in zip(errors(0.02), errors(0.01), strict=True):
        assert np.log2(long / short) > 1.9


@pytest.mark.slow
@pytest.mark.parametrize("name", RESOLVED)
def test_high_resolution_follows_the_method_on_any_game(name):
    """At a fixed time, one order closer than the plain flow, with w = v at the start."""

    def errors(h):
        n = round(0.4 / h)
        end = gd.simulate(getattr(gd.methods, name)(GENERAL, h), START, [0, n]).final.players
        field, fine = Gradient(GENERAL), Integrator(rtol=1e-10, atol=1e-12)
        ts = [0.0, n * h]
        resolved = gd.simulate(RESOLVED[name][0](field, h, fine), START, ts).final.players
        plain = gd.simulate(GradientFlow(field, fine), START, ts).final.players
        return [float(jnp.max(jnp.abs(jnp.stack(p) - jnp.stack(end)))) for p in (resolved, plain)]

    resolved, plain = zip(*map(errors, (0.02, 0.01)), strict=True)
    assert abs(np.log2(plain[0] / plain[1]) - 1) < 0.2
    assert abs(np.log2(resolved[0] / resolved[1]) - 2) < 0.3


# Noise

RESTING = gd.games.Custom(lambda players, key: tuple(0 * jnp.sum(p) for p in players))
ROTATION = gd.games.zero_sum(lambda x, y: 1.5 * x * y)


@eqx.filter_jit
def ends(flow, start, time, n, seed=0):
    def end(key):
        return gd.simulate(flow, start, np.array([0.0, time]), key=key).final.players

    return jax.vmap(end)(jr.split(jr.key(seed), n))


@pytest.mark.slow
def test_noise_adds_up_to_its_variance_over_many_windows():
    """z(t) - z(0) has variance h sigma^2 t, a sigma per player; increments are independent."""
    h, n = 0.1, 4000
    flow = LangevinFlow(
        Gradient(RESTING), h, (0.5, 2.0), Integrator(solver=dfx.Euler(), dt=2.0, max_steps=16)
    )
    ts = np.array([0.0, 10.0, 20.0])  # a hundred steps each; trees are of 64

    def path(key):
        return gd.simulate(flow, (0.0, jnp.zeros(2)), ts, key=key).players

    x, y = jax.jit(jax.vmap(path))(jr.split(jr.key(0), n))
    for z, sigma in ((x, 0.5), (y[..., 0], 2.0), (y[..., 1], 2.0)):
        steps = np.diff(z, axis=1)
        np.testing.assert_allclose(steps.var(0), h * sigma**2 * 10, rtol=4 * np.sqrt(2 / n))
        np.testing.assert_allclose(steps.mean(0), 0, atol=4 * sigma * np.sqrt(h * 10 / n))
        assert abs(np.corrcoef(steps.T)[0, 1]) < 4 / np.sqrt(n)
    assert abs(np.corrcoef(x[:, 1], y[:, 1, 0])[0, 1]) < 4 / np.sqrt(n)


@pytest.mark.slow
def test_noise_feeds_the_rotation_at_a_constant_rate():
    """E |z|^2 = |z_0|^2 + 2 h sigma^2 t on z' = i s z."""
    h, sigma, time, n = 0.1, 0.8, 6.0, 300
    flow = LangevinFlow(Gradient(ROTATION), h, sigma, Integrator(solver=dfx.Heun(), dt=h / 2))
    square = sum(z**2 for z in ends(flow, (1.0, 0.0), time, n))
    error = 4 * square.std() / np.sqrt(n)
    assert abs(square.mean() - (1 + 2 * h * sigma**2 * time)) < error


@pytest.mark.slow
def test_noisy_steps_have_the_discrete_variance():
    """E |z_n|^2 = g^n |z_0|^2 + 2 h^2 sigma^2 (g^n - 1)/(h s)^2 with g = 1 + (h s)^2."""
    h, s, sigma, steps, n = 0.1, 1.5, 0.8, 60, 4000

    def noisy(players, key):
        x, y = players
        a, b = sigma * jr.normal(key, (2,))
        return s * x * y + a * x, -s * x * y + b * y

    rule = gd.methods.simultaneous(gd.games.Custom(noisy), h)
    end = jax.jit(
        jax.vmap(lambda k: gd.simulate(rule, (1.0, 0.0), [0, steps], key=k).final.players)
    )
    square = sum(z**2 for z in end(jr.split(jr.key(1), n)))
    growth = (1 + (h * s) ** 2) ** steps
    expected = growth + 2 * sigma**2 * (growth - 1) / s**2
    assert expected == pytest.approx(5.3931003530625, abs=1e-12)
    assert abs(square.mean() - expected) < 4 * square.std() / np.sqrt(n)


@pytest.mark.slow
def test_a_realization_does_not_depend_on_the_step_of_the_integrator():
    """Strongly of first order: the same path, seen through finer and finer steps."""

    def end(parts):
        plan = Integrator(solver=dfx.Euler(), dt=0.1 / parts, max_steps=256)
        flow = LangevinFlow(Gradient(ROTATION), 0.1, 1.0, plan)
        return jnp.stack(ends(flow, (1.0, 0.5), 1.0, 16))

    errors = [float(jnp.sqrt(jnp.mean((end(n) - end(16)) ** 2))) for n in (1, 4)]
    assert errors[1] < errors[0] / 3


@pytest.mark.slow
def test_without_a_key_there_is_no_noise():
    plan = Integrator(solver=dfx.Heun(), dt=0.1)
    noisy = LangevinFlow(Gradient(GENERAL), 0.1, 1.0, plan)
    plain = GradientFlow(Gradient(GENERAL), plan)
    ts = np.array([0.0, 1.0])
    one, other = (gd.simulate(f, START, ts).final.players for f in (noisy, plain))
    assert_close(one, other)


@pytest.mark.slow
def test_sampled_noise_has_the_covariance_of_the_gradients():
    field, key, n = Gradient(normal_gan(sampled=True)), jr.key(2), 5
    factors = SampledNoise(field, n)(normal_players(), key)
    S = np.stack([coordinates(jax.tree.map(lambda f, i=i: f[i], factors))[0] for i in range(n)])
    drawn = [coordinates(field(normal_players(), k))[0] for k in jr.split(key, n)]
    np.testing.assert_allclose(S.T @ S, np.cov(np.array(drawn).T), atol=1e-13)


@pytest.mark.slow
def test_sampled_noise_spreads_as_minibatches_do():
    """The spread of short training with minibatches is that of the flow with their covariance."""
    sampled, population = normal_gan(sampled=True), normal_gan()
    h, steps, n = 0.02, 10, 500
    rule = gd.methods.simultaneous(sampled, h)
    run = jax.jit(
        jax.vmap(lambda k: gd.simulate(rule, normal_players(), [0, steps], key=k).final.players)
    )
    flow = LangevinFlow(
        Gradient(population),
        h,
        SampledNoise(Gradient(sampled), 32),
        Integrator(solver=dfx.Euler(), dt=h, max_steps=16),
    )
    discrete = run(jr.split(jr.key(0), n))
    continuous = ends(flow, normal_players(), h * steps, n)
    for a, b in zip(jax.tree.leaves(discrete), jax.tree.leaves(continuous), strict=True):
        error = 4 * np.sqrt(2 / n) * np.sqrt(2)
        np.testing.assert_allclose(b.std(0), a.std(0), rtol=error + 0.05)
        np.testing.assert_allclose(b.mean(0), a.mean(0), atol=6 * np.max(a.std(0)) / np.sqrt(n))


@pytest.mark.usefixtures("as_installed")
def test_bad_noise_is_an_error():
    field = Gradient(GENERAL)
    with pytest.raises(ValueError, match="fixed step"):
        LangevinFlow(field, 0.1, 1.0, Integrator())
    with pytest.raises(ValueError, match="at most 64 times"):
        LangevinFlow(field, 0.1, 1.0, Integrator(dt=10.0))
    with pytest.raises(ValueError, match="`noise` must not be negative"):
        LangevinFlow(field, 0.1, -1.0)
    with pytest.raises(ValueError, match="`step_size` must be positive"):
        LangevinFlow(field, 0.0, 1.0)
    with pytest.raises(ValueError, match="one leading axis"):
        gd.simulate(
            LangevinFlow(field, 0.1, lambda players, key: players), START, [0.0, 1.0], key=jr.key(0)
        )


# Runge-Kutta as a training rule


@pytest.mark.slow
@pytest.mark.parametrize(("solver", "order"), [(None, 4), (dfx.Heun(), 2), (dfx.Euler(), 1)])
def test_runge_kutta_steps_have_their_order_on_any_game(solver, order):
    """Errors in the exact flow, of three players, over a fixed time."""
    exact = GradientFlow(Gradient(THREE), Integrator(rtol=1e-12, atol=1e-13))
    end = jnp.concatenate(gd.simulate(exact, START_OF_THREE, [0.0, 0.8]).final.players)

    def error(n):
        rule = gd.methods.runge_kutta(THREE, 0.8 / n, solver)
        near = gd.simulate(rule, START_OF_THREE, [0, n]).final.players
        return float(jnp.max(jnp.abs(jnp.concatenate(near) - end)))

    assert abs(np.log2(error(4) / error(8)) - order) < 0.4


@pytest.mark.slow
def test_euler_steps_are_simultaneous_ones_at_each_players_rate():
    steps = (0.1, 0.3)
    rule = gd.methods.runge_kutta(GENERAL, steps, dfx.Euler())
    assert_close(one_step(rule, START), one_step(gd.methods.simultaneous(GENERAL, steps), START))


# Stiffness


@pytest.mark.slow
def test_implicit_solvers_follow_a_fast_discriminator():
    """tau = 10^5 on a quadratic game, against the matrix exponential, in few steps."""
    tau, J = 1e5, np.array([[-0.1, 1.0], [-1.0, -1.0]])
    field = gd.fields.Scaled(Gradient(gd.games.quadratic(J)), (1.0, tau))
    plan = Integrator(rtol=1e-9, atol=1e-11, solver=dfx.Kvaerno5(), max_steps=1024)
    end = gd.simulate(GradientFlow(field, plan), ([1.0], [1.0]), [0.0, 2.0]).final.players
    expected = expm(2.0 * np.diag([1.0, tau]) @ J) @ np.ones(2)
    np.testing.assert_allclose(np.concatenate(end), expected, rtol=1e-7)
    explicit = GradientFlow(field, Integrator(rtol=1e-9, atol=1e-11, max_steps=1024))
    with pytest.warns(UserWarning, match="used up its max_steps=1024"):
        given_up = gd.simulate(explicit, ([1.0], [1.0]), [0.0, 2.0]).final.players
    assert not bool(jnp.all(jnp.isfinite(jnp.concatenate(given_up))))


class Whirling(gd.fields.AbstractField):
    """(x, y) turns by 1000 in a unit of time; z goes to 0 from below 1, and from 2 to infinity at
    t = log 2."""

    def __call__(self, players, key=None):
        x, y, z = players
        return 1000 * y, -1000 * x, z**2 - z


@pytest.mark.slow
def test_running_out_of_steps_is_no_divergence():
    """A turn of 1000 radians takes more than 500 steps, and neither escapes nor is known; what
    goes to infinity at t = log 2 uses up its steps as well, and escapes."""

    def flow(most):
        return GradientFlow(Whirling(), Integrator(max_steps=most))

    cut, blown = (1.0, 0.0, 0.0), (0.0, 0.0, 2.0)
    with pytest.warns(UserWarning, match="used up its max_steps=500, and the trajectory is nan"):
        path = gd.simulate(flow(500), cut, np.linspace(0, 10, 3))
    assert np.isnan(path.players[0][1:]).all()
    with pytest.warns(UserWarning, match="used up its max_steps=500, and no escape is known"):
        assert np.isnan(gd.escape_time(flow(500), cut, np.linspace(0, 10, 3), 5))
    with pytest.warns(UserWarning, match="used up its max_steps=500, and it is undecided"):
        assert gd.settles_on(flow(500), cut, 1000).kind == Kind.UNDECIDED
    path = gd.simulate(flow(500), blown, np.linspace(0, 10, 3))
    assert np.isinf(path.players[2][1:]).all()
    assert gd.escape_time(flow(500), blown, np.linspace(0, 10, 3), 5) == 5
    assert gd.settles_on(flow(500), blown, 1000).kind == Kind.ESCAPE

    # Each member of a batch for itself.
    ends = jax.vmap(lambda x, z: gd.escape_time(flow(500), (x, 0 * x, z), np.linspace(0, 2, 3), 5))
    found = ends(jnp.array([1.0, 0.0, 0.0]), jnp.array([0.0, 0.0, 2.0]))
    np.testing.assert_array_equal(found, [np.nan, np.nan, 1])
    plane = {"box": ((0, 1), (-1, 2)), "plane": (0, 2), "nodes": (2, 3), "duration": 1000.0}
    with pytest.warns(UserWarning, match="used up its max_steps=500, and 3 of the starts"):
        seen = gd.basins(flow(500), (0.0, 0.0, 0.0), **plane, progress=False)
    np.testing.assert_array_equal(seen.labels[:, 1], -2)
    assert seen.labels[2, 0] == -1
    assert (seen.labels[:2, 0] != -1).all()


@pytest.mark.slow
def test_a_flow_does_not_know_what_time_it_is():
    """Nor which way it goes, nor how long it was looked at: at what it sees, it is where it is."""
    flow = GradientFlow(Gradient(gd.games.dirac()))
    there = np.array([0.0, 0.3, 1.7, 4.0])
    seen = gd.simulate(flow, (1.0, 0.5), there).players
    assert_close(gd.simulate(flow, (1.0, 0.5), there + 1e6).players, seen, 1e-9)
    end = tuple(x[-1] for x in seen)
    back = gd.simulate(flow, end, there[::-1]).players
    assert_close(back, tuple(x[::-1] for x in seen), 1e-7)
    cut = gd.simulate(flow, (1.0, 0.5), there[[0, 3]]).players
    assert_close(cut, tuple(x[jnp.asarray([0, 3])] for x in seen), 1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("velocity", "start", "end"),
    [
        (lambda z: z**2, 1.0, 2.0),
        (lambda z: z**2, -1.0, -2.0),
        (lambda z: 0 * jnp.log(z) - 1, 1.0, 2.0),
        (lambda z: z**2, np.inf, 2.0),
    ],
    ids=["to infinity", "back in time", "out of its domain", "from infinity"],
)
def test_where_a_solution_ends_so_do_its_steps(velocity, start, end):
    """At the time 1 or -1, not after all the 65,536 steps that are allowed."""
    seen = []

    def counted(players, key=None):
        jax.debug.callback(seen.append, players[0])
        return (velocity(players[0]),)

    path = gd.simulate(GradientFlow(gd.fields.Custom(counted)), (start,), [0.0, end])
    jax.effects_barrier()
    assert np.isinf(path.players[0][-1])
    assert 0 < len(seen) < 10_000


@pytest.mark.slow
@pytest.mark.parametrize("ts", [[0.0, 2.0], [0.0, 0.1, 2.0]])
def test_what_has_diverged_stays_so(ts):
    """z' = z^2 from 1 is 1 / (1 - t), and from infinity no number."""
    flow = GradientFlow(gd.fields.Custom(lambda players, key=None: (players[0] ** 2,)))
    end = gd.simulate(flow, (1.0,), ts)
    np.testing.assert_array_equal(np.asarray(end.players[0])[[0, -1]], [1, np.inf])
    after = gd.simulate(flow, (end.players[0][-1],), ts)
    np.testing.assert_array_equal(after.players[0], np.inf)
