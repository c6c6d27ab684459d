"""A process that computes a share of one sweep: what the tests start, interrupt and kill."""

import signal
import sys

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import gandyn as gd

AXES = {"step_size": np.linspace(0.01, 0.2, 20), "gamma": np.linspace(0.0, 1.0, 30)}
OPTIONS = {"chunk": 15, "seed": 7}


def descend(step_size, gamma, key):
    """Simultaneous descent on a damped bilinear game from a random start; takes its time."""
    start = jr.normal(key, (2,), step_size.dtype)

    def step(_, z):
        x, y = z
        return x - step_size * (y + gamma * x), y + step_size * (x - gamma * y)

    x, y = jax.lax.fori_loop(0, 20_000, step, (start[0], start[1]))
    return {"players": (x, y), "start": start, "finite": jnp.isfinite(x) & jnp.isfinite(y)}


if __name__ == "__main__":
    # Shells have background jobs ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    jax.config.update("jax_enable_x64", True)
    store, k, n, address = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    if address:
        jax.distributed.initialize(address, num_processes=n, process_id=k)
    gd.sweep(descend, AXES, store=store, shard="jax" if address else (k, n), **OPTIONS)
