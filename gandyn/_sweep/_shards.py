"""Which share of a sweep this process computes: chunks k, k + n, k + 2n, ..."""

import operator
import os
from typing import Literal, TypeAlias

import jax

Shard: TypeAlias = tuple[int, int] | Literal["slurm", "jax"] | None


def _slurm() -> tuple[int, int]:
    """The place in a job array times the place in the job step, whichever of them there is."""
    env = os.environ
    k, n = 0, 1
    if "SLURM_ARRAY_TASK_ID" in env:
        first = int(env.get("SLURM_ARRAY_TASK_MIN", 0))
        stride = int(env.get("SLURM_ARRAY_TASK_STEP", 1))
        n = int(env["SLURM_ARRAY_TASK_COUNT"])
        k = (int(env["SLURM_ARRAY_TASK_ID"]) - first) // stride
    if "SLURM_PROCID" in env:
        tasks = int(env["SLURM_NTASKS"])
        k, n = k * tasks + int(env["SLURM_PROCID"]), n * tasks
    elif "SLURM_ARRAY_TASK_ID" not in env:
        raise ValueError(
            '`shard="slurm"` needs SLURM_ARRAY_TASK_ID or SLURM_PROCID in the environment, and '
            "finds neither. Outside a Slurm job, give `shard=(k, n)`."
        )
    return k, n


def share(shard: Shard) -> tuple[int, int]:
    """`(k, n)`, checked."""
    if shard is None:
        return 0, 1
    if shard == "slurm":
        shard = _slurm()
    elif shard == "jax":
        shard = jax.process_index(), jax.process_count()
    try:
        k, n = map(operator.index, shard)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        raise TypeError(
            f'`shard` must be (k, n), "slurm", "jax" or None, but is {shard!r}.'
        ) from None
    if not 0 <= k < n:
        raise ValueError(f"`shard` must be (k, n) with 0 <= k < n, but is {shard!r}.")
    return k, n
