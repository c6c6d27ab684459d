"""Every transformation that Optax exports does in a rule what it does alone, or is refused in words
of ours."""

import inspect
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from generic import assert_close

import gandyn as gd
from gandyn._numerics import at_least_single

START = (
    {"w": jnp.asarray([[0.5, -0.2, 0.1], [0.3, 0.4, -0.6]]), "b": jnp.asarray([0.2, -0.1, 0.4])},
    jnp.asarray([0.3, -0.5, 0.2]),
)


@jax.jit
def velocity(players, key=None):
    """Of min_x max_y of the sum of w y, |w|^2 / 2, |b|^2 and -|y|^2 / 2."""
    x, y = players
    return {"w": -y[None] - x["w"], "b": -2 * x["b"]}, jnp.sum(x["w"], 0) - y


FIELD = gd.fields.Custom(velocity)


def everything(params):
    return jax.tree.map(lambda _: True, params)


def nothing(params):
    return jax.tree.map(lambda _: False, params)


def label(params):
    return jax.tree.map(lambda _: "a", params)


ARGUMENTS = {
    "learning_rate": 0.1,
    "decay": 0.9,
    "clipping": 0.5,
    "eta": 0.0,
    "gamma": 0.5,
    "key": 0,
    "seed": 0,
    "max_delta": 0.1,
    "max_norm": 0.1,
    "threshold": 0.1,
    "step_size": 0.1,
    "max_consecutive_errors": 3,
    "mask": everything,
    "freeze_mask": nothing,
    "param_labels": label,
    "transforms": {"a": optax.sgd(0.1)},
    "optimizer": optax.sgd(0.1),
    "adv_optimizer": optax.sgd(0.1),
    "base_optimizer": optax.sgd(0.1),
    "fast_optimizer": optax.sgd(0.1),
    "inner": optax.sgd(0.1),
    "tx": optax.sgd(0.1),
    "sync_period": 2,
    "slow_step_size": 0.5,
    "max_backtracking_steps": 5,
    "max_linesearch_steps": 5,
    "should_transform_fn": lambda step: step < 1,
    "step_size_fn": lambda step: 0.1 / (step + 1),
    "inner_factory": optax.adam,
    "measure": lambda updates: optax.global_norm(updates),
    "measure_name": "norm",
    "l2_norm_clip": 1.0,
    "noise_multiplier": 0.0,
    "f": lambda updates, params: jax.tree.map(lambda u: 0.1 * u, updates),
}


def exported():
    found = {}
    for module in (optax, optax.contrib, optax.transforms):
        for name in dir(module):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of names that have moved
                value = getattr(module, name)
            if name.startswith("_") or inspect.isclass(value) or not inspect.isfunction(value):
                continue
            signature = inspect.signature(value)
            if "GradientTransformation" in str(signature.return_annotation):
                found[name] = (value, signature)
    return found


EXPORTED = exported()
MASKED = {
    f"{name}({option}=f)": (name, option)
    for name, (_, signature) in EXPORTED.items()
    for option in signature.parameters
    if option.endswith("mask") and option not in ("freeze_mask",)
}


