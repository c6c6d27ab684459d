"""GAN training as a dynamical system.

Measure -> Game -> Field -> Dynamics -> result: a game is what the players lose, a field which way
they go, a dynamics how they get there - a rule, step by step, or a flow, in continuous time - and
every analysis asks the same questions of both.
"""

import typing as _typing

from . import distances as distances
from . import families as families
from . import fields as fields
from . import flows as flows
from . import games as games
from . import losses as losses
from . import measures as measures
from . import methods as methods
from . import modes as modes
from . import monitors as monitors
from . import networks as networks
from . import optimal as optimal
from . import results as results
from . import rules as rules
from . import theory as theory
from ._dynamics import AbstractDynamics as AbstractDynamics
from ._export import to_xarray as to_xarray
from ._family import Family as Family
from ._family import family as family
from ._phase import State as State
from ._record import record as record
from ._simulate import simulate as simulate
from ._status import status as status
from ._sweep import submit as submit
from ._sweep import sweep as sweep
from .analyses import basins as basins
from .analyses import circle as circle
from .analyses import circles as circles
from .analyses import classify as classify
from .analyses import continuation as continuation
from .analyses import cost as cost
from .analyses import critical as critical
from .analyses import cycle as cycle
from .analyses import equilibria as equilibria
from .analyses import equilibrium as equilibrium
from .analyses import escape_time as escape_time
from .analyses import exploitability as exploitability
from .analyses import fastest as fastest
from .analyses import fixed_point as fixed_point
from .analyses import frame as frame
from .analyses import jacobian as jacobian
from .analyses import leader as leader
from .analyses import lyapunov as lyapunov
from .analyses import portrait as portrait
from .analyses import rotation as rotation
from .analyses import settles_on as settles_on
from .analyses import spectrum as spectrum
from .analyses import stability_map as stability_map
from .analyses import tabulate as tabulate
from .analyses import transient as transient
from .analyses import values as values
from .optimal import optimal_discriminator as optimal_discriminator

__version__ = "0.1.0"

if _typing.TYPE_CHECKING:
    from . import plots as plots
else:
    # Drawing needs matplotlib, which nothing else does: imported when it is first asked for. So are
    # the parts of scipy, by scipy itself: `import scipy`, and `scipy.stats` only where it is used,
    # because importing all that is used anywhere takes longer than importing everything else here.

    def __getattr__(name: str) -> _typing.Any:
        if name != "plots":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        return importlib.import_module(".plots", __name__)


def __dir__() -> list[str]:
    return sorted({name for name in globals() if name[0] != "_"} | {"plots", "__version__"})
