"""Every experiment runs at small size, says what it measured, and its claim holds."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr

import gandyn as gd
from experiments._command import claim, load, main, names
from experiments._compile import own_folder
from experiments._ledger import Ledger
from experiments._panels import Stored, measured
from experiments.speed._analyses import CALLS, SOLVE

ROOT = Path(__file__).parents[1]
# How programs are compiled in tests, for what is started from here.
CHEAP = {k: os.environ[k] for k in ("XLA_FLAGS", "JAX_TRACEBACK_IN_LOCATIONS_LIMIT")}


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_claim_holds_at_small_size(name, tmp_path):
    # Experiments are users' code: with the promotions of users, not with those of the tests.
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        assert main([name, "--quick", "--out", str(tmp_path)]) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["holds"] is True
    assert summary["claim"] == claim(load(name))
    assert any("theory" in line for line in summary["numbers"])
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


def panels(name):
    return getattr(load(name), "PANELS", {})


@pytest.mark.parametrize("name", [name for name in names() if panels(name)])
def test_the_files_of_a_package_are_its_panels(name):
    folder = Path(load(name).__file__).parent
    files = {file.stem for file in folder.glob("[!_]*.py")}
    assert {panel.replace(" ", "_") for panel in panels(name)} == files
    for panel in panels(name).values():
        assert all(callable(getattr(panel, part)) for part in ("measure", "judge", "draw"))


def test_first_calls_are_those_of_every_analysis():
    every = {name for name, _ in inspect.getmembers(gd.analyses, inspect.isfunction)} | {"simulate"}
    assert every == set().union(*CALLS.values()) - {SOLVE}


@pytest.mark.slow
def test_a_panel_alone_is_measured_once_for_each_choice_of_options(tmp_path, monkeypatch):
    out, supports = tmp_path / "out", panels("vanishing_gradient")["supports"]
    command = ["vanishing_gradient", "--quick", "--panel", "supports", "--out", str(out)]
    command += ["--store", str(tmp_path / "store")]
    assert main(command) == 0
    first = (out / "summary.json").read_text()
    assert json.loads(first)["panel"] == "supports"
    assert all(line["name"].startswith("uniform laws") for line in json.loads(first)["numbers"])
    assert (out / "figure.png").exists()

    def again(options):
        raise RuntimeError("measured again")

    monkeypatch.setattr(supports, "measure", again)
    assert main(command) == 0
    assert (out / "summary.json").read_text() == first
    with pytest.raises(RuntimeError, match="measured again"):
        main([*command, "--batch", "32"])


def test_a_panel_is_measured_anew_when_the_code_is_another(tmp_path, monkeypatch):
    """That of gandyn as well as that of the experiment, but not that of plots, in which nothing is
    computed."""
    library, experiment = tmp_path / "gandyn", tmp_path / "experiment"
    shutil.copytree(Path(gd.__file__).parent, library)
    experiment.mkdir()
    monkeypatch.setattr(gd, "__file__", str(library / "__init__.py"))
    runs = []
    panel: Any = ModuleType("panel")
    panel.__file__ = str(experiment / "panel.py")
    panel.measure = lambda options: {"run": runs.append(options) or len(runs)}
    panel.judge = lambda options, found, ledger: None

    def run():
        _, found = measured({"panel": panel}, Stored(tmp_path / "store"))
        return found["panel"]["run"]

    assert [run(), run()] == [1, 1]
    for number, file in enumerate((library / "rules" / "_rule.py", experiment / "panel.py"), 2):
        with file.open("a") as text:
            text.write("_ANOTHER = 1\n")
        assert [run(), run()] == [number, number]
    (library / "plots" / "_axes.py").write_text("")
    assert run() == 3


@pytest.mark.parametrize("name", ["vanishing_gradient", "order_of_play_decides"])
def test_a_panel_that_there_is_not_is_refused(name, capsys):
    with pytest.raises(SystemExit):
        main([name, "--panel", "suports"])
    assert "suports" in capsys.readouterr().err


def test_every_claim_is_listed(capsys):
    assert main([]) == 0
    listing = capsys.readouterr().out
    for name in names():
        assert name in listing
        assert claim(load(name)) in listing


def test_the_readme_lists_all_experiments():
    section = (ROOT / "README.md").read_text().partition("## Experiments")[2].partition("\n## ")[0]
    table = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert table == sorted(names())


def test_unknown_experiments_are_named_with_the_known_ones(capsys):
    assert main(["dirac_galery"]) == 2
    said = capsys.readouterr().out
    assert "dirac_galery" in said
    assert "dirac_gallery" in said


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.write_text("by a file")
    assert main(["order_of_play_decides", "--out", str(taken)]) == 2
    assert str(taken) in capsys.readouterr().out


def test_a_ledger_holds_only_if_every_number_does(tmp_path):
    ledger = Ledger()
    assert not ledger.holds  # it claims nothing
    ledger.record("seen", 1.0)
    assert not ledger.holds
    ledger.compare("near", 1.0 + 1e-9, 1.0, 1e-8)
    assert ledger.compare("all near", [1.0, 2.0], [1.0, 2.1], [0.0, 0.2])
    ledger.state("word", "in", "in")
    assert ledger.holds
    ledger.compare("nan", float("nan"), 1.0, 1e-8)
    assert not ledger.holds


def snippet(i):
    """The README's i-th program."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[i]


