"""Plots: each takes a result and an optional `ax`, and has the result's name. They never compute."""

from ._axes import COLORS as COLORS
from ._axes import figure as figure
from ._axes import save as save
from ._portrait import portrait as portrait
from ._spectrum import spectrum as spectrum
from ._trajectory import trajectory as trajectory
