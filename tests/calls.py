"""One right call of everything public: `{name: arguments}`, under the name that a user writes.

A new callable belongs here, in one line; `test_misuse.py` then holds each of its arguments to be
refused in words when it is wrong, and fails for as long as a callable is missing. What a `*` is
before takes any number of values.
"""

import enum
import inspect
from collections.abc import Iterator
from operator import attrgetter
from types import ModuleType
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import gandyn as gd
from gandyn import results
from gandyn._result import Result

KEY = jr.key(0)
SADDLE = gd.games.zero_sum(lambda x, y: x * y + x**2 / 4 - y**2 / 4)
DIRAC = gd.games.dirac()
MATRIX = gd.games.finite([[1.0, -2.0], [-1.0, 3.0]])
FIELD = gd.fields.Gradient(SADDLE)
RULE = gd.methods.simultaneous(SADDLE, 0.1)
FLOW = gd.flows.GradientFlow(FIELD, gd.flows.Integrator(solver=dfx.Euler(), dt=0.1))
START = (1.0, 1.0)
STEPS = np.arange(4)
RUN = results.Trajectory(
    jnp.arange(9), gd.State((jnp.cos(jnp.arange(9.0)), jnp.sin(jnp.arange(9.0)))), "step"
)
LAW = gd.measures.Gaussian(0.0, 1.0)
OTHER = gd.measures.Gaussian(0.5, 1.0)
POINT = gd.measures.dirac(0.0)
NODES = np.linspace(-6.0, 6.0, 7)
SAMPLE = np.array([0.1, 0.4, -0.3])


def generator(theta: Any, z: Any) -> Any:
    return theta + z


def discriminator(psi: Any, x: Any) -> Any:
    return psi * x


def normal(key: Any, n: int) -> Any:
    return jr.normal(key, (n,))


RING = gd.games.GAN(generator, discriminator, gd.measures.ring(), gd.measures.normal(2, 2))

# Of a flow: there is none in the game, but it is what `cycle` returns.
TURN = results.Cycle(
    gd.State(tuple(map(jnp.asarray, START))),
    jnp.asarray(6.3),
    jnp.ones(2, complex),
    gd.State((jnp.ones(5), jnp.ones(5))),
    jnp.asarray(0.0),
    jnp.asarray(True),
    "unit time",
)


def make(step_size: Any) -> gd.AbstractDynamics:
    return gd.methods.simultaneous(SADDLE, step_size)


def consensus(step_size: Any, strength: Any) -> gd.AbstractDynamics:
    return gd.methods.consensus(SADDLE, step_size, strength)


FAMILY = gd.family(make)


def same(players: Any) -> Any:
    return players


def method(**others: Any) -> dict[str, Any]:
    return {"game": SADDLE, "step_size": 0.1, **others}


