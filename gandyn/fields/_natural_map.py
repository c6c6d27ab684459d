"""The natural map: what the steps of players in their sets make of a field.

    r(z) = P(z + h v(z)) - z

vanishes exactly where the variational inequality is solved, <v(z), u - z> <= 0 for all u in the
sets: where nobody gains by a small step that is allowed. Eaves, "On the basic theorem of
complementarity", 1971. The flow z' = r(z) never leaves the sets: Friesz, Bernstein, Mehta, Tobin,
Ganjalizadeh, "Day-to-day dynamic network disequilibria and idealized traveler information systems",
1994.
"""

from .. import _step as stepping
from .._types import Key, Players
from ._stepped import AbstractStepped


class NaturalMap(AbstractStepped):
    """r_i = P_i(z_i + h_i v_i) - z_i, with h_i v_i for players who are free.

    **Arguments:**

    - `field`: the field v.
    - `step_size`: h, not negative, one number for everybody or one per player; `projected` for
      players who stay in a set.
    """

    def __call__(self, players: Players, key: Key = None) -> Players:
        return stepping.all_moves(players, self.step_size, self.field(players, key))
