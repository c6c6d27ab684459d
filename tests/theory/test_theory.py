"""The closed forms of methods against the methods: maps, limits, best steps and costs."""

import ast
import inspect
import pathlib
import re

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from generic import START_OF_THREE, THREE, one_step, same_set
from numpy.testing import assert_allclose

import gandyn as gd
from gandyn import methods, theory

# What the methods have beside, and no linear field feels at rest: noise, a sign, a fading.
UNFELT = {
    "extragradient": {"fresh"},
    "symplectic": {"align"},
    "sos": {"agreement", "radius"},
}

# Hyper-parameters to try, beside the default values.
HYPER = {
    "alternating": [{"repeats": (2, 3), "order": (0, 1)}],
    "extragradient": [{}, {"extrapolation": 0.3}],
    "runge_kutta": [{}, {"solver": dfx.Heun()}, {"solver": dfx.Bosh3()}],
    "consensus": [{"strength": 0.4}],
    "symplectic": [{}, {"strength": 0.4}],
    "lola": [{}, {"shaping": 0.3}],
    "sos": [{}, {"shaping": 0.7}],
    "unrolled": [
        {"unroll": 3, "inner_step": 0.2},
        {"unroll": 3, "inner_step": 0.5},
        {"unroll": 2, "inner_step": 0.2, "players": (0, 1)},
        {"unroll": 2, "inner_step": 0.2, "players": (0, 1), "backpropagate": False},
        {"unroll": 2, "inner_step": 0.2, "players": (1,), "backpropagate": False},
    ],
    "heavy_ball": [{}, {"momentum": -0.4}, {"momentum": 0.4, "nesterov": True}],
    "negative_momentum": [
        {},
        {"momentum": 0.0},
        {"momentum": 0.3},
        {"momentum": (-0.2, -0.7)},
        {"momentum": (0.1, -0.3)},
    ],
    "complex_momentum": [{}, {"momentum": 0.7, "angle": 1.0}, {"momentum": -0.5, "angle": 0.5}],
    "lead": [{}, {"momentum": 0.2}, {"coupling": 0.4}, {"momentum": -0.3, "coupling": 0.4}],
    "lookahead": [
        {"every": 3, "fraction": 0.3},
        {"every": 3, "fraction": 0.3, "rule": "optimistic"},
        {"every": 2, "fraction": 0.4, "rule": "consensus", "strength": 0.4},
    ],
    "follow_the_ridge": [{}, {"leader": 1}],
    "stackelberg": [{}, {"leader": 1}],
}  # fmt: skip
CASES = [(name, hyper) for name in theory.METHODS for hyper in HYPER.get(name, [{}])]

# In these a third player has no place, or a place that has to be given.
OF_TWO = {"negative_momentum", "follow_the_ridge", "stackelberg"}
OF_THREE = {
    "alternating": {"repeats": (2, 3, 1), "order": (2, 0, 1)},
    "extragradient": {"extrapolation": (0.5, 0.2, 0.1)},
    "heavy_ball": {"momentum": (0.1, -0.3, 0.5)},
    "lola": {"shaping": (0.5, 0.2, 0.1)},
    "unrolled": {"unroll": 2, "inner_step": (0.1, 0.2, 0.3), "players": (0, 2)},
}
ON_A_BILINEAR_GAME = [
    pair for pair in CASES if pair[0] not in ("follow_the_ridge", "stackelberg", "lookahead")
]


def build(name, game, step, hyper):
    """The rule that an entry describes."""
    if name != "lookahead":
        return getattr(methods, name)(game, step, **hyper)
    own = {key: hyper[key] for key in ("every", "fraction")}
    inner = {key: value for key, value in hyper.items() if key not in (*own, "rule")}
    return methods.lookahead(build(hyper.get("rule", "simultaneous"), game, step, inner), **own)


def named(cases):
    return [pytest.param(*case, id=f"{case[0]}-{i}") for i, case in enumerate(cases)]


# Nothing is left out


def test_every_method_has_an_entry_or_a_reason():
    assert not set(theory.METHODS) & set(theory.WITHOUT)
    assert {*theory.METHODS, *theory.WITHOUT} == set(methods.__all__)
    assert all(theory.WITHOUT.values())


@pytest.mark.parametrize("name", theory.METHODS)
def test_entries_take_what_their_methods_take(name):
    _, *rest = inspect.signature(getattr(methods, name)).parameters.values()
    assert name == "lookahead" or rest.pop(0).name == "step_size"
    theirs = {p.name: p.default for p in rest if p.name not in UNFELT.get(name, ())}
    mine = dict(theory.METHODS[name].hyper)
    assert mine.pop("rule", None) == ("simultaneous" if name == "lookahead" else None)
    assert mine == theirs


