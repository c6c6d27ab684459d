"""Every test runs in double precision, with no silent promotion and no display.

Annotations are enforced: every function and module of gandyn checks its shapes and types. That
comes before the checks at the door; tests of those switch it off by the fixture `as_installed`.
"""

import gc
import mmap
import os
import pkgutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import jax
import jaxtyping
import matplotlib
import numpy as np
import pytest

from experiments._compile import compile_cheaply

compile_cheaply()
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
matplotlib.use("Agg")

# Of gandyn's own walk through all that functions read, every step would be checked, a hundred for
# each call of a compiled program.
within = pkgutil.iter_modules(find_spec("gandyn").submodule_search_locations)
typed = [f"gandyn.{module.name}" for module in within if module.name != "_reads"]
jaxtyping.install_import_hook(typed, "typed.check")

# What tracing leaves behind is large and lives long: it need not be searched for garbage so often.
gc.freeze()
gc.set_threshold(100_000, 50, 100)


def pytest_configure(config: pytest.Config) -> None:
    """Compiled programs are kept from one run to the next: most of the time goes into compiling."""
    cache = getattr(config, "cache", None)
    if cache is not None:
        jax.config.update("jax_compilation_cache_dir", str(cache.mkdir("jax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def most() -> float:
    """Bytes of memory beyond which a worker forgets compiled programs: its part of a half."""
    told = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
    there = os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE if told else 8 * 2**30
    return max(there / 2 / int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), 2 * 2**30)


def resident() -> float:
    """How many bytes of memory this process holds; where that is not told, too many."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * mmap.PAGESIZE if told.exists() else np.inf


@pytest.fixture(autouse=True, scope="module")
def forget() -> Iterator[None]:
    """Modules share the programs of small operations; all programs together take gigabytes."""
    yield
    if resident() > most():
        jax.clear_caches()


@pytest.fixture
def as_installed() -> Iterator[None]:
    """Without the enforced annotations, as the library is once it is installed."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
