"""Every plot draws every result: of all kinds of dynamics, empty ones, batches, and what blew up.

Plots are found by introspection: a plot is a function of `gandyn.plots` with a `result`, and which
results it draws is the annotation of that. Whatever is not drawn is refused in words.
"""

import inspect
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

import gandyn as gd
from gandyn import monitors, plots, results
from gandyn.games import Custom
from gandyn.plots._continuation import MARKERS

Kind = results.Settled.Kind

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("as_installed")]

PLOTS: dict[str, Callable[..., Any]] = {
    name: function
    for name, function in vars(plots).items()
    if inspect.isfunction(function) and "result" in inspect.signature(function).parameters
}

DIRAC = gd.games.dirac()
ROTATION = gd.games.bilinear([[1.0]])
PLANE = gd.games.bilinear(jnp.eye(2))
CUBIC = gd.games.zero_sum(lambda x, y: x**4 / 4 - x**2 / 2 - y**2 / 2)
ONE_NUMBER = Custom(lambda z, key: (z[0] ** 2,))
ONE_VECTOR = Custom(lambda z, key: (jnp.sum(z[0] ** 2 * jnp.asarray([1.0, 0.5])),))
THREE = Custom(lambda z, key: (z[0] * z[1], z[1] * z[2] - z[0] * z[1], z[2] ** 2 - z[1] * z[2]))


def flow(game: Any, field: Callable[[Any], Any] = lambda field: field) -> Any:
    return gd.flows.GradientFlow(field(gd.fields.Gradient(game)))


VECTOR = jnp.asarray([0.3, 0.1])
NUMBERS, TWO_VECTORS = (0.3, 0.1), (VECTOR, VECTOR)
DYNAMICS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "one move": (gd.methods.simultaneous(DIRAC, 0.3), NUMBERS),
    "two moves": (gd.methods.alternating(DIRAC, 0.3), NUMBERS),
    "memory": (gd.methods.optimistic(DIRAC, 0.3), NUMBERS),
    "momentum": (gd.methods.negative_momentum(DIRAC, 0.3), NUMBERS),
    "vectors": (gd.methods.extragradient(PLANE, 0.3), TWO_VECTORS),
    "flow": (flow(DIRAC), NUMBERS),
    "held at a wall": (
        flow(CUBIC, lambda field: gd.fields.Confined(field, -0.5, 0.5)),
        (0.3, 0.1),
    ),
    "one number": (gd.methods.simultaneous(ONE_NUMBER, 0.3), (0.3,)),
    "one vector": (flow(ONE_VECTOR), (VECTOR,)),
    "three players": (gd.methods.simultaneous(THREE, 0.3), (0.3, 0.1, 0.2)),
}


def times(dynamics: Any, n: int) -> np.ndarray:
    return np.arange(n) if dynamics.unit == "step" else np.linspace(0.0, 1.0, n)


def origin(players: tuple[Any, ...]) -> tuple[Any, ...]:
    return jax.tree.map(jnp.zeros_like, players)


def each(kinds: Any, analyse: Callable[[Any, Any], Any]) -> dict[str, Callable[[], Any]]:
    """An analysis of several dynamics."""
    return {kind: lambda kind=kind: analyse(*DYNAMICS[kind]) for kind in kinds}


def numbers(*values: float) -> Any:
    return jnp.asarray(values)


NO_STATE = gd.State((numbers(0.0), numbers(0.0)))
TABLES = (np.array([[2.0, 4.0], [1.0, 3.0]]), np.array([[1.0, 0.0], [0.0, 2.0]]))
EXPONENTS = jnp.asarray([[-0.1 + 1j, -0.1 - 1j], [0.1 + 0j, -1 + 0j], [-1 + 0j, -np.inf + 0j]])
SQUARE = (numbers(1.0, 0.0, -1.0, 0.0), numbers(0.0, 1.0, 0.0, -1.0))