def test_theory_needs_numpy_alone():
    for file in pathlib.Path(theory.__path__[0]).glob("*.py"):
        imported = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(str(node.module).partition(".")[0])
            assert not (isinstance(node, ast.ImportFrom) and node.level > 1)
        assert imported <= {"collections", "dataclasses", "inspect", "numpy", "types", "typing"}


# Maps


def random_fields(sizes):
    """v = J z with any blocks, those of each player on itself symmetric, as of a gradient."""
    n = sum(sizes)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    J = np.random.default_rng(0).normal(size=(3, n, n)) / 2
    return np.where(owner[:, None] == owner, (J + J.swapaxes(1, 2)) / 2, J)


def of_three(name, hyper):
    """Every method with three players, if it has a place for a third."""
    sizes = (2, 1) if name in OF_TWO else (1, 2, 1)
    # LEAD couples by its step, which then is one number.
    one = name == "lead" and "coupling" not in hyper
    steps = 0.2 if one else (0.1, 0.3, 0.2)[: len(sizes)]
    return sizes, steps, hyper if name in OF_TWO else hyper | OF_THREE.get(name, {})


@pytest.mark.slow
@pytest.mark.parametrize(("name", "hyper"), named(CASES))
def test_maps_are_those_of_the_methods(name, hyper):
    """On random general games of three, with steps of their own."""
    sizes, steps, hyper = of_three(name, hyper)
    fields = random_fields(sizes)
    rest = tuple(jnp.zeros(n) for n in sizes)

    def rule(J):
        return build(name, gd.games.quadratic(J, sizes), steps, hyper)

    matrices = [theory.METHODS[name].map(J, steps, sizes, **hyper) for J in fields]
    if len(matrices[0]) == len(fields[0]):
        found = jax.jit(jax.vmap(lambda J: gd.jacobian(rule(J), rest)))(fields)
        assert_allclose(np.eye(len(fields[0])) + np.asarray(found), matrices, atol=1e-11)
        return
    found = jax.jit(jax.vmap(lambda J: gd.spectrum(rule(J), rest).multipliers))(fields)
    for multipliers, matrix in zip(np.asarray(found), matrices, strict=True):
        same_set(multipliers, np.linalg.eigvals(matrix), 1e-7)


@pytest.mark.parametrize("name", ["alternating", "negative_momentum"])
def test_maps_are_those_of_the_methods_every_day(name):
    test_maps_are_those_of_the_methods(name, HYPER.get(name, [{}])[0])


@pytest.mark.parametrize("method", [methods.follow_the_ridge, methods.stackelberg])
def test_methods_of_a_leader_and_a_follower_refuse_a_third(method):
    with pytest.raises(ValueError, match="a game of 2 players, but `players` has 3"):
        one_step(method(THREE, 0.1), START_OF_THREE)
    with pytest.raises(ValueError, match="must be 2 players"):
        theory.METHODS[method.__name__].map(np.eye(3), 0.1)


# Bilinear games


SINGULAR = ([1.0], [1.0, 0.4], [2.0, 0.0, 0.5])


