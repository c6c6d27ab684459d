"""The command line: the claims, or one of them tested."""

import importlib
import pkgutil
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import matplotlib
import matplotlib.style
import tyro

import experiments
from experiments._compile import compile_cheaply
from gandyn import plots

INTERRUPTED = 130  # the exit code of a shell's command that Ctrl-C ended


def names() -> list[str]:
    """The experiments: the modules of this package without an underscore."""
    found = (module.name for module in pkgutil.iter_modules(experiments.__path__))
    return sorted(name for name in found if not name.startswith("_"))


def load(name: str) -> Any:
    return importlib.import_module(f"experiments.{name}")


def claim(module: Any) -> str:
    """The first sentence of an experiment's docstring."""
    sentence = " ".join(module.__doc__.split("\n\n")[0].split())
    return sentence.removeprefix("Claim: ")


def listing() -> str:
    width = max(map(len, names())) + 2
    lines = [f"  {name:<{width}}{claim(load(name))}" for name in names()]
    return "\n".join(
        [
            "Experiments and their claims:",
            "",
            *lines,
            "",
            "python -m experiments NAME --out DIR          run one; --help shows its options",
            "python -m experiments NAME --panel PANEL      one panel, if it has several files",
        ]
    )


def _choice(panels: tuple[str, ...]) -> Any:
    """What may follow `--panel`, which an experiment in one file does not know."""
    choice: Any = Literal[panels] if panels else tyro.conf.Suppress[None]
    return choice | None


def run(name: str, arguments: list[str]) -> int:
    quick = "--quick" in arguments
    if quick:
        compile_cheaply()
    module = load(name)
    arguments = [a for a in arguments if a != "--quick"]

    def command(options: Any, out: Path | None = None, panel: Any = None) -> tuple[Any, Path, dict]:
        """Run the experiment.

        Args:
            options: What can be chosen.
            out: Folder for the figure and the summary; results/NAME if left out.
            panel: The one to run, with its part of the figure and of the summary; all if left out.
        """
        folder = Path("results") / name / (panel or "")
        return options, out or folder, {} if panel is None else {"panel": panel}

    command.__annotations__["options"] = Annotated[module.Options, tyro.conf.arg(name="")]
    command.__annotations__["panel"] = _choice(tuple(getattr(module, "PANELS", ())))
    command.__defaults__ = (module.QUICK if quick else module.Options(), None, None)
    options, out, chosen = tyro.cli(
        command,
        args=arguments,
        prog=f"python -m experiments {name} [--quick]",
        description=module.__doc__,
    )
    try:  # now, not after the work
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        print(
            f"`--out` must be a folder that can be written to, but {out} is none: {error.strerror}"
        )
        return 2
    start = time.perf_counter()
    ledger = module.run(options, out, **chosen)
    path = ledger.write(out, claim(module), options, **chosen)
    failed = [line for line in ledger.tested if not line["holds"]]
    for line in failed:
        print(f"does not hold: {line}")
    silent = bool(chosen) and not ledger.tested
    verdict = "holds" if ledger.holds else "DOES NOT HOLD"
    n = len(ledger.tested)
    said = f"{verdict}: {n - len(failed)} of {n} numbers as theory says"
    print(f"{claim(module)}\n{'theory is silent about this panel' if silent else said}")
    print(f"{out / 'figure.png'} and {path}, {time.perf_counter() - start:.0f} s")
    return 0 if ledger.holds or silent else 1


def main(arguments: list[str]) -> int:
    # Claims are tested in double precision, and figures go to files.
    jax.config.update("jax_enable_x64", True)
    matplotlib.use("Agg")
    matplotlib.style.use(plots.STYLE)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(listing())
        return 0
    if arguments == ["--names"]:
        print("\n".join(names()))
        return 0
    name, *rest = arguments
    if name not in names():
        print(f"there is no experiment {name!r}: choose one of {', '.join(names())}")
        return 2
    start = time.perf_counter()
    try:
        return run(name, rest)
    except KeyboardInterrupt as interruption:
        kept = f"; {interruption}" if str(interruption) else ""
        print(f"\n{name}: interrupted after {time.perf_counter() - start:.0f} s{kept}")
        return INTERRUPTED
