"""Results with names: what goes into a dataset comes out under its name and its axes."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gandyn as gd
from gandyn._result import Result


class Orbit(Result):
    time: jax.Array
    players: Any
    unit: str = eqx.field(static=True, default="step")
    note: Any = None

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {"time": ("time",), "players": ("time",)}


class Exponents(Result):
    exponents: jax.Array
    stable: jax.Array

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {"exponents": ("exponent",), "stable": ()}


class Both(Result):
    orbit: Orbit
    inner: tuple[Exponents, ...]

    axes: ClassVar[Mapping[str, tuple[str, ...]]] = {"inner": ("place",)}


def orbit(x: Any = 1.0) -> Orbit:
    time = jnp.linspace(0.0, 1.0, 5)
    weight = jnp.full((5, 2, 3), x)
    return Orbit(time, (time * x, {"weight": weight, "bias": time + x}))


def exponents(x: Any) -> Exponents:
    return Exponents(jnp.arange(3.0) + x, x > 0)


def test_every_leaf_has_a_name_and_named_axes():
    dataset = gd.to_xarray(orbit())
    assert {k: v.dims for k, v in dataset.data_vars.items()} == {
        "players[0]": ("time",),
        "players[1].bias": ("time",),
        "players[1].weight": ("time", "players[1].weight_0", "players[1].weight_1"),
    }
    np.testing.assert_array_equal(dataset["players[1].bias"], orbit().players[1]["bias"])
    np.testing.assert_array_equal(dataset.time, orbit().time)
    assert "time" in dataset.coords
    assert dataset.attrs == {"result": "Orbit", "unit": "step"}


@pytest.mark.parametrize("batch", ["gamma", ("gamma",)])
def test_batched_export_is_the_export_of_each(batch):
    xs = jnp.linspace(-1.0, 1.0, 4)
    for function in (orbit, exponents):
        together = gd.to_xarray(jax.vmap(function)(xs), batch=batch)
        for i, x in enumerate(xs):
            one, of_many = gd.to_xarray(function(x)), together.isel(gamma=i)
            assert set(one.data_vars) <= set(of_many.data_vars) | set(of_many.coords)
            for name in one.variables:
                assert one[name].dims == of_many[name].dims
                np.testing.assert_array_equal(one[name], of_many[name])


def test_results_inside_results_keep_their_axes():
    inner = jax.vmap(exponents)(jnp.arange(2.0))
    dataset = gd.to_xarray(Both(orbit(), (inner,)))
    assert dataset["orbit.players[0]"].dims == ("time",)
    assert dataset["inner[0].exponents"].dims == ("place", "exponent")
    assert dataset["inner[0].stable"].dims == ("place",)


def test_a_sweep_of_a_result_is_its_batched_export():
    xs = np.linspace(-1.0, 1.0, 4)
    swept = gd.sweep(exponents, {"x": xs})
    exported = gd.to_xarray(jax.vmap(exponents)(xs), batch="x")
    for name in exported:
        assert swept[name].dims == exported[name].dims
        np.testing.assert_array_equal(swept[name], exported[name])


# Axes whose places are only counted: no field says where on them they are.
COUNTED = {"mode", "next", "coordinate", "component", "player", "end", "attractor", "equilibrium"}
COUNTED |= {"start", "move", "phase", "row", "column", "row_action", "column_action"}
COUNTED_OF = {"Hopping": {"time"}}  # the looks, whose times it was not told


def _results() -> list[type[Result]]:
    def below(kind: type[Result]) -> list[type[Result]]:
        return [kind, *itertools.chain.from_iterable(map(below, kind.__subclasses__()))]

    return sorted(
        {k for k in below(Result) if k.__module__.startswith("gandyn.") and k.axes}, key=str
    )


def _filled(kind: type[Result]) -> Result:
    """An instance with numbers of the right shape in every field that has axes."""
    lengths = {a: 3 + i for i, a in enumerate(dict.fromkeys(itertools.chain(*kind.axes.values())))}
    result = object.__new__(kind)
    for i, field in enumerate(dataclasses.fields(kind)):
        shape = tuple(lengths[axis] for axis in kind.axes.get(field.name, ()))
        named = field.name in kind.axes
        values = np.arange(float(np.prod(shape))).reshape(shape) * 10.0 + 100.0 * i
        object.__setattr__(result, field.name, values if named else None)
    return result


@pytest.mark.parametrize("kind", _results(), ids=lambda kind: kind.__name__)
def test_an_axis_has_the_values_that_the_result_has_for_it(kind):
    """Each axis is declared, or is known to be only counted; and `sel` finds what is there."""
    axes = set(itertools.chain(*kind.axes.values()))
    counted = (COUNTED | COUNTED_OF.get(kind.__name__, set())) & axes - kind.coordinates.keys()
    assert axes == counted | kind.coordinates.keys()
    result = _filled(kind)
    dataset = gd.to_xarray(result)
    assert set(dataset.indexes) == set(kind.coordinates)
    assert set(dataset.coords) == {*kind.coordinates, *kind.coordinates.values()}
    assert set(dataset.variables) == {*kind.axes, *kind.coordinates}
    for axis, field in kind.coordinates.items():
        assert kind.axes[field] == (axis,)
        places = getattr(result, field)
        for i, value in enumerate(places):
            there = dataset.sel({axis: value})
            for name, dims in kind.axes.items():
                if axis in dims and name != field:
                    expected = np.take(getattr(result, name), i, dims.index(axis))
                    np.testing.assert_array_equal(there[name], expected)
        with pytest.raises(KeyError):
            dataset.sel({axis: places[-1] + 1.0})


def _steps(ts: Any, rate: Any = 1.0) -> Any:
    return gd.simulate(gd.methods.simultaneous(gd.games.dirac(), 0.1), (rate, rate), ts)


@pytest.mark.parametrize("ts", [np.arange(0, 100, 10), [0, 3, 4, 20], np.array([0, 20, 21])])
def test_a_trajectory_is_found_by_its_time(ts):
    trajectory = _steps(ts)
    dataset = gd.to_xarray(trajectory)
    i = list(ts).index(20)
    at = dataset.sel(time=20)
    assert float(at["ts"]) == 20
    np.testing.assert_array_equal(at["states.players[0]"], trajectory.players[0][i])
    assert float(dataset.sel(time=19, method="nearest")["ts"]) in ts


def test_a_batch_has_the_times_that_its_members_share():
    ts = np.array([0, 3, 20])
    shared = jax.vmap(lambda rate: _steps(ts, rate))(jnp.linspace(0.5, 1.0, 4))
    dataset = gd.to_xarray(shared, "rate")
    np.testing.assert_array_equal(dataset.time, ts)
    np.testing.assert_array_equal(
        dataset.sel(time=20)["states.players[1]"], shared.players[1][:, 2]
    )
    own = jax.vmap(lambda end: _steps(jnp.array([0, 1, 2]) * end))(jnp.array([1, 5]))
    dataset = gd.to_xarray(own, "end")
    assert "time" not in dataset.indexes
    np.testing.assert_array_equal(dataset["ts"], [[0, 1, 2], [0, 5, 10]])


def test_an_axis_of_two_results_has_values_if_they_agree():
    class Pair(Result):
        one: Result
        other: Result

    def pair(a, b):
        return gd.to_xarray(Pair(_steps(a), _steps(b)))

    same, different = pair([0, 2, 20], [0, 2, 20]), pair([0, 2, 20], [0, 2, 30])
    assert float(same.sel(time=20)["other.ts"]) == 20
    assert "time" not in different.indexes


def test_mixed_strategies_are_no_places():
    """Two actions of the same probability would be one place."""
    dataset = gd.to_xarray(gd.values(np.array([[1.0, -1.0], [-1.0, 1.0]])))
    assert dataset["row"].dims == ("row_action",)
    assert not dataset.indexes
    np.testing.assert_allclose(dataset["row"], [0.5, 0.5], atol=1e-6)


def test_axes_without_names_are_refused():
    batched = jax.vmap(exponents)(jnp.arange(2.0))
    with pytest.raises(ValueError, match=r"`exponents` has shape \(2, 3\).*`batch` must name"):
        gd.to_xarray(batched)
    with pytest.raises(ValueError, match=r"`batch` must name .* is \('a', 'b'\)"):
        gd.to_xarray(batched, batch=("a", "b"))


def test_only_results_are_exported():
    with pytest.raises(
        TypeError, match=r"must be a result of gandyn, but is a dict|Type-check error"
    ):
        gd.to_xarray({"x": jnp.ones(3)})  # pyright: ignore[reportArgumentType]
