"""One call in a process of its own: `python -m experiments.speed._process flow basins`.

CPU seconds of the first call, and of a second one with other numbers, and how many programs each
compiled, as a line of JSON.
"""

import json
import sys
import time
import warnings
from typing import Any

import jax
import jax.monitoring
import jax.numpy as jnp

from experiments.speed._analyses import CALLS, Call

NUMBERS = {"first": 0.1, "second": 0.12}
COMPILED = "/jax/core/compile/backend_compile_duration"


def timed(call: Call, compiled: list[float]) -> dict[str, Any]:
    before, begin = len(compiled), time.process_time()
    jax.block_until_ready(jax.tree.leaves(call()))
    return {"seconds": time.process_time() - begin, "compiled": len(compiled) - before}


def main(kind: str, name: str) -> None:
    jax.config.update("jax_enable_x64", True)
    jax.block_until_ready(jnp.zeros(2) + 1)  # no device is looked for any more
    warnings.simplefilter("ignore")  # an analysis may find nothing: it is its time that counts
    compiled: list[float] = []

    def listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
        if event == COMPILED:
            compiled.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(listen)
    calls = {which: CALLS[kind][name](e) for which, e in NUMBERS.items()}
    print(json.dumps({which: timed(call, compiled) for which, call in calls.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