def make(name, **more):
    function, signature = EXPORTED[name]
    needed = {
        p.name: ARGUMENTS[p.name]
        for p in signature.parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
    if "args" in signature.parameters:  # chains
        link = ("first", optax.sgd(0.1)) if name == "named_chain" else optax.sgd(0.1)
        return function(link)
    if name == "stateless_with_tree_map":
        needed["f"] = lambda u, p: 0.1 * u
    made = function(**(needed | more))
    return made(learning_rate=0.1) if name.startswith("inject") else made


def alone(transformation, steps=2):
    """What a user's own loop would do."""
    players = START
    with jax.numpy_dtype_promotion("standard"):
        memory = [transformation.init(p) for p in players]
        for _ in range(steps):
            gradients = jax.tree.map(jnp.negative, FIELD(players))
            moved = []
            for i, (g, p) in enumerate(zip(gradients, players, strict=True)):
                u, memory[i] = transformation.update(g, memory[i], p)
                moved.append(optax.apply_updates(p, u))
            players = tuple(moved)
    return players


def in_a_rule(transformation, steps=2):
    rule = gd.rules.Descend(FIELD, transformation)
    numbers, rest = eqx.partition(rule, eqx.is_inexact_array)
    state = rule.init(START)
    # Its numbers are leaves, or else it knows them: either way a step can be traced.
    jax.make_jaxpr(lambda n, s: eqx.combine(n, rest).step(s))(numbers, state)
    for _ in range(steps):
        state = rule.step(state)
    return state.players


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:optax")
@pytest.mark.parametrize("name", [*EXPORTED, *MASKED])
def test_transformations_do_in_a_rule_what_they_do_alone(name):
    if name in MASKED:
        of, option = MASKED[name]
        arguments = {"weight_decay_rate": 0.1} if of == "adafactor" else {}
        build = lambda: make(of, **{option: everything}, **arguments)  # noqa: E731
    else:
        build = lambda: make(name)  # noqa: E731
    try:
        expected = alone(build())
    except (TypeError, ValueError, AttributeError, IndexError):  # that wants more than gradients
        with pytest.raises((TypeError, ValueError), match="optax transformation"):
            in_a_rule(build())
        return
    assert_close(in_a_rule(build()), expected, 1e-12)


def test_the_list_is_the_library():
    assert len(EXPORTED) > 80
    assert {"adamw(mask=f)", "lars(trust_ratio_mask=f)", "masked(mask=f)"} <= MASKED.keys()


@pytest.mark.parametrize(
    ("step_size", "words"),
    [
        (optax.adam, r"`adam` of optax itself: call it, as in `adam\(1e-3\)`"),
        (optax.contrib.muon, r"call it"),
        (optax.MultiSteps(optax.sgd(0.1), 2), r"`.gradient_transformation\(\)`"),
        (lambda: 0.1, r"`step_size` is called as step_size\(step\)"),
    ],
)
def test_what_is_no_transformation_is_told_what_to_do(step_size, words):
    with pytest.raises(TypeError, match=words):
        gd.rules.Descend(FIELD, step_size)


@pytest.mark.parametrize("make", [optax.lbfgs, optax.polyak_sgd, optax.contrib.momo])
def test_what_asks_for_losses_is_refused(make):
    rule = gd.rules.Descend(FIELD, make(0.1))
    with pytest.raises(TypeError, match="asks for more than the gradient"):
        gd.simulate(rule, START, [0, 1])


@pytest.mark.slow
def test_a_transformation_that_knows_its_numbers_is_one_program_for_each():
    """Momentum that is asked whether it is positive is no leaf; another value is still seen."""
    ends = [
        gd.simulate(gd.rules.Descend(FIELD, optax.sm3(0.1, m)), START, np.arange(4)).players[1]
        for m in (0.0, 0.9, 0.0)
    ]
    assert_close(ends[0], ends[2], 0.0)
    assert float(jnp.max(jnp.abs(ends[0] - ends[1]))) > 1e-3


STEPS, B1, B2 = (0.1, 0.2), 0.5, 0.999
ADAMS = [optax.adam(h, B1, B2) for h in STEPS]
METHODS = {
    "simultaneous": lambda: gd.methods.simultaneous(FIELD, ADAMS),
    "alternating": lambda: gd.methods.alternating(FIELD, ADAMS),
    "optimistic": lambda: gd.methods.optimistic(FIELD, ADAMS),
    "optimistic_adam": lambda: gd.methods.optimistic_adam(FIELD, STEPS, B1, B2),
    "extra_adam": lambda: gd.methods.extra_adam(FIELD, STEPS, B1, B2),
}


def by_hand(name, players):
    """Three steps of a method, with Optax's Adam alone."""
    z, memory = list(players), [adam.init(x) for adam, x in zip(ADAMS, players, strict=True)]
    last = None

    def moved(i, z, gradient):
        move, memory[i] = ADAMS[i].update(gradient, memory[i])
        return move if name == "optimistic_adam" else optax.apply_updates(z[i], move)

    def slopes(z):
        return jax.tree.map(jnp.negative, velocity(tuple(z)))

    def twice(now, before):
        return jax.tree.map(lambda a, b: 2 * a - b, now, before)

    for _ in range(3):
        if name == "alternating":
            for i in (1, 0):
                z[i] = moved(i, z, slopes(z)[i])
            continue
        now = slopes(z)
        if name == "optimistic":
            now, last = twice(now, now if last is None else last), now
        new = [moved(i, z, now[i]) for i in range(2)]
        if name == "extra_adam":
            ahead = slopes(new)
            new = [moved(i, z, ahead[i]) for i in range(2)]
        if name == "optimistic_adam":
            moves, last = twice(new, new if last is None else last), new
            new = [optax.apply_updates(*both) for both in zip(z, moves, strict=True)]
        z = new
    return tuple(z)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("name", METHODS)
def test_adam_with_a_step_per_player_is_optax_by_hand_in_every_precision(name, dtype):
    """Up to rounding: Optax takes 1 - b2 in double precision, and gandyn, where b2 is a number that
    can be another one, in single precision at least."""
    players = jax.tree.map(lambda x: x.astype(dtype), START)
    with jax.numpy_dtype_promotion("standard"):
        expected = by_hand(name, players)
    found = gd.simulate(METHODS[name](), players, np.array([0, 3])).final.players
    assert all(x.dtype == dtype for x in jax.tree.leaves(found))
    single = jnp.finfo(at_least_single(dtype)).eps
    rounding = max(4 * float(jnp.finfo(dtype).eps), float(single) / (1 - B2))
    double = [
        np.concatenate([np.asarray(x, float).reshape(-1) for x in jax.tree.leaves(z)])
        for z in (found, expected)
    ]
    np.testing.assert_allclose(*double, rtol=0, atol=rounding)
