"""GAN training as a dynamical system."""

from gandyn._export import to_xarray as to_xarray
from gandyn._status import Outcome as Outcome
from gandyn._status import status as status
from gandyn._sweep import submit as submit
from gandyn._sweep import sweep as sweep