CALLS: dict[str, dict[str, Any]] = {
    # Measures
    "measures.DensityMixture": {"components": [LAW, OTHER], "weights": [0.5, 0.5]},
    "measures.Gaussian": {"mean": 0.0, "std": 1.0, "nodes": 4},
    "measures.Gaussians": {
        "centers": [0.0, 1.0],
        "std": 0.1,
        "weights": [0.5, 0.5],
        "nodes": 2,
    },
    "measures.Mixture": {"components": (LAW, POINT), "weights": jnp.array([0.5, 0.5])},
    "measures.Points": {"x": [0.0, 1.0], "w": [0.5, 0.5]},
    "measures.Sampled": {"sampler": normal, "n": 3},
    "measures.Uniform": {"low": 0.0, "high": 1.0, "nodes": 4},
    "measures.blurred": {"measure": POINT, "std": 0.1, "nodes": 4},
    "measures.dirac": {"x": 0.0},
    "measures.empirical": {"data": [0.0, 1.0]},
    "measures.gaussian": {"mean": 0.0, "std": 1.0, "nodes": 4},
    "measures.grid": {"side": 2, "spacing": 2.0, "std": 0.05, "nodes": 2},
    "measures.line": {"modes": 2, "spacing": 5.0, "std": 0.1, "nodes": 2},
    "measures.minibatch": {"data": [0.0, 1.0], "n": 1},
    "measures.mixture": {"components": [LAW, POINT], "weights": [0.5, 0.5]},
    "measures.normal": {"d": 2, "nodes": 2},
    "measures.ring": {"modes": 3, "radius": 2.0, "std": 0.02, "nodes": 2},
    # Losses
    "losses.Loss": {
        "real": gd.losses.softplus,
        "fake": gd.losses.softplus,
        "generator": gd.losses.softplus,
        "optimal": gd.losses.softplus,
        "generator_real": gd.losses.softplus,
    },
    "losses.Relativistic": {
        "discriminator": gd.losses.softplus,
        "generator": gd.losses.softplus,
    },
    "losses.softplus": {"l": 0.5},
    # Games
    "games.Custom": {"function": lambda players, key: players, "known": ()},
    "games.Entropy": {"strength": 0.5},
    "games.GAN": {
        "generator": generator,
        "discriminator": discriminator,
        "data": POINT,
        "latent": POINT,
        "loss": gd.losses.minimax,
        "known": (START,),
    },
    "games.GradientPenalty": {"gamma": 0.5, "target": 1.0, "nodes": 2},
    "games.Logits": {"game": MATRIX, "strategies": gd.games.softmax},
    "games.MeasureGAN": {
        "generator": lambda theta, points: points,
        "discriminator": discriminator,
        "data": POINT,
        "latent": POINT,
        "loss": gd.losses.minimax,
        "known": (START,),
    },
    "games.Mixtures": {"game": SADDLE},
    "games.Noised": {"game": DIRAC, "std": 0.1, "nodes": 2},
    "games.Packed": {"game": DIRAC, "m": 1},
    "games.Penalized": {"game": DIRAC, "penalty": gd.games.R1(0.1)},
    "games.R1": {"gamma": 0.5},
    "games.R2": {"gamma": 0.5},
    "games.Regularized": {"game": SADDLE, "regularizers": gd.games.WeightDecay(0.5)},
    "games.Unrolled": {"game": SADDLE, "unroll": 1, "inner": 0.1, "players": (0,)},
    "games.WeightDecay": {"strength": 0.5},
    "games.almost_bilinear": {"strength": 0.1},
    "games.atoms": {
        "data": POINT,
        "discriminator": discriminator,
        "weights": [0.5, 0.5],
        "loss": gd.losses.minimax,
    },
    "games.bilinear": {"matrix": [[1.0]]},
    "games.bump": {
        "data": POINT,
        "discriminator": discriminator,
        "grid": NODES,
        "width": 2.0,
        "loss": gd.losses.minimax,
        "copies": 2,
    },
    "games.density": {
        "data": POINT,
        "discriminator": discriminator,
        "grid": NODES,
        "loss": gd.losses.minimax,
    },
    "games.dirac": {"loss": gd.losses.minimax},
    "games.finite": {"*payoffs": [[1.0, -2.0], [-1.0, 3.0]]},
    "games.forsaken": {"center": 0.45},
    "games.hardmax": {"players": (jnp.zeros(2), jnp.ones(2))},
    "games.iterated_prisoners_dilemma": {"discount": 0.9, "payoff": ((-1.0, -3.0), (0.0, -2.0))},
    "games.location": {
        "data": POINT,
        "discriminator": discriminator,
        "law": POINT,
        "loss": gd.losses.minimax,
    },
    "games.parabolas": {"a": 0.3, "b": 0.3, "decay": 0.01},
    "games.polar": {"strength": 0.3},
    "games.prescribed": {"eigenvalues": [1j, -1j], "key": KEY},
    "games.quadratic": {"jacobian": [[0.0, 1.0], [-1.0, 0.0]], "sizes": (1, 1)},
    "games.softmax": {"players": (jnp.zeros(2), jnp.ones(2))},
    "games.tandem": {},
    "games.zero_sum": {"function": lambda x, y: x * y, "known": (START,)},
    # Fields
    "fields.Anticipated": {"field": FIELD, "step_size": 0.1},
    "fields.Competitive": {"field": FIELD, "step_size": 0.1},
    "fields.Custom": {"function": lambda players, key: players},
    "fields.Confined": {"field": FIELD, "low": -1.0, "high": 1.0},
    "fields.Consensus": {"field": FIELD, "strength": 0.1, "step_size": 0.1},
    "fields.Extrapolated": {"field": FIELD, "step_size": 0.1, "fresh": True},
    "fields.Foreseen": {"game": gd.games.Unrolled(SADDLE, 1, 0.1)},
    "fields.Gradient": {"game": SADDLE},
    "fields.Implicit": {"field": FIELD, "step_size": 0.1},
    "fields.LOLA": {"game": SADDLE, "step_size": 0.1},
    "fields.Metric": {"field": FIELD, "masses": lambda players, key: players},
    "fields.Mirror": {"field": FIELD, "strategies": same},
    "fields.NaturalMap": {"field": FIELD, "step_size": 0.1},
    "fields.Ridge": {"field": FIELD, "leader": 1, "step_size": 0.1},
    "fields.SOS": {"game": SADDLE, "step_size": 0.1, "agreement": 0.5, "radius": 0.1},
    "fields.Scaled": {"field": FIELD, "scales": 0.5},
    "fields.Stackelberg": {"game": SADDLE, "leader": 1, "step_size": 0.1},
    "fields.Symplectic": {"field": FIELD, "strength": 1.0, "align": False, "step_size": 0.1},
    "fields.natural": {"game": DIRAC},
    # Rules
    "rules.Averaged": {"rule": RULE, "decay": None, "restart": 3},
    "rules.BestResponse": {"game": SADDLE, "player": 0, "candidates": [0.0, 1.0]},
    "rules.Custom": {"function": lambda players: players},
    "rules.Descend": {"field": FIELD, "step_size": 0.1},
    "rules.Extra": {"rule": RULE},
    "rules.LEAD": {"field": FIELD, "step_size": 0.1, "momentum": 0.1, "coupling": 0.1},
    "rules.Project": {"projection": same},
    "rules.Relaxed": {"rule": RULE, "fraction": 0.5},
    "rules.Repeat": {"rule": RULE, "repeats": 2},
    "rules.Sequential": {"*rules": RULE},
    "rules.SpectralBall": {"radius": 1.0},
    "rules.TimeMap": {"dynamics": FLOW, "duration": 0.1},
    "rules.projected": {"step": 0.1, "projection": same},
    # Flows
    "flows.GradientFlow": {"field": FIELD, "integrator": FLOW.integrator},
    "flows.HighResolutionFlow": {
        "field": FIELD,
        "step_size": 0.1,
        "ahead": lambda v, w: v,
        "integrator": FLOW.integrator,
    },
    "flows.Integrator": {
        "rtol": 1e-6,
        "atol": 1e-6,
        "solver": dfx.Euler(),
        "dt": 0.1,
        "max_steps": 16,
        "adjoint": dfx.DirectAdjoint(),
    },
    "flows.LangevinFlow": {
        "field": FIELD,
        "step_size": 0.1,
        "noise": 0.1,
        "integrator": FLOW.integrator,
    },
    "flows.ModifiedFlow": {"rule": RULE, "integrator": FLOW.integrator, "order": 2},
    "flows.MomentumFlow": {"field": FIELD, "friction": 1.0, "integrator": FLOW.integrator},
    "flows.SampledNoise": {"field": FIELD, "samples": 2},
    "flows.extragradient": {"field": FIELD, "step_size": 0.1, "integrator": FLOW.integrator},
    "flows.modified": {"rule": RULE, "integrator": FLOW.integrator, "order": 2},
    "flows.optimistic": {"field": FIELD, "step_size": 0.1, "integrator": FLOW.integrator},
    "flows.simultaneous": {"field": FIELD, "step_size": 0.1, "integrator": FLOW.integrator},
    # Theory
    "theory.bilinear": {"singular_values": [1.0, 0.4]},
    "theory.table": {},
    # Methods
    "methods.alternating": method(repeats=(1, 1), order=(1, 0)),
    "methods.best_response": {"game": MATRIX, "actions": (2, 2), "order": (1, 0)},
    "methods.competitive": method(),
    "methods.complex_momentum": method(momentum=0.9, angle=0.4),
    "methods.consensus": method(strength=0.1),
    "methods.drift_cancelled": method(),
    "methods.extra_adam": method(b1=0.5, b2=0.9),
    "methods.extragradient": method(extrapolation=0.1, fresh=True),
    "methods.fictitious_play": {"game": MATRIX},
    "methods.follow_the_ridge": method(leader=1),
    "methods.heavy_ball": method(momentum=0.5, nesterov=False),
    "methods.hedge": {"game": MATRIX, "step_size": 0.1},
    "methods.lead": method(momentum=0.1, coupling=0.1),
    "methods.linearized_competitive": method(),
    "methods.lola": method(shaping=0.1),
    "methods.lookahead": {"rule": RULE, "every": 2, "fraction": 0.5},
    "methods.negative_momentum": method(momentum=-0.5),
    "methods.optimistic": method(),
    "methods.optimistic_adam": method(b1=0.5, b2=0.9),
    "methods.proximal_point": method(),
    "methods.runge_kutta": method(solver=dfx.Heun()),
    "methods.simultaneous": method(),
    "methods.sos": method(shaping=0.1, agreement=0.5, radius=0.1),
    "methods.stackelberg": method(leader=1),
    "methods.symplectic": method(strength=1.0, align=False),
    "methods.unrolled": method(unroll=1, inner_step=0.1, players=(0,), backpropagate=True),
    # Distances
    "distances.chi_squared": {"p": [0.5, 0.5], "q": [0.4, 0.6]},
    "distances.f_divergence": {"f": lambda u: (u - 1) ** 2, "p": [0.5, 0.5], "q": [0.4, 0.6]},
    "distances.histogram": {"x": SAMPLE, "edges": [-1.0, 0.0, 1.0]},
    "distances.jensen_shannon": {"p": [0.5, 0.5], "q": [0.4, 0.6]},
    "distances.kl": {"p": [0.5, 0.5], "q": [0.4, 0.6]},
    "distances.linear_distance": {"x": SAMPLE, "y": SAMPLE},
    "distances.mmd": {"x": SAMPLE, "y": SAMPLE, "width": 1.0},
    "distances.neural_distance": {
        "critic": lambda params, x: params * x[0],
        "start": 0.5,
        "x": SAMPLE,
        "y": SAMPLE,
        "radius": 1.0,
        "steps": 2,
        "starts": 1,
        "agree": 0.1,
        "key": None,
        "step_size": 0.1,
    },
    "distances.reverse_kl": {"p": [0.5, 0.5], "q": [0.4, 0.6]},
    "distances.sliced_wasserstein": {
        "x": SAMPLE,
        "y": SAMPLE,
        "order": 2,
        "directions": 4,
        "key": KEY,
    },
    "distances.squared_hellinger": {"p": [0.5, 0.5], "q": [0.4, 0.6]},
    "distances.total_variation": {"p": [0.5, 0.5], "q": [0.4, 0.6]},
    "distances.wasserstein": {"x": SAMPLE, "y": SAMPLE, "order": 1},
    # Families, modes, monitors, optima, networks
    "families.Free": {"grid": NODES},
    "families.Polynomial": {"degree": 2, "center": 0.0, "scale": 1.0},
    "families.Radial": {"centers": NODES, "width": 1.0},
    "families.on_grid": {"cdf": LAW.cdf, "grid": NODES},
    "modes.assign": {"x": SAMPLE, "centers": [0.0, 1.0]},
    "modes.coverage": {
        "x": SAMPLE,
        "centers": [0.0, 1.0],
        "std": 0.1,
        "w": [0.2, 0.3, 0.5],
        "weights": [0.4, 0.6],
        "within": 3.0,
        "least": 0.0,
    },
    "modes.Watch": {
        "gan": RING,
        "law": gd.measures.ring(),
        "n": 9,
        "within": 3.0,
        "least": 0.0,
    },
    "modes.dominant": {"occupation": [0.2, 0.8], "share": 0.5},
    "modes.hopping": {"process": [0, 0, 1, 1], "modes": 2, "ts": [0.0, 1.0, 2.0, 3.0]},
    "modes.occupation": {"x": SAMPLE, "centers": [0.0, 1.0], "w": [0.2, 0.3, 0.5]},
    "monitors.Gradients": {"game": SADDLE, "key": None},
    "monitors.Losses": {"game": SADDLE, "key": None},
    "monitors.Samples": {"gan": RING, "n": 9},
    "monitors.alignment": {"dynamics": FLOW, "trajectory": RUN, "target": (0.0, 0.0), "key": None},
    "monitors.distance": {"trajectory": RUN, "equilibria": [(0.0, 0.0)]},
    "monitors.drift": {"trajectory": RUN, "invariant": lambda players: players[0]},
    "monitors.energy": {"dynamics": FLOW, "trajectory": RUN, "key": None},
    "monitors.integrator_error": {"flow": FLOW, "players": START, "ts": [0.0, 0.1], "key": None},
    "monitors.path_angle": {
        "dynamics": FLOW,
        "start": START,
        "end": (0.0, 0.0),
        "positions": [0.1, 0.2],
        "key": None,
    },
    "optimal.Kantorovich": {"p": LAW, "q": OTHER},
    "optimal.OptimalDiscriminator": {"loss": gd.losses.minimax, "p": LAW, "q": OTHER},
    "optimal.generator_gradient": {
        "loss": gd.losses.minimax,
        "critic": lambda x: x,
        "family": lambda theta: gd.measures.Gaussian(theta, 1.0, 2),
        "theta": 0.5,
    },
    "optimal.optimal_discriminator": {"loss": gd.losses.minimax, "p": [0.5, 0.5], "q": [0.4, 0.6]},
    "optimal.optimal_logit": {"loss": gd.losses.minimax, "log_ratio": 0.5},
    "optimal.pull": {"loss": gd.losses.minimax, "critic": lambda x: x, "x": SAMPLE},
    "optimal.solved": {
        "game": gd.games.bump(POINT, gd.families.Free(NODES), NODES, 2.0),
        "players": (0.5, [0.0] * len(NODES)),
        "key": None,
        "highest": 35.0,
    },
    "networks.family": {"make": lambda key: eqx.nn.Linear(1, 1, key=key)},
    "networks.he": {},
    "networks.lecun": {},
    "networks.maxout": {"pieces": 2},
    "networks.mlp": {
        "inputs": 2,
        "outputs": 2,
        "width": 3,
        "depth": 1,
        "activation": jnp.tanh,
        "init": gd.networks.orthogonal(1.4),
    },
    "networks.normal": {"std": 0.02},
    "networks.orthogonal": {"gain": 1.4},
    "networks.partition": {"network": eqx.nn.Linear(1, 1, key=KEY)},
    "networks.spectral": {"network": gd.networks.mlp(1, "scalar", 2, 1)},
    # Dynamics and analyses
    "State": {"players": START, "memory": None},
    "basins": {
        "dynamics": RULE,
        "players": START,
        "box": ((-1.0, 1.0), (-1.0, 1.0)),
        "nodes": 3,
        "plane": (0, 1),
        "duration": 64,
        "tolerance": 1e-3,
        "escape": 1e6,
        "key": None,
        "progress": False,
    },
    "circle": {
        "dynamics": RULE,
        "players": START,
        "period": 9.0,
        "key": None,
        "nodes": 9,
        "max_steps": 1,
    },
    "circles": {
        "family": gd.family(make),
        "players": TURN,
        "axes": {"step_size": [0.05]},
        "key": None,
        "nodes": 9,
        "max_steps": 1,
    },
    "classify": {"game": SADDLE, "players": START, "key": None, "tolerance": 1e-6},
    "continuation": {
        "family": FAMILY,
        "players": (0.0, 0.0),
        "bounds": {"step_size": (0.1, 0.2)},
        "start": 0.1,
        "key": None,
        "resolution": 4,
        "max_points": 3,
        "progress": False,
    },
    "cost": {"dynamics": RULE, "players": START, "key": None},
    "critical": {
        "family": FAMILY,
        "players": (0.0, 0.0),
        "bounds": {"step_size": (0.1, 1.0)},
        "key": None,
    },
    "cycle": {"dynamics": FLOW, "players": START, "period": 6.0, "key": None, "max_steps": 1},
    "equilibria": {
        "dynamics": FLOW,
        "players": START,
        "box": (-1.0, 1.0),
        "starts": 4,
        "key": None,
        "progress": False,
    },
    "equilibrium": {"dynamics": FLOW, "players": START, "key": None, "max_steps": 2},
    "escape_time": {"dynamics": RULE, "players": START, "ts": STEPS, "escape": 2.0, "key": None},
    "exploitability": {
        "game": SADDLE,
        "players": START,
        "candidates": ([0.0, 1.0], [0.0, 1.0]),
        "key": None,
        "max_steps": 2,
    },
    "family": {"function": make},
    "fastest": {
        "family": FAMILY,
        "players": (0.0, 0.0),
        "bounds": {"step_size": (0.1, 1.0)},
        "key": None,
    },
    "fixed_point": {"dynamics": FLOW, "players": (0.0, 0.0), "key": None, "tolerance": 1e-6},
    "frame": {"game": DIRAC, "players": START, "x": NODES, "key": None},
    "jacobian": {"dynamics": FLOW, "players": START, "key": None},
    "leader": {
        "losses": ([[1.0, 2.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]),
        "player": 0,
        "strong": False,
    },
    "lyapunov": {"dynamics": RULE, "players": START, "ts": STEPS, "key": None, "k": 1},
    "optimal_discriminator": {"loss": gd.losses.minimax, "p": [0.5, 0.5], "q": [0.4, 0.6]},
    "portrait": {
        "dynamics": FLOW,
        "players": START,
        "box": ((-1.0, 1.0), (-1.0, 1.0)),
        "nodes": 3,
        "plane": (0, 1),
        "nullclines": False,
        "legs": False,
        "key": None,
    },
    "rotation": {"trajectory": RUN, "plane": (0, 1)},
    "settles_on": {
        "dynamics": RULE,
        "players": START,
        "duration": 64,
        "tolerance": 1e-3,
        "escape": 1e6,
        "key": None,
    },
    "record": {
        "dynamics": RULE,
        "start": START,
        "ts": STEPS,
        "observe": same,
        "key": None,
        "store": None,
    },
    "simulate": {"dynamics": RULE, "players": START, "ts": STEPS, "key": None},
    "spectrum": {"dynamics": FLOW, "players": START, "key": None, "leading": None},
    "stability_map": {
        "family": gd.family(consensus),
        "players": (0.0, 0.0),
        "axes": {"step_size": [0.1, 0.2], "strength": [0.1, 0.2]},
        "key": None,
    },
    "status": {
        "ts": jnp.arange(3.0),
        "values": jnp.arange(3.0),
        "bound": 2.0,
        "unfinished": False,
    },
    "tabulate": {"game": SADDLE, "*candidates": [0.0, 1.0], "key": None},
    "to_xarray": {"result": RUN, "batch": ()},
    "transient": {"dynamics": FLOW, "players": START, "ts": [0.0, 0.1], "key": None},
    "values": {"payoff": [[1.0, -2.0], [-1.0, 3.0]]},
}

# Held to account by tests of their own: they write files and start jobs.
ELSEWHERE = {"submit", "sweep"}


def public(module: ModuleType) -> list[str]:
    """The names that tab completion shows; `jaxtyping` is what the enforced annotations add."""
    return [name for name in dir(module) if not name.startswith("_") and name != "jaxtyping"]


def modules() -> Iterator[ModuleType]:
    """gandyn and its public modules, without what only looks at results."""
    yield gd
    for name in public(gd):
        value = getattr(gd, name)
        if isinstance(value, ModuleType) and name not in ("analyses", "plots"):
            yield value


def callables() -> Iterator[str]:
    """What a user can call, and gandyn answers for."""
    for module in modules():
        prefix = module.__name__.removeprefix("gandyn").removeprefix(".")
        for name in public(module):
            value = getattr(module, name)
            if callable(value) and not _is_noun(value):
                yield f"{prefix}.{name}" if prefix else name


def _is_noun(value: Any) -> bool:
    """What is returned, or inherited from, and is not called."""
    if isinstance(value, gd.losses.AbstractLoss):
        return True
    kinds = (Result, enum.Enum, Warning, tuple, gd.games.Batch, dfx.AbstractSolver)
    kinds = (*kinds, gd.theory.Method, gd.Family)
    return inspect.isclass(value) and (inspect.isabstract(value) or issubclass(value, kinds))


def call(name: str, **changed: Any) -> Any:
    """The call with some of its arguments replaced."""
    given = CALLS[name] | changed
    function = attrgetter(name)(gd)
    several = [value for argument, value in given.items() if argument.startswith("*")]
    named = {argument: value for argument, value in given.items() if not argument.startswith("*")}
    if several:  # what comes before them has no name there
        first = [named.pop(a) for a in list(named) if list(given).index(a) < _star(given)]
        return function(*first, *several, *([several[0]] if name == "tabulate" else []), **named)
    return function(**named)


def _star(given: dict[str, Any]) -> int:
    return next(i for i, argument in enumerate(given) if argument.startswith("*"))
