"""Sweeps that outgrow one machine and survive being killed."""

from gandyn._sweep._cluster import submit as submit
from gandyn._sweep._run import sweep as sweep
