"""Maps of stability over two hyper-parameters against closed forms."""

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

import gandyn as gd
from gandyn import plots

pytestmark = pytest.mark.slow

SLOPE = 0.5  # f'(0) of the logistic loss
STEPS = jnp.linspace(0.05, 4.5, 17)
STRENGTHS = jnp.linspace(0.05, 2.5, 12)


def alternating(step_size, gamma):
    return gd.methods.alternating(
        gd.games.Penalized(gd.games.dirac(), gd.games.R1(gamma)), step_size
    )


def test_alternating_steps_with_r1_are_stable_where_the_closed_form_says():
    found = gd.stability_map(
        gd.family(alternating), (0.1, 0.1), {"step_size": STEPS, "gamma": STRENGTHS}
    )
    h, g = (np.asarray(v) for v in np.meshgrid(STEPS, STRENGTHS, indexing="ij"))
    np.testing.assert_array_equal(found.stable, (h * SLOPE) ** 2 + 2 * h * g < 4)
    half, determinant = 1 - ((h * SLOPE) ** 2 + h * g) / 2, 1 - h * g
    apart = np.sqrt((half**2 - determinant).astype(complex))
    radius = np.maximum(abs(half + apart), abs(half - apart))
    np.testing.assert_allclose(found.radius, radius, rtol=1e-7)
    assert found.unit == "step"
    data = gd.to_xarray(found)
    assert data.exponents.dims == ("first", "second", "mode")

    _, ax = plt.subplots()
    assert plots.stability_map(found, ax) is ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step_size", "gamma")
    # The line that was drawn is no further from the edge than the nodes are apart.
    h, g = np.concatenate([p.vertices for p in ax.collections[-1].get_paths()]).T
    dh, dg = (float(v[1] - v[0]) for v in (STEPS, STRENGTHS))
    for side in (-1, 1):
        h_aside, g_aside = h + side * dh, g + side * dg
        beyond = (h_aside * SLOPE) ** 2 + 2 * h_aside * g_aside - 4
        assert np.all(np.sign(beyond) == side)
    plt.close("all")


def test_neutral_pairs_are_not_stable():
    """Without R1 alternating steps are neutral, and so they are on the edge."""
    gammas = jnp.asarray([0.0, 1e-9, 0.75])
    steps = jnp.asarray([0.3, 0.7, 2.0])
    found = gd.stability_map(
        gd.family(alternating), (0.0, 0.0), {"step_size": steps, "gamma": gammas}
    )
    h, g = np.asarray(steps)[:, None], np.asarray(gammas)[None]
    edge = (h * SLOPE) ** 2 + 2 * h * g
    np.testing.assert_array_equal(found.neutral, (g == 0) | (edge == 4))
    np.testing.assert_array_equal(found.stable, (g > 0) & (edge < 4))


def test_where_there_is_no_equilibrium_the_map_is_nan():
    # x' = p + q - x^2 rests at sqrt(p + q) only.
    def make(p, q):
        def losses(players, key):
            return (players[0] ** 3 / 3 - (p + q) * players[0],)

        return gd.flows.GradientFlow(gd.fields.Gradient(gd.games.Custom(losses)))

    values = jnp.array([-1.0, -0.5, 0.5, 1.5])
    found = gd.stability_map(gd.family(make), (1.0,), {"p": values, "q": values})
    total = np.asarray(jnp.add.outer(values, values))
    exact = np.where(total >= 0, -2 * np.sqrt(np.maximum(total, 0)), np.nan)
    isolated = total != 0
    np.testing.assert_allclose(found.growth[isolated], exact[isolated], atol=1e-12)
    np.testing.assert_array_equal(found.stable[isolated], exact[isolated] < 0)


def test_bad_axes_are_named():
    with pytest.raises(ValueError, match="two hyper-parameters, but names 1"):
        gd.stability_map(gd.family(alternating), (0.0, 0.0), {"step_size": STEPS})
    with pytest.raises(ValueError, match="`gamma` has shape"):
        gd.stability_map(gd.family(alternating), (0.0, 0.0), {"step_size": STEPS, "gamma": 1.0})
