"""Every experiment runs at small size, says what it measured, and its claim holds."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.__main__ import claim, load, main, names
from experiments._ledger import Ledger

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_claim_holds_at_small_size(name, tmp_path):
    assert main([name, "--quick", "--out", str(tmp_path)]) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["holds"] is True
    assert summary["claim"] == claim(load(name))
    assert any("theory" in line for line in summary["numbers"])
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


def test_every_claim_is_listed(capsys):
    assert main([]) == 0
    listing = capsys.readouterr().out
    for name in names():
        assert name in listing
        assert claim(load(name)) in listing


def test_unknown_experiments_are_named_with_the_known_ones(capsys):
    assert main(["dirac_galery"]) == 2
    said = capsys.readouterr().out
    assert "dirac_galery" in said
    assert "dirac_gallery" in said


def test_a_ledger_holds_only_if_every_number_does(tmp_path):
    ledger = Ledger()
    assert not ledger.holds  # it claims nothing
    ledger.record("seen", 1.0)
    assert not ledger.holds
    ledger.compare("near", 1.0 + 1e-9, 1.0, 1e-8)
    ledger.state("word", "in", "in")
    assert ledger.holds
    ledger.compare("nan", float("nan"), 1.0, 1e-8)
    assert not ledger.holds


@pytest.mark.slow
def test_the_readme_does_what_it_says(tmp_path):
    """The README's own game, run as a stranger would."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL).group(1)
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith("1.02")
    assert (tmp_path / "portrait.png").exists()
    assert run.stderr == ""
