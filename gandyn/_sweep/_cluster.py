"""A sweep as a set of jobs that share one store."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import jax

from gandyn._sweep._place import place
from gandyn._sweep._run import sweep


def _job(
    function: Callable[..., Any], axes: Mapping[Any, Any], options: dict[str, Any], x64: bool
) -> int:
    """Compute one share and say how many points the store has; the data is there already."""
    with jax.enable_x64(x64):
        return int(sweep(function, axes, **options)["done"].sum())


def submit(
    executor: Any,
    function: Callable[..., Any],
    axes: Mapping[Any, Any],
    *,
    store: str | os.PathLike[str],
    jobs: int,
    **options: Any,
) -> list[Any]:
    """Submit a sweep as `jobs` independent jobs.

    They compute in the precision that is set here. Any job may die without harm to the others.
    When all have ended, the same sweep without `shard` reads the store, after computing what a
    dead job left undone.

        executor = submitit.AutoExecutor(folder="logs")
        executor.update_parameters(timeout_min=60, gpus_per_node=1)
        jobs = gd.submit(executor, function, axes, store="/scratch/atlas", jobs=16)
        [job.result() for job in jobs]
        atlas = gd.sweep(function, axes, store="/scratch/atlas")

    **Arguments:**

    - `executor`: of `submitit` (the extra `cluster`), or any with the same `submit`.
    - `function`, `axes`, `store`, `options`: as for `sweep`.
    - `jobs`: how many jobs share the work.

    **Returns:**

    The executor's jobs. The result of each is the number of points in the store at its end.
    """
    shares = [options | {"store": str(place(store)), "shard": (k, jobs)} for k in range(jobs)]
    x64 = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
    return [executor.submit(_job, function, axes, share, x64) for share in shares]
