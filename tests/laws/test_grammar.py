"""One grammar for all analyses: analysis(subject, at, *question, box= | bounds= | axes=, key=None,
numerics), and results that say what they are per and whether they were found.
"""

import ast
import dataclasses
import enum
import inspect
import typing
from pathlib import Path

import jax
import numpy as np
import pytest

import gandyn as gd
from gandyn import analyses, results

FUNCTIONS = dict(inspect.getmembers(analyses, inspect.isfunction)) | {"simulate": gd.simulate}

SUBJECTS = {
    "dynamics": "players",
    "family": "players",
    "game": "players",
    "trajectory": None,
    "losses": None,
    "payoff": None,
}
QUESTIONS = {"ts", "period", "duration", "escape", "x", "candidates", "player"}
REGIONS = {"dynamics": {"box"}, "family": {"bounds", "axes"}}
# What is asked by name: numerics and choices, each of one meaning wherever it appears.
NAMED = {
    *("key", "nodes", "duration", "escape", "tolerance", "max_steps", "max_points", "starts"),
    *("resolution", "progress", "leading", "k", "plane", "nullclines", "legs", "start", "strong"),
}
TABLES = {"tabulate"}  # one set of candidates for each player

SEARCHES = {
    *(
        "equilibrium",
        "equilibria",
        "cycle",
        "circle",
        "circles",
        "critical",
        "fastest",
        "continuation",
    ),
    *("exploitability",),
}
RATES = {"exponents", "multipliers", "period", "growth", "reactivity", "rotation", "times"}


def parameters(name):
    return list(inspect.signature(FUNCTIONS[name]).parameters.values())


def result(name):
    hint = typing.get_type_hints(FUNCTIONS[name]).get("return")
    return hint if inspect.isclass(hint) and issubclass(hint, results.Result) else None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_signature_keeps_the_grammar(name):
    placed = [p.name for p in parameters(name) if p.kind is p.POSITIONAL_OR_KEYWORD]
    named = {p.name for p in parameters(name) if p.kind is p.KEYWORD_ONLY}
    subject, *rest = placed
    assert subject in SUBJECTS
    at = SUBJECTS[subject]
    if at is not None and name not in TABLES:
        assert rest.pop(0) == at
    regions = REGIONS.get(subject, set())
    if rest and rest[-1] in regions:
        rest.pop()
    assert set(rest) <= QUESTIONS
    assert named <= NAMED
    assert "key" not in placed


@pytest.mark.parametrize(
    "name", [n for n in FUNCTIONS if "key" in inspect.signature(FUNCTIONS[n]).parameters]
)
def test_nothing_is_random_unless_it_is_asked_for(name):
    key = inspect.signature(FUNCTIONS[name]).parameters["key"]
    assert key.kind is key.KEYWORD_ONLY
    assert key.default is None


@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_a_search_says_whether_it_found_something(name):
    assert hasattr(result(name), "converged") or "converged" in result(name).__dataclass_fields__


RESULTS = {name: getattr(results, name) for name in results.__all__ if name != "Result"}


@pytest.mark.parametrize("name", RESULTS)
def test_a_rate_has_a_unit(name):
    fields = {field.name for field in dataclasses.fields(RESULTS[name])}
    if fields & RATES:
        assert "unit" in fields


@pytest.mark.parametrize("name", RESULTS)
def test_a_box_has_corners(name):
    fields = {field.name for field in dataclasses.fields(RESULTS[name])}
    assert not fields & {"lowest", "highest", "extents", "amplitude", "bounds", "box"}
    assert ("low" in fields) == ("high" in fields)


@pytest.mark.parametrize("name", RESULTS)
def test_an_enumeration_belongs_to_its_result(name):
    owned = [x for x in vars(RESULTS[name]).values() if inspect.isclass(x)]
    for kind in owned:
        assert issubclass(kind, enum.IntEnum)


def test_results_and_enumerations_are_nowhere_else():
    public = {name for name in dir(gd) if not name.startswith("_")}
    classes = {
        n
        for n in public
        if inspect.isclass(getattr(gd, n))
        and issubclass(getattr(gd, n), (results.Result, enum.Enum))
    }
    assert not classes


def penalized(strength):
    return gd.games.Penalized(gd.games.dirac(), gd.games.R1(strength))


FAMILY = gd.family(lambda h, g: gd.methods.alternating(penalized(g), h))


@pytest.mark.slow
@pytest.mark.parametrize("step", np.linspace(0.05, 1.9, 5))
def test_neutral_is_not_stable_wherever_it_is_asked(step):
    """Alternating steps of Dirac-GAN turn on circles, whatever their size."""
    neutral = FAMILY(h=step, g=0.0)
    rest = (0.0, 0.0)
    assert not gd.spectrum(neutral, rest).stable
    assert not gd.fixed_point(neutral, rest).stable
    assert not gd.fastest(FAMILY.at(g=0.0), rest, {"h": (step, step + 0.05)}).stable
    axes = {"h": [step, step + 0.01], "g": [0.0, 0.3]}
    found = gd.stability_map(FAMILY, rest, axes).stable
    np.testing.assert_array_equal(found, [[False, True]] * 2)


@pytest.mark.slow
def test_a_branch_that_is_neutral_is_not_stable():
    branch = gd.continuation(FAMILY.at(g=0.0), (0.0, 0.0), {"h": (0.1, 1.0)}, resolution=8)
    assert not branch.stable.any()
    assert branch.neutral.all()
    assert branch.converged == (True, True)


def test_eigenvalues_are_those_of_the_map_or_of_the_field():
    game = gd.games.quadratic(np.array([[-0.3, 0.7], [-0.2, -0.1]]), (1, 1))
    rest = (np.zeros(1), np.zeros(1))
    field = np.linalg.eigvals(np.array([[-0.3, 0.7], [-0.2, -0.1]]))
    flow = gd.flows.GradientFlow(gd.fields.Gradient(game))
    same = {"atol": 1e-12}
    np.testing.assert_allclose(
        *map(np.sort_complex, (gd.spectrum(flow, rest).eigenvalues, field)), **same
    )
    rule = gd.methods.simultaneous(game, 0.1)
    moved = 1 + 0.1 * field
    np.testing.assert_allclose(
        *map(np.sort_complex, (gd.spectrum(rule, rest).eigenvalues, moved)), **same
    )


@pytest.mark.slow
def test_legs_of_a_repeated_sequence_are_all_there():
    """Two alternations are four moves, and a portrait shows each."""
    rule = gd.methods.alternating(gd.games.dirac(), 0.1)
    twice = gd.rules.Repeat(rule, 2)
    start = twice.init((1.0, 0.5))
    moves = twice.stages(start)
    assert len(moves) == 4
    jax.tree.map(np.testing.assert_allclose, moves[-1], twice.step(start))
    assert gd.portrait(twice, (0.0, 0.0), nodes=5).legs.shape[1] == 5


def test_no_analysis_asks_what_kind_of_dynamics_it_holds():
    """They use the contract and nothing more: no rule and no flow is imported by any of them."""
    folder = Path(analyses.__file__).parent
    sources = {path.name: path.read_text() for path in folder.rglob("*.py")}
    assert len(sources) > 30
    for name, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom):
                assert node.module is None or node.module.split(".")[0] not in ("rules", "flows"), (
                    name
                )
            if isinstance(node, ast.Name):
                assert node.id not in ("AbstractRule", "AbstractFlow"), name