def radii(name, hyper, s, steps):
    J = theory.bilinear([x for x in s if x > 0])
    sizes = (len(J) // 2,) * 2
    return np.array([theory.METHODS[name].radius(J, h, sizes, **hyper) for h in steps])


@pytest.mark.slow
@pytest.mark.parametrize("s", SINGULAR)
@pytest.mark.parametrize(("name", "hyper"), named(ON_A_BILINEAR_GAME))
def test_limits_are_where_the_radius_passes_one(name, hyper, s):
    method = theory.METHODS[name]
    limit = method.limit(s, **hyper)
    if limit is None:
        assert name == "runge_kutta"
        assert hyper["solver"]
        return
    rounding = 1e-7  # of multipliers that are double
    if limit == 0:
        assert np.all(radii(name, hyper, s, np.linspace(1e-3, 3, 100)) > 1 - rounding)
        assert radii(name, hyper, s, [0.1]) > 1
        return
    if limit == np.inf:
        assert np.all(radii(name, hyper, s, [1e-2, 1.0, 1e4]) < 1)
        return
    below = radii(name, hyper, s, limit * np.linspace(0.01, 0.999, 40))
    if method.turns(**hyper):
        assert np.all(abs(below - 1) < rounding)
    else:  # short steps gain less than rounding leaves to be seen
        assert np.all(below < 1 + 1e-12)
        assert np.all(below[10:] < 1 - 1e-9)
    at, above = radii(name, hyper, s, [limit, 1.001 * limit])
    assert abs(at - 1) < rounding
    assert above > 1 + 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("s", SINGULAR)
@pytest.mark.parametrize(("name", "hyper"), named(ON_A_BILINEAR_GAME))
def test_best_steps_are_the_lowest_of_a_fine_search(name, hyper, s):
    best = theory.METHODS[name].best(s, **hyper)
    if best is None:
        return
    if best.step == np.inf:
        assert best.radius == 0
        assert radii(name, hyper, s, [1e6]) < 1e-5
        return
    rounding = 1e-7
    assert_allclose(radii(name, hyper, s, [best.step]), best.radius, atol=rounding)
    around = np.linspace(0, max(2 * best.step, 1.0), 200)
    near = best.step * (1 + 1e-3 * np.linspace(-1, 1, 40))
    assert radii(name, hyper, s, [*around, *near]).min() > best.radius - rounding


def test_closed_forms_are_missing_only_where_none_is_known():
    defaults = {name: HYPER.get(name, [{}])[0] for name in theory.METHODS}
    no_limit = {n for n, h in defaults.items() if theory.METHODS[n].limit(1.0, **h) is None}
    no_best = {n for n, h in defaults.items() if theory.METHODS[n].best(1.0, **h) is None}
    assert no_limit == {"follow_the_ridge", "stackelberg", "lookahead"}
    assert no_best == no_limit | {"negative_momentum", "complex_momentum"}


@pytest.mark.parametrize("s", [0.0, [], [-1.0, 1.0]])
def test_singular_values_are_not_negative_and_one_is_positive(s):
    with pytest.raises(ValueError, match="`singular_values`"):
        theory.METHODS["simultaneous"].limit(s)


@pytest.mark.parametrize(
    ("J", "step", "sizes", "said"),
    [
        (np.ones((2, 3)), 0.1, None, "square"),
        (np.eye(3), 0.1, (1, 1), "sum 3"),
        (np.eye(2), (0.1, 0.1, 0.1), None, "2 players"),
    ],
)
def test_fields_and_steps_that_do_not_fit_are_told(J, step, sizes, said):
    with pytest.raises(ValueError, match=said):
        theory.METHODS["simultaneous"].map(J, step, sizes)


# What docstrings say is what the records say


def value(text):
    """Of `1`, `1/sqrt(3)`, `sqrt(8)`."""
    top, _, bottom = text.partition("/")

    def of(word):
        root = re.fullmatch(r"sqrt\((\d+)\)", word)
        return np.sqrt(float(root[1])) if root else float(word)

    return of(top) / (of(bottom) if bottom else 1)


_NUMBER = r"((?:sqrt\(\d+\)|\d+)(?:/(?:sqrt\(\d+\)|\d+))?)"


@pytest.mark.parametrize("name", theory.METHODS)
def test_docstrings_say_the_limits(name):
    text = " ".join((getattr(methods, name).__doc__ or "").split())
    if said := re.search(rf"(?:while|contracts while 0 <) h s < {_NUMBER}", text):
        assert_allclose(theory.METHODS[name].limit(1.0), value(said[1]))
    if said := re.search(rf"fastest at h s = {_NUMBER}", text):
        assert_allclose(theory.METHODS[name].best(1.0).step, value(said[1]))
    if re.search(r"for every h\.|stable for every h|for every h and b", text):
        limit = theory.METHODS[name].limit(1.0)
        assert limit == (0 if re.search("diverges|grows", text) else np.inf)


def test_docstrings_say_some_limits():
    """The law above has something to look at."""
    text = " ".join(str(getattr(methods, name).__doc__) for name in theory.METHODS)
    text = " ".join(text.split())
    assert len(re.findall(rf"h s < {_NUMBER}", text)) >= 5
    assert len(re.findall(rf"fastest at h s = {_NUMBER}", text)) >= 2


# Costs


@pytest.mark.slow
@pytest.mark.parametrize(("name", "hyper"), named(CASES))
def test_costs_are_those_that_are_counted(name, hyper):
    sizes, steps, hyper = of_three(name, hyper)
    game = gd.games.quadratic(random_fields(sizes)[0], sizes)
    start = tuple(jnp.ones(n) for n in sizes)
    counted = gd.cost(build(name, game, steps, hyper), start)
    known = theory.METHODS[name].cost(sizes, **hyper)
    if known is None:
        assert name == "proximal_point"
        return
    assert known.gradients == tuple(counted.gradients)
    assert known.products == counted.products
    assert known.total == counted.total


def test_equations_in_many_unknowns_have_no_known_cost():
    for name in ("competitive", "follow_the_ridge", "stackelberg"):
        assert theory.METHODS[name].cost((100, 100)) is None


# The table


def test_the_readme_has_the_table():
    assert theory.table() in (pathlib.Path(__file__).parents[2] / "README.md").read_text()


def test_the_table_has_a_row_for_every_method():
    rows = theory.table().splitlines()
    assert len(rows) == 2 + len(theory.METHODS)
    assert len({row.count(" | ") for row in rows}) == 1
    for name, row in zip(theory.METHODS, rows[2:], strict=True):
        assert row.startswith(f"| `{name}`")
        assert row.endswith(f"{theory.METHODS[name].paper} |")
