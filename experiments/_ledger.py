"""The numbers behind a claim, each beside what theory says of it."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm


def _bar() -> tqdm:
    """On a terminal, what has been done so far; quiet otherwise."""
    return tqdm(desc="numbers", unit="", bar_format="{desc}: {n_fmt} [{elapsed}]", disable=None)


@dataclasses.dataclass
class Ledger:
    """Measured against theory, line by line; the claim holds if every line does."""

    lines: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    bar: tqdm = dataclasses.field(default_factory=_bar, repr=False)

    def _add(self, **line: Any) -> None:
        self.lines.append(line)
        self.bar.update()

    def compare(self, name: str, measured: Any, theory: Any, tolerance: Any) -> bool:
        """A number, or an array of them, and the closed form that it must agree with to an absolute
        tolerance."""
        measured, theory, tolerance = (
            np.asarray(v, float).tolist() for v in (measured, theory, tolerance)
        )
        holds = bool(np.all(abs(np.subtract(measured, theory)) <= tolerance))
        self._add(name=name, measured=measured, theory=theory, tolerance=tolerance, holds=holds)
        return holds

    def state(self, name: str, measured: Any, theory: Any) -> bool:
        """A word or a whole number that must be the one that theory predicts."""
        holds = measured == theory
        self._add(name=name, measured=measured, theory=theory, holds=holds)
        return holds

    def record(self, name: str, measured: Any) -> None:
        """What was seen where theory is silent: it neither supports nor refutes the claim."""
        self._add(name=name, measured=measured)

    @property
    def tested(self) -> list[dict[str, Any]]:
        """The lines of which theory says something."""
        return [line for line in self.lines if "holds" in line]

    @property
    def holds(self) -> bool:
        """Whether every line holds; an empty ledger claims nothing, and does not."""
        return bool(self.tested) and all(line["holds"] for line in self.tested)

    def write(self, out: Path, claim: str, options: Any, panel: str | None = None) -> Path:
        """`summary.json`: the claim, its options, whether it holds; the numbers, a line each. If
        they are those of one panel, also its name."""
        self.bar.close()
        head = {"claim": claim, "holds": self.holds, "options": dataclasses.asdict(options)}
        head |= {} if panel is None else {"panel": panel}
        rows = [f'"{name}": {_json(value)}' for name, value in head.items()]
        lines = ",\n    ".join(map(_json, self.lines))
        path = out / "summary.json"
        path.write_text(
            "{\n  " + ",\n  ".join([*rows, f'"numbers": [\n    {lines}\n  ]']) + "\n}\n"
        )
        return path


def _json(value: Any) -> str:
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    """JSON has neither arrays nor nan; the latter are written as words."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):
        return _plain(np.asarray(value).tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Path):
        return str(value)
    return value
