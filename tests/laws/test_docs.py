"""The law of docstrings: what is public says in a sentence what it is, and lists each of its
arguments or fields; public modules show what is public and nothing else."""

import ast
import dataclasses
import enum
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import diffrax as dfx
import pytest

import gandyn as gd
from gandyn._result import Result

MODULES = [gd, *(getattr(gd, name) for name in dir(gd))]
MODULES = [m for m in MODULES if isinstance(m, ModuleType) and m.__name__.startswith("gandyn")]
GATHERED = [m for m in MODULES[1:] if hasattr(m, "__path__") and m is not gd.theory]


def public() -> Iterator[tuple[str, Any]]:
    """Everything public, once, under the name that a user writes."""
    seen = set()
    for module in MODULES:
        for name in dir(module):
            value = getattr(module, name)
            ours = str(getattr(value, "__module__", "")).startswith("gandyn")
            if not name.startswith("_") and ours and callable(value) and id(value) not in seen:
                seen.add(id(value))
                yield f"{module.__name__}.{name}".removeprefix("gandyn."), value


PUBLIC = {name: value for name, value in public() if not isinstance(value, gd.losses.AbstractLoss)}


FOREIGN = (dfx.AbstractSolver,)  # whose arguments and methods are diffrax's


def is_noun(value: Any) -> bool:
    """What is inherited from, returned or raised, and not called."""
    if not inspect.isclass(value):
        return False
    kinds = (Result, enum.Enum, Warning, *FOREIGN)
    return inspect.isabstract(value) or issubclass(value, kinds)


CALLED = [name for name, value in PUBLIC.items() if not is_noun(value)]
FILLED = [
    name
    for name, value in PUBLIC.items()
    if inspect.isclass(value) and issubclass(value, Result) and value is not Result
]


def doc(value: Any) -> str:
    """The docstring of its own, without the indentation."""
    own = value.__dict__.get("__doc__") if inspect.isclass(value) else value.__doc__
    return inspect.cleandoc(own or "")


def listed(text: str) -> list[str]:
    """The names that open the entries of the list of arguments or fields: "- `a`, `b`: ..."."""
    after = re.split(r"\*\*(?:Arguments|Fields):\*\*\n\n", text)[-1]
    entries, _, _ = after.partition("\n\n")
    openings = re.findall(r"^- ((?:`[^`]+`(?:, | and )?)+):", entries, re.M)
    return [name.strip("*") for opening in openings for name in re.findall("`([^`]+)`", opening)]


def arguments(value: Any) -> list[str]:
    return list(inspect.signature(value).parameters)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLIC)
def test_the_first_sentence_says_what_a_thing_is(name: str) -> None:
    first, _, _ = doc(PUBLIC[name]).partition("\n\n")
    assert first.endswith("."), first
    assert not re.match("(This|Returns?|The function|The class)\\b", first), first


@pytest.mark.parametrize("name", CALLED)
def test_each_argument_is_in_the_list(name: str) -> None:
    text, given = doc(PUBLIC[name]), arguments(PUBLIC[name])
    if len(given) == 1 and not listed(text):
        assert f"`{given[0]}`" in text
    else:
        assert sorted(listed(text)) == sorted(given)


@pytest.mark.parametrize("name", FILLED)
def test_each_field_is_in_the_list(name: str) -> None:
    fields = [field.name for field in dataclasses.fields(PUBLIC[name])]
    assert "**Fields:**" in doc(PUBLIC[name])
    assert sorted(listed(doc(PUBLIC[name]))) == sorted(fields)


CLASSES = [n for n, v in PUBLIC.items() if inspect.isclass(v) and not issubclass(v, FOREIGN)]


@pytest.mark.parametrize("name", CLASSES)
def test_each_method_says_what_it_does(name: str) -> None:
    """Itself, or the class that asks for it, unless it is a field that has a default value."""
    owner = PUBLIC[name]
    for method, member in vars(owner).items():
        asked = isinstance(member, property) or inspect.isfunction(inspect.unwrap(member))
        if asked and not method.startswith("_") and method not in listed(doc(owner)):
            assert any(getattr(vars(cls).get(method), "__doc__", "") for cls in owner.__mro__)


@pytest.mark.parametrize("name", CLASSES)
def test_a_method_of_several_arguments_names_them(name: str) -> None:
    """Itself, or the class that asks for it; of a single one it is plain what it is."""
    owner = PUBLIC[name]
    for method, member in vars(owner).items():
        function = inspect.unwrap(member) if callable(member) else None
        if inspect.isfunction(function) and (method == "__call__" or method[0] != "_"):
            given = set(inspect.signature(function).parameters) - {"self", "key"}
            texts = [getattr(vars(cls).get(method), "__doc__", "") or "" for cls in owner.__mro__]
            named = {word for text in texts for word in re.findall(r"`(\w+)", text)}
            assert len(given) < 2 or given <= named, (method, given - named)


@pytest.mark.parametrize("module", MODULES[1:], ids=lambda module: module.__name__)
def test_a_module_shows_what_is_public_and_nothing_else(module: ModuleType) -> None:
    assert dir(module) == sorted(set(module.__all__))
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("module", GATHERED, ids=lambda module: module.__name__)
def test_a_package_shows_all_that_it_gathers(module: ModuleType) -> None:
    things = {name for name, x in vars(module).items() if not isinstance(x, ModuleType)}
    assert {name for name in things if not name.startswith("_")} == set(dir(module))


def test_gandyn_shows_no_private_names() -> None:
    assert [name for name in dir(gd) if name.startswith("_")] == ["__version__"]


SOURCES = sorted(Path(gd.__path__[0]).rglob("*.py"))


def test_what_is_called_a_question_says_yes_or_no() -> None:
    """Of one thing, or of each in an array."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and re.match("_?(is|are|has)_", node.name):
                answer = ast.unparse(node.returns) if node.returns else None
                assert answer in ("bool", "np.ndarray"), (path.name, node.name)


def test_the_spelling_is_american() -> None:
    british = re.compile(
        r"\b(\w*(?:realis|normalis|behaviour|colour|neighbour|favour)\w*|analysed?|centred?)\b"
    )
    words = {path.name: british.findall(path.read_text()) for path in SOURCES}
    assert {name: found for name, found in words.items() if found} == {}
