"""How XLA compiles. Its default suits long runs; of a small one compiling is most of the work."""

import os

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