def start(code, folder, *arguments, **environment):
    """Run a program as a stranger would."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PATH": "", **CHEAP, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


INTERRUPTED = """
import dataclasses, pkgutil, runpy, signal, sys, threading, time, types
from experiments._panels import side_by_side

def panel(i):
    if i == 1:
        time.sleep(1)  # until all panels are begun, and are waited for
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    time.sleep(60)

module = types.ModuleType("experiments.panels", "Claim: none.")
sys.modules[module.__name__] = module
module.Options = dataclasses.make_dataclass("Options", [])
module.QUICK = module.Options()
module.run = lambda options, out: side_by_side(panel, range(9), "panels")
found = pkgutil.iter_modules
pkgutil.iter_modules = lambda path: [*found(path), types.SimpleNamespace(name="panels")]
sys.argv[1:] = ["panels", "--out", sys.argv[1]]
runpy.run_module("experiments", run_name="__main__", alter_sys=False)
"""


@pytest.mark.slow
def test_an_interrupted_experiment_says_so_in_a_line_and_waits_for_nothing(tmp_path):
    began = time.perf_counter()
    process = start(INTERRUPTED, tmp_path, str(tmp_path))
    said, complaints = process.communicate()
    assert process.returncode == 130
    assert re.fullmatch(r"panels: interrupted after \d+ s", said.strip())
    assert complaints == ""
    assert time.perf_counter() - began < 50  # a panel takes 60 s


KEPT = """
from experiments._compile import keep_programs
keep_programs()
import jax
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
import gandyn as gd
integrator = gd.flows.Integrator(dt=0.5)  # a run of fixed steps may raise an error within
flow = gd.flows.GradientFlow(gd.fields.Gradient(gd.games.dirac()), integrator)
print(gd.simulate(flow, (1.0, 0.5), [0.0, 1.0]).players)
print(events.count("/jax/compilation_cache/cache_misses"))
"""


@pytest.mark.slow
def test_programs_are_kept_for_the_next_process(tmp_path):
    """And those that are damaged are compiled again, without a word."""

    def run():
        process = start(KEPT, tmp_path, XDG_CACHE_HOME=str(tmp_path))
        said, complaints = process.communicate()
        assert complaints == ""
        *found, misses = said.splitlines()
        return found, int(misses)

    first, misses = run()
    assert misses > 0
    kept = sorted((tmp_path / "gandyn").glob("*-cache"))
    assert run() == (first, 0)
    assert sorted((tmp_path / "gandyn").glob("*-cache")) == kept
    for entry in kept:
        entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])
    assert run()[0] == first


def test_programs_are_kept_where_nobody_else_can_write(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = own_folder()
    assert folder == tmp_path / "cache" / "gandyn"
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    assert own_folder() is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "file"))
    (folder / "file").touch()
    assert own_folder() is None


@pytest.mark.slow
def test_the_readmes_own_game(tmp_path):
    said, complaints = start(snippet(0), tmp_path).communicate()
    assert complaints == ""
    assert said.startswith("1.02")
    assert (tmp_path / "portrait.png").exists()


@pytest.mark.slow
def test_the_readmes_family(tmp_path):
    said, complaints = start("import gandyn as gd\n" + snippet(1), tmp_path).communicate()
    assert complaints == ""
    step, kind = said.split(maxsplit=1)
    assert kind.strip() == "period doubling"
    # Stable if and only if (h / 2)^2 + 2 h gamma < 4.
    np.testing.assert_allclose(float(step), -1.2 + np.sqrt(1.2**2 + 16), rtol=1e-6)


@pytest.mark.slow
def test_the_readmes_networks_are_watched(tmp_path):
    said, complaints = start(snippet(3), tmp_path).communicate()
    assert complaints == ""
    step, modes = re.fullmatch(r"(\d+) \[([\d ]*)\] \[.*\]\s*", said, re.DOTALL).groups()
    assert int(step) == 250
    assert modes.split()[0] == "0"
    assert int(modes.split()[-1]) > 0
    with xr.open_zarr(tmp_path / "run", consolidated=False) as kept:
        assert kept["seen.modes.covered"].dims == ("time", "mode")
        assert kept["seen.modes.covered"].sum("mode").values.tolist() == [
            int(n) for n in modes.split()[:-1]
        ]


@pytest.mark.slow
def test_the_readmes_sweep_outlives_one_of_its_processes(tmp_path):
    code = snippet(2)
    killed, other = (start(code, tmp_path, str(k), "2") for k in range(2))
    killed.kill()
    killed.communicate()
    other.communicate()
    assert other.returncode == 0
    said, _ = start(code, tmp_path).communicate()
    assert said.startswith("120000 points are done, 56982 of them stable")
    with xr.open_zarr(tmp_path / "atlas.zarr", consolidated=False) as atlas:
        # Mescheder et al. 2018: stable if and only if h^2 f'^2 + 2 h gamma < 4, where f' = 1/2.
        margin = 4 - atlas.step_size**2 / 4 - 2 * atlas.step_size * atlas.gamma
        # Where gamma = 0 they are neutral.
        assert bool((atlas.stable == (margin > 0) & (atlas.gamma > 0)).all())
