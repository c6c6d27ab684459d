"""What the smallest critics see of two samples: linear ones, and (not drawn) a kernel's ball."""

from collections.abc import Callable

from jaxtyping import Array
from matplotlib.axes import Axes

from experiments._ledger import Ledger
from experiments._panels import Found
from gandyn import distances

from . import _theory as theory
from ._options import TRANSPORT, Options
from ._samples import COLORS, THEORY, between, dots, dress, record, test


def measure(options: Options) -> Found:
    def measured(m: int, d: int) -> Callable[..., dict[str, Array]]:
        def seen(x: Array, y: Array, key: Array) -> dict[str, Array]:
            squares = {"mmd2": distances.mmd(x, y) ** 2} if m <= TRANSPORT else {}
            return {"linear": distances.linear_distance(x, y), **squares}

        return seen

    lines = {d: [theory.linear(m, d) for m in options.sizes] for d in options.dimensions}
    return {"means": between(measured, options, "linear"), "theory": lines}


def judge(options: Options, found: Found, ledger: Ledger) -> None:
    for d in options.dimensions:
        for name, known, text in (
            ("linear", theory.linear, "linear critics"),
            ("mmd2", theory.kernel, "squared MMD"),
        ):
            means = found["means"].get((name, d), {})
            expected = {m: known(m, d) for m in means}
            test(ledger, options.seeds, means, expected.__getitem__, f"{text}, d = {d}")
    record(ledger, found["means"])


def draw(options: Options, found: Found, ax: Axes) -> None:
    for d, color in zip(options.dimensions, COLORS, strict=False):
        dots(ax, found["means"]["linear", d], color=color, label=f"$d = {d}$")
        ax.plot(options.sizes, found["theory"][d], **THEORY)
    dress(ax, options.sizes, "linear critics")
    ax.legend(loc="lower left", labelspacing=0.2, handletextpad=0.1)
