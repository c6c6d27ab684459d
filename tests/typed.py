"""The type checker that the tests install in gandyn; an int may stand for a float."""

import beartype

check = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))
