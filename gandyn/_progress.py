"""The progress bar of everything that takes long."""

from tqdm import tqdm

from . import _checks as checks


def bar(unit: str, total: int | None, progress: bool | None) -> tqdm:
    """A bar that counts `unit`; if `progress` is `None`, on a terminal only."""
    disable = None if progress is None else not checks.flag("progress", progress)
    return tqdm(total=total, unit=unit, unit_scale=True, disable=disable)