def stacked(results: Sequence[Any]) -> Any:
    """What `vmap` would have made of them."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *results)


def settled(kind: Kind, n: int = 2) -> results.Settled:
    nan = jnp.asarray(jnp.nan)
    return results.Settled(
        jnp.asarray(kind),
        gd.State((jnp.zeros(n),)),
        jnp.asarray(10.0),
        jnp.full(n, 0.0 if kind == Kind.EQUILIBRIUM else -0.5),
        jnp.full(n, 0.0 if kind == Kind.EQUILIBRIUM else 0.5),
        jnp.asarray(6.0) if kind == Kind.CYCLE else nan,
        nan,
        nan,
        nan,
        "step",
    )


def equilibria(players: Any, kind: Any) -> results.Equilibria:
    three = jnp.arange(3.0)
    return results.Equilibria(
        players, three, jnp.arange(3), results.Spectrum(EXPONENTS, "step"), kind
    )


def kinds(*names: str) -> results.Classification:
    every = ("stationary", "local_nash", "local_minmax", "local_maxmin", "degenerate")
    found = {name: jnp.asarray(name in names) for name in every}
    return results.Classification(**found, own=jnp.ones(2), total=jnp.ones(2))


def basins(labels: Any, centers: Any) -> results.Basins:
    centers = np.asarray(centers)
    extents = 0.1 * np.arange(len(centers))[:, None] * np.ones_like(centers)
    return results.Basins(
        numbers(0.0, 1.0, 2.0),
        numbers(0.0, 1.0),
        jnp.asarray(labels),
        jnp.zeros((2, 3)),
        jnp.asarray(centers - extents),
        jnp.asarray(centers + extents),
        jnp.ones(len(centers), bool),
        ("player 0", "player 1"),
        (0, 1),
        0,
        "step",
    )


def branch(kind: str, period: float, highest: float = 0.0) -> results.Continuation:
    """Three points on it, with a bifurcation at the second, of a player who is one number."""
    y = numbers(-1.0, 0.0, 1.0)
    at = (jnp.asarray(0.0),)
    found = results.Bifurcation(
        kind,
        jnp.asarray(0.0),
        gd.State(at),
        jnp.asarray(period),
        at,
        (jnp.asarray(highest),),
        jnp.asarray(0j),
        jnp.asarray(1),
        jnp.asarray(jnp.nan),
        jnp.ones(2),
        "unit time",
    )
    return results.Continuation(
        numbers(1.0, 0.0, 1.0),
        (y,),
        jnp.full(3, period),
        (y,),
        (y + highest,),
        EXPONENTS[:, :1],
        jnp.zeros(3, bool),
        (found, found),
        ("the bounds end", "the bounds end"),
        (True, True),
        "p",
        "unit time",
    )


def stability_map(n: int, m: int) -> results.StabilityMap:
    growth = np.linspace(-1.0, 0.5, n * m).reshape(n, m, 1)
    return results.StabilityMap(
        jnp.arange(1.0, n + 1),
        jnp.arange(1.0, m + 1),
        jnp.asarray(growth + 0j),
        jnp.zeros((n, m), bool),
        ("step_size", "gamma"),
        "step",
    )


def exploitability(*gains: float) -> results.Exploitability:
    n = len(gains)
    return results.Exploitability(numbers(*gains), (jnp.asarray(0.0),) * n, jnp.ones(n, bool))


def fastest(unit: str) -> results.Fastest:
    at = {"step_size": jnp.asarray(0.1), "gamma": jnp.asarray(2.0)}
    growth = jnp.asarray(-0.1)
    return results.Fastest(at, growth, EXPONENTS[0], jnp.asarray(False), NO_STATE, unit)


def critical(unit: str) -> results.Critical:
    ends = numbers(-1.0, 1.0)
    value = jnp.asarray(0.2)
    return results.Critical(value, ends, ends, ends, jnp.asarray(0.5j), NO_STATE, "h", unit)


def circle(growth: float) -> results.Circle:
    zero = jnp.asarray(0.0)
    exponents = numbers(0.0, growth)
    return results.Circle(
        gd.State(SQUARE),
        zero + 0.25,
        jnp.zeros(2),
        zero + 1,
        exponents,
        zero,
        jnp.asarray(True),
        "step",
    )


def cycle(players: Any, *multipliers: complex) -> results.Cycle:
    start = jax.tree.map(lambda x: x[0], players)
    return results.Cycle(
        gd.State(start),
        jnp.asarray(4.0),
        jnp.asarray(multipliers, complex),
        gd.State(players),
        jnp.asarray(0.0),
        jnp.asarray(True),
        "unit time",
    )


# What depends on the dynamics is computed, the rest put together: all forms that it can have.
RESULTS: dict[str, dict[str, Callable[[], Any]]] = {
    "trajectory": each(DYNAMICS, lambda d, z: gd.simulate(d, z, times(d, 5))),
    "spectrum": each(
        ("one move", "memory", "flow", "held at a wall", "one number", "three players"),
        lambda d, z: gd.spectrum(d, origin(z)),
    ),
    "portrait": {
        "one move": lambda: gd.portrait(*DYNAMICS["one move"], nodes=5),
        **each(
            [kind for kind in DYNAMICS if kind not in ("one move", "memory", "one number")],
            lambda d, z: gd.portrait(d, z, nodes=5, nullclines=False),
        ),
    },
    "fixed_point": each(("one move", "one vector"), lambda d, z: gd.fixed_point(d, origin(z))),
    "transient": each(
        ("one move", "one vector"), lambda d, z: gd.transient(d, origin(z), times(d, 5))
    ),
    "lyapunov": each(("one move", "three players"), lambda d, z: gd.lyapunov(d, z, times(d, 20))),
    "rotation": each(
        ("one move", "vectors"), lambda d, z: gd.rotation(gd.simulate(d, z, times(d, 50)))
    ),
    "equilibria": {
        "of a game of two": lambda: equilibria(
            (jnp.arange(3.0), jnp.arange(3.0)),
            stacked([kinds("stationary", "local_nash"), kinds("local_minmax"), kinds()]),
        ),
        "of a vector": lambda: equilibria((jnp.eye(3, 2),), None),
        "none": lambda: jax.tree.map(lambda x: x[:0], equilibria((jnp.eye(3, 2),), None)),
        "of three players": lambda: equilibria((jnp.arange(3.0),) * 3, None),
    },
    "basins": {
        "attractors": lambda: basins([[0, 1, -1], [0, 1, -2]], [[0.5, 0.5], [1.0, 0.2]]),
        "none": lambda: basins([[-1, -1, -1], [-2, -2, -2]], np.zeros((0, 2))),
        "not in the plane": lambda: basins([[0, 0, 0], [0, 0, -1]], [[0.0, 0.0, 1.0]]),
    },
    "settled": {kind.name: lambda kind=kind: settled(kind) for kind in Kind},
    "cycle": {
        "attracts": lambda: cycle(SQUARE, 1.0, 0.5),
        "repels": lambda: cycle((jnp.stack(SQUARE, -1), SQUARE[0]), 2.0, 1.0, 0.5),
        "circle": lambda: circle(-0.1),
    },
    "classification": {
        "Nash": lambda: kinds("stationary", "local_nash"),
        "nothing": lambda: kinds(),
    },
    "exploitability": {
        "one": lambda: exploitability(0.5),
        "two": lambda: exploitability(0.5, 0.0),
        "four": lambda: exploitability(0.5, 0.0, 1.0, 2.0),
    },
    "critical": {unit: lambda unit=unit: critical(unit) for unit in ("step", "unit time")},
    "fastest": {unit: lambda unit=unit: fastest(unit) for unit in ("step", "unit time")},
    "stability_map": {
        f"{n} by {m}": lambda n=n, m=m: stability_map(n, m) for n, m in ((2, 3), (1, 3), (1, 1))
    },
    "continuation": {
        **{kind: lambda kind=kind: branch(kind, 0.0) for kind in MARKERS},
        "of cycles": lambda: branch("fold", 4.0, 0.5),
    },
    "values": {"a table": lambda: gd.values(jnp.asarray([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0]]))},
    "leader": {"a table": lambda: gd.leader(TABLES)},
    "frame": {
        "two bumps": lambda: results.Frame(
            *jnp.asarray([[0, 1, 2.0], [0, 1, 0], [0, 0, 2], [-1, 0, 1]])
        )
    },
    "path_angle": {
        "a line": lambda: monitors.PathAngle(numbers(0.0, 1.0), *2 * [numbers(1.0, -1.0)])
    },
    "integrator_error": {
        "a flow": lambda: monitors.IntegratorError(
            numbers(0.0, 1.0, 2.0), numbers(0.0, 1e-9, 2e-9), jnp.asarray(1e-9)
        ),
        "none": lambda: monitors.IntegratorError(
            numbers(0.0, 1.0), numbers(0.0, 0.0), jnp.asarray(0.0)
        ),
    },
}
CASES = [(plot, case) for plot, cases in RESULTS.items() for case in cases]
NEEDED: dict[str, dict[str, Any]] = {"leader": {"losses": TABLES[0]}}


@cache
def result(plot: str, case: str) -> Any:
    return RESULTS[plot][case]()


@pytest.fixture(autouse=True)
def no_figures():
    yield
    plt.close("all")


def draw(plot: str, found: Any, ax: Any = None, **keywords: Any) -> Any:
    """What a plot makes of a result, down to the pixels."""
    ax = PLOTS[plot](found, ax, **{**NEEDED.get(plot, {}), **keywords})
    ax.figure.set_dpi(20)
    ax.figure.canvas.draw()
    limits = np.asarray([ax.get_xlim(), ax.get_ylim()])
    assert np.all(np.isfinite(limits))
    assert np.all(limits[:, 0] != limits[:, 1])
    return ax


def told(plot: str, found: Any, ax: Any = None, **keywords: Any) -> str:
    """What a plot says of what it does not draw: words of gandyn, not of what is below it."""
    with pytest.raises((TypeError, ValueError)) as caught:
        PLOTS[plot](found, ax, **{**NEEDED.get(plot, {}), **keywords})
    deepest = traceback.extract_tb(caught.value.__traceback__)[-1].filename
    assert "gandyn" in deepest, f"{caught.value!r} from {deepest}"
    return str(caught.value)


def drawn_or_told(plot: str, found: Any, **keywords: Any) -> None:
    try:
        draw(plot, found, **keywords)
    except (TypeError, ValueError):
        told(plot, found, **keywords)


def drawn_by(plot: str) -> tuple[type, ...]:
    annotation = inspect.signature(PLOTS[plot]).parameters["result"].annotation
    return get_args(annotation) or (annotation,)


def test_every_plot_is_held_to_these_laws():
    assert set(RESULTS) == set(PLOTS)


@pytest.mark.parametrize(("plot", "case"), CASES)
def test_every_result_is_drawn(plot, case):
    found = result(plot, case)
    assert isinstance(found, drawn_by(plot))
    assert all(map(eqx.is_array, jax.tree.leaves(found)))  # text is no leaf, or `jit` returns none
    ax = draw(plot, found)
    assert ax.get_xlabel() or ax.get_ylabel()


@pytest.mark.parametrize("plot", PLOTS)
def test_axes_keep_the_names_that_they_have(plot):
    _, ax = plt.subplots()
    ax.set(xlabel="mine", ylabel="yours")
    draw(plot, result(plot, next(iter(RESULTS[plot]))), ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mine", "yours")


def shortened(found: Any, axis: str) -> Any:
    """A result with nothing along one of its axes."""

    def cut(name: str) -> Any:
        value = getattr(found, name)
        axes = found.axes.get(name, ())
        if axis not in axes:
            return value
        none = (slice(None),) * axes.index(axis) + (slice(0),)
        return jax.tree.map(lambda leaf: leaf[none], value)

    names = list(found.axes)
    return eqx.tree_at(
        lambda r: [getattr(r, name) for name in names],
        found,
        [cut(name) for name in names],
        is_leaf=lambda x: x is None,
    )


@pytest.mark.parametrize("plot", PLOTS)
def test_an_empty_result_is_drawn_or_refused_in_words(plot):
    found = result(plot, next(iter(RESULTS[plot])))
    # Grids have nodes, and players coordinates: that is seen to where they are computed.
    always = {"x", "y", "component", "end", "mode"}
    always |= {"equilibrium"} if plot == "equilibria" else set()  # other results inside have it too
    for axis in {axis for axes in found.axes.values() for axis in axes} - always:
        drawn_or_told(plot, shortened(found, axis))


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("plot", PLOTS)
def test_a_batch_is_drawn_or_refused_in_words(plot, n):
    found = result(plot, next(iter(RESULTS[plot])))
    batch = jax.tree.map(lambda leaf: leaf[:n], stacked([found] * 3))
    drawn_or_told(plot, batch)
    keywords = inspect.signature(PLOTS[plot]).parameters
    if "along" in keywords:
        draw(plot, batch, along=np.linspace(0.0, 1.0, n))
        assert "`along`" in told(plot, batch, along=np.linspace(0.0, 1.0, n + 1))
    elif plot != "trajectory":
        assert "vmap" in told(plot, batch)
    twice = stacked([batch] * 2)
    drawn_or_told(plot, twice)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("plot", PLOTS)
def test_what_blew_up_is_drawn(plot, bad):
    found = result(plot, next(iter(RESULTS[plot])))

    def blown(leaf: Any) -> Any:
        return jnp.full_like(leaf, bad) if eqx.is_inexact_array(leaf) else leaf

    grid = found.coordinates.values()  # where it was looked at is known
    kept = [getattr(found, name) for name in grid]
    lost = jax.tree.map(blown, found)
    lost = eqx.tree_at(lambda r: [getattr(r, name) for name in grid], lost, kept) if kept else lost
    drawn_or_told(plot, lost)
    if not np.isfinite(bad):
        # The last of each alone, and with it what is as large.
        def last(leaf: Any) -> Any:
            whole = not eqx.is_inexact_array(leaf) or leaf.ndim == 0
            return leaf if whole else jnp.asarray(leaf).at[..., -1].set(bad)

        some = jax.tree.map(last, found)
        some = eqx.tree_at(lambda r: [getattr(r, n) for n in grid], some, kept) if kept else some
        draw(plot, some)


@pytest.mark.parametrize("plot", PLOTS)
def test_what_is_no_such_result_is_refused_in_words(plot):
    names = [kind.__name__ for kind in drawn_by(plot)]
    others = [result(p, next(iter(RESULTS[p]))) for p in ("trajectory", "spectrum", "values")]
    wrong = [x for x in others if not isinstance(x, drawn_by(plot))]
    for found in (*wrong, DYNAMICS["two moves"][0], DIRAC, None, "a", 3.0, np.ones(3), {}, plt):
        words = told(plot, found)
        assert words.startswith("`result` must be ")
        assert all(name in words for name in names)
        assert type(found).__name__ in words


@pytest.mark.parametrize("plot", PLOTS)
def test_what_are_no_axes_is_refused_in_words(plot):
    found = result(plot, next(iter(RESULTS[plot])))
    fig, grid = plt.subplots(1, 2)
    for ax in (fig, grid, "a", 0, plt):
        assert told(plot, found, ax).startswith("`ax` must be ")


NONSENSE: dict[str, tuple[Any, ...]] = {
    "along": ("a", [[1.0, 2.0]], np.ones(7), object()),
    "labels": (("x",), ("x", "y", "z"), "xy", 3, (1, 2)),
    "plane": ((0, 9), (0, 0), (0,), "xy", 3, (0, -1), (0, 0.5), None),
    "density": (-1, 0, np.nan, "a", None, [1.0, 2.0]),
    "limit": (-1.0, 0.0, np.nan, "a", [1.0]),
    "coordinate": (9, -1, 0.5, "a", None),
    "row": ("a", np.ones(7), [[1.0]]),
    "column": ("a", np.ones(7), [[1.0]]),
    "losses": ("a", np.ones(7), np.ones((1, 1)), None),
    "top": (-1.0, np.nan, "a"),
    "logits": (1.0, (1.0, 2.0, 3.0), "ab"),
    "colors": (["red"] * 9,),
}


@pytest.mark.parametrize("plot", PLOTS)
def test_nonsense_is_refused_in_words_that_name_it(plot):
    found = result(plot, next(iter(RESULTS[plot])))
    keywords = set(inspect.signature(PLOTS[plot]).parameters) & set(NONSENSE)
    keywords -= {"labels"} if plot == "frame" else set()  # there it is yes or no
    for name in keywords:
        for value in NONSENSE[name]:
            words = told(plot, found, **{name: value})
            assert f"`{name}`" in words or f"`{name}[" in words, (name, value)


def test_nothing_is_drawn_while_it_is_traced():
    found = result("trajectory", "one move")
    with pytest.raises(ValueError, match="cannot be traced"):
        jax.jit(lambda r: plots.trajectory(r) and 0)(found)


def test_coordinates_are_called_after_their_players():
    """A generator and a discriminator are only where there is a GAN."""
    expected = {
        "one move": ("generator $\\theta$", "discriminator $\\psi$"),
        "flow": ("generator $\\theta$", "discriminator $\\psi$"),
        "held at a wall": ("player 0", "player 1"),
        "vectors": ("player 0, coordinate 0", "player 0, coordinate 1"),
        "one vector": ("player 0, coordinate 0", "player 0, coordinate 1"),
        "three players": ("player 0", "player 1"),
    }
    for kind, names in expected.items():
        ax = plots.portrait(result("portrait", kind))
        assert (ax.get_xlabel(), ax.get_ylabel()) == names
        plots.trajectory(result("trajectory", kind), ax)
        assert (ax.get_xlabel(), ax.get_ylabel()) == names
    ax = plots.trajectory(result("trajectory", "three players"), plane=(0, 2))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("player 0", "player 2")
    ax = plots.trajectory(result("trajectory", "three players"), ax, labels=("x", "y"))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_basins_are_starred_in_their_own_plane():
    """In the plane (1, 0) the attractor (a, b) is at (b, a)."""
    game = gd.games.zero_sum(lambda x, y: (x - 1) ** 2 / 2 - (y + 0.5) ** 2 / 2)
    found = gd.basins(
        gd.methods.simultaneous(game, 0.5), NUMBERS, nodes=3, plane=(1, 0), duration=64
    )
    (star,) = (line for line in plots.basins(found).lines if line.get_marker() == "*")
    np.testing.assert_allclose(star.get_xydata(), [[-0.5, 1.0]], atol=1e-6)


def test_the_unit_disk_is_round_and_the_half_plane_does_not_set_the_scale():
    ax = draw("spectrum", result("spectrum", "one move"))
    (width, height) = (
        np.diff(ax.transData.transform([(0, 0), (1, 0)])[:, 0])[0],
        np.diff(ax.transData.transform([(0, 0), (0, 1)])[:, 1])[0],
    )
    np.testing.assert_allclose(width, height)
    exponents = np.asarray([-1 + 2j, -1 - 2j, 0.1, -np.inf, np.nan])
    ax = draw("spectrum", results.Spectrum(jnp.asarray(exponents), "unit time"))
    low, high = ax.get_xlim()
    assert -1.2 < low < -1
    assert 0.1 < high < 0.2


def test_a_letter_stands_above_the_left_corner_beside_the_title():
    _, ax = plots.figure()
    ax.set_title("title")
    assert plots.letter(ax, "a") is ax
    assert (ax.get_title(loc="left"), ax.get_title()) == ("a", "title")
    with pytest.raises(TypeError, match="`ax` must be the axes"):
        plots.letter("a", "a")  # pyright: ignore
    with pytest.raises(TypeError, match="`name` must be a letter"):
        plots.letter(ax, 0)  # pyright: ignore


def test_every_color_of_an_idea_is_one_that_the_color_blind_can_tell():
    assert set(plots.COLORS.values()) <= set(plots.PALETTE.values())
    assert len(set(plots.PALETTE.values())) == len(plots.PALETTE)


def test_a_figure_is_saved_in_a_folder_that_is_made(tmp_path):
    ax = plots.spectrum(result("spectrum", "one move"))
    plots.save(ax.figure, str(tmp_path / "new" / "folder"), "name")
    assert {p.name for p in (tmp_path / "new" / "folder").iterdir()} == {"name.png", "name.pdf"}
    with pytest.raises(TypeError, match="`fig` must be a figure"):
        plots.save(ax, tmp_path)  # pyright: ignore
    fig, _ = plots.figure()
    plots.film([fig], str(tmp_path / "films" / "film.gif"))
    assert (tmp_path / "films" / "film.gif").exists()
