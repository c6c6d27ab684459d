"""How fast something is, on a machine that does other things as well."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def best_times(calls: list[Callable[[], Any]], repeats: int) -> np.ndarray:
    """Seconds that each call takes at best, all in turns."""

    def seconds(call: Callable[[], Any]) -> float:
        begin = time.perf_counter()
        jax.block_until_ready(call())
        return time.perf_counter() - begin

    return np.min([[seconds(call) for call in calls] for _ in range(repeats)], axis=0)
