"""Results with names: what goes into a dataset comes out under its name and its axes."""

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
