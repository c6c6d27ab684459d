"""How XLA compiles, and that it need not do so twice. Its default suits long runs; of a small one
compiling is most of the work."""

import os
import tempfile
import warnings
from pathlib import Path

import jaxlib

FLAGS = (
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_parallel_codegen_split_count=1",
)


def compile_cheaply() -> None:
    """Let XLA compile in about a third of the time, into slower programs: before JAX's first use.

    Programs that are started from here do the same.
    """
    # XLA aborts at a flag that it does not know.
    if jaxlib.version.__version_info__[:2] == (0, 10):
        given = os.environ.get("XLA_FLAGS", "").split()
        os.environ["XLA_FLAGS"] = " ".join([*given, *(f for f in FLAGS if f not in given)])
    # The calls that led to each operation, written into each program, take a sixth of the time.
    os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")


def keep_programs() -> None:
    """Let JAX keep compiled programs for the next process, in the folder gandyn of the user's
    cache, if that can be written to: before JAX and equinox are imported.

    Programs that are started from here do the same.
    """
    folder = own_folder()
    if folder is not None:
        os.environ.update({**kept_in(folder), **os.environ})
        # An entry that is cut off, or still being written, is none: the program is compiled.
        entry = "Error (reading|writing) persistent compilation cache entry"
        warnings.filterwarnings("ignore", entry)


def kept_in(folder: Path) -> dict[str, str]:
    """The environment of a process whose compiled programs are kept in a folder."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        # Programs that may raise an error call the host for it, and those are not kept. An error is
        # nan instead, and a claim with nan in it does not hold.
        "EQX_ON_ERROR": "nan",
    }


def own_folder() -> Path | None:
    """One that nobody else can write to: whoever could would have his code run."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gandyn"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        return None if folder.stat().st_mode & 0o022 else folder
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return None
