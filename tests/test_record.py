"""Runs that are looked at: the same as runs that are kept, wherever they are cut."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
import xarray as xr

import gandyn as gd
from gandyn._sweep import _looks
from gandyn._sweep._store import Store

GAME = gd.games.zero_sum(lambda x, y: jnp.sum(jnp.sin(x) * y) + x[0] * y[1])
START = (jnp.array([1.0, -0.5]), jnp.array([0.3, 0.8]))
NOISY = gd.games.GAN(
    lambda theta, z: theta + z,
    lambda psi, x: jnp.sum(psi * x),
    gd.measures.Sampled(lambda key, n: jr.normal(key, (n, 2)), 4),
    gd.measures.Sampled(lambda key, n: jr.normal(key, (n, 2)), 4),
)
RUNS = {
    "rule": (gd.methods.alternating(GAME, 0.1), None, np.array([3, 13, 23, 33, 43])),
    "uneven looks": (gd.methods.extragradient(GAME, 0.1), None, np.array([0, 1, 1, 9, 30])),
    "memory": (gd.methods.simultaneous(GAME, optax.adam(0.1)), None, np.arange(0, 50, 10)),
    "minibatches": (gd.methods.alternating(NOISY, 0.1), jr.key(3), np.arange(0, 50, 10)),
    "adaptive flow": (gd.flows.GradientFlow(gd.fields.Gradient(GAME)), None, np.arange(5) / 2),
    "backwards": (gd.flows.GradientFlow(gd.fields.Gradient(GAME)), None, -np.arange(5) / 2),
    "fixed steps": (
        gd.flows.GradientFlow(gd.fields.Gradient(GAME), gd.flows.Integrator(dt=0.03)),
        None,
        np.arange(5) / 2,
    ),
    "noise": (
        gd.flows.LangevinFlow(gd.fields.Gradient(GAME), 0.1, noise=0.2),
        jr.key(5),
        np.arange(5) / 2,
    ),
}


def sizes(state):
    return {"norm": jnp.linalg.norm(state.players[0]), "above": state.players[1] > 0}


OBSERVE = {"players": lambda state: state.players, "sizes": sizes}


def plain(x):
    return jr.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x


def assert_same(a, b):
    a, b = (jax.tree.map(plain, tree) for tree in (a, b))
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


def whole(name):
    dynamics, key, ts = RUNS[name]
    return gd.record(dynamics, START, ts, OBSERVE, key=key)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_cut_at_a_look_is_the_same_run_bit_for_bit(name):
    dynamics, key, ts = RUNS[name]
    begun = gd.record(dynamics, START, ts[:3], OBSERVE, key=key)
    assert begun.step == ts[2]
    assert_same(gd.record(dynamics, begun, ts[2:], OBSERVE), whole(name))
    assert_same(gd.record(dynamics, begun, ts[2:3], OBSERVE), begun)  # nothing is asked for


@pytest.mark.parametrize("name", RUNS)
def test_what_is_seen_is_what_the_observer_makes_of_the_kept_states(name):
    dynamics, key, ts = RUNS[name]
    kept = gd.simulate(dynamics, START, ts, key=key)
    found = whole(name)
    np.testing.assert_array_equal(found.ts, kept.ts)
    assert found.unit == kept.unit
    expected = ({"players": kept.players, "sizes": jax.vmap(sizes)(kept.states)}, kept.final)
    if dynamics.unit == "step":
        assert_same((found.seen, found.final), expected)
    else:  # which is integrated from look to look
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6),
            (found.seen, found.final),
            expected,
        )


def test_a_record_is_what_was_seen_and_one_state():
    """Be it seen in several calls of the program."""
    rule, _, _ = RUNS["memory"]
    found = gd.record(rule, START, np.arange(5000), lambda state: state.players[0][0])
    assert found.seen.shape == (5000,)
    assert_same(found.final, gd.simulate(rule, START, [0, 4999]).final)
    state = sum(x.nbytes for x in jax.tree.leaves(found.final))
    held = sum(x.nbytes for x in jax.tree.leaves(found))
    assert held == found.seen.nbytes + found.ts.nbytes + state


def test_a_record_says_what_it_is():
    said = repr(whole("minibatches"))
    assert said.startswith(
        "Record(ts=int64[5], seen={players: (float64[5,2], float64[5,2]), sizes: "
    )
    assert said.endswith("key=key<fry>[], unit='step', all finite)")


def test_an_ensemble_is_its_members():
    rule, _, ts = RUNS["minibatches"]
    keys = jr.split(jr.key(0), 3)
    run = lambda key: gd.record(rule, START, ts, OBSERVE, key=key)  # noqa: E731
    every = eqx.filter_vmap(run)(keys)
    for i, key in enumerate(keys):
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-12),
            every.seen,
            run(key).seen,
        )


def test_the_looks_are_in_the_store_as_they_come_and_a_killed_run_goes_on(tmp_path, monkeypatch):
    rule, key, _ = RUNS["minibatches"]
    ts, store, written = np.arange(0, 1000, 10), tmp_path / "run", []
    run = lambda where=store: gd.record(rule, START, ts, OBSERVE, key=key, store=where)  # noqa: E731
    write, keep = Store.write, _looks.Looks._write

    def dies(after, owner, name, method):
        def once(*args):
            written.append(args)
            if len(written) == after:
                raise KeyboardInterrupt
            return method(*args)

        monkeypatch.setattr(owner, name, once)

    dies(4, Store, "write", write)  # three of 50 chunks are there
    with pytest.raises(KeyboardInterrupt, match="3 of 50 chunks are safe in"):
        run()
    monkeypatch.setattr(Store, "write", write)
    with xr.open_zarr(store, consolidated=False) as there:
        assert int((there.done != 0).sum()) == 3
    written.clear()
    dies(2, _looks.Looks, "_write", keep)  # the looks are written, and not the state
    with pytest.raises(KeyboardInterrupt, match="5 of 50 chunks"):
        run()
    monkeypatch.setattr(_looks.Looks, "_write", keep)
    expected = gd.record(rule, START, ts, OBSERVE, key=key)
    assert_same(run(), expected)
    with xr.open_zarr(store, consolidated=False) as there:
        np.testing.assert_array_equal(there["seen.sizes.norm"], expected.seen["sizes"]["norm"])
        np.testing.assert_array_equal(there.time, ts)

    # Nothing is computed again, nothing need be, and a state that is lost is found again.
    monkeypatch.setattr(Store, "write", lambda *args: pytest.fail("written again"))
    assert_same(run(), expected)
    monkeypatch.setattr(Store, "write", write)
    (store / "done" / "state").unlink()
    assert_same(run(), expected)
    (store / "done" / "state").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"'state' is not as it was written.*Delete that file"):
        run()


OTHERS = {
    "another number": (
        lambda: gd.record(gd.methods.alternating(GAME, 0.2), whole("rule"), [43, 44], OBSERVE),
        r"another run: dynamics.*size is 0\.1 there and 0\.2 here",
    ),
    "another method": (
        lambda: gd.record(gd.methods.simultaneous(GAME, 0.1), whole("rule"), [43, 44], OBSERVE),
        "another run: its dynamics is made of other things",
    ),
    "another function": (
        lambda: gd.record(
            gd.methods.alternating(gd.games.zero_sum(lambda x, y: jnp.sum(x * y)), 0.1),
            whole("rule"),
            [43, 44],
            OBSERVE,
        ),
        "another run: dynamics.*function.* there and .* here",
    ),
    "another key": (
        lambda: gd.record(
            RUNS["minibatches"][0], whole("minibatches"), [40, 41], OBSERVE, key=jr.key(4)
        ),
        "another `key`: leave `key` out",
    ),
    "another time": (
        lambda: gd.record(RUNS["rule"][0], whole("rule"), [40, 44], OBSERVE),
        "`ts` must begin where the run is, at 43, but begins at 40",
    ),
    "another observer": (
        lambda: gd.record(RUNS["rule"][0], whole("rule"), [43, 44], sizes),
        "`observe` must return what was seen before",
    ),
    "text": (
        lambda: gd.record(RUNS["rule"][0], START, [0, 1], lambda state: "text"),
        "`observe` must return arrays of numbers, but it is 'text'",
    ),
    "no function": (
        lambda: gd.record(RUNS["rule"][0], START, [0, 1], {"a": {"b": 3}}),
        r"`observe\['a'\]\['b'\]` must be a function of a `State`",
    ),
    "two arguments": (
        lambda: gd.record(RUNS["rule"][0], START, [0, 1], lambda state, key: state.players),
        "`observe` must be a function of a `State`.*takes something else",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_run_is_refused_by_what_differs(name):
    run, words = OTHERS[name]
    with pytest.raises((ValueError, TypeError), match=words):
        run()


def test_the_store_of_another_run_is_refused_by_what_differs(tmp_path):
    rule, _, ts = RUNS["rule"]
    gd.record(rule, START, ts, OBSERVE, store=tmp_path / "run")
    for other, words in (
        ((gd.methods.alternating(GAME, 0.2), START, ts, OBSERVE), r"is 0\.1 there and 0\.2 here"),
        ((rule, tuple(x + 1 for x in START), ts, OBSERVE), "`start`"),
        ((rule, START, ts + 1, OBSERVE), "`time`"),
        ((rule, START, ts, {**OBSERVE, "sizes": lambda s: sizes(s)}), "`observe`"),
    ):
        with pytest.raises(ValueError, match=f"{words}.*give another directory"):
            gd.record(*other, store=tmp_path / "run")
    with pytest.raises(ValueError, match="`key`"):
        gd.record(rule, START, ts, OBSERVE, key=jr.key(0), store=tmp_path / "run")


def test_going_on_in_a_store_of_its_own(tmp_path):
    rule, key, ts = RUNS["minibatches"]
    begun = gd.record(rule, START, ts[:3], OBSERVE, key=key, store=tmp_path / "first")
    both = gd.record(rule, begun, ts[2:], OBSERVE, store=tmp_path / "second")
    assert_same(both, whole("minibatches"))
