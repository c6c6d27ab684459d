"""A film: one picture after the other, as an animated GIF."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from .. import _checks as checks
from ._axes import STYLE, made


def film(
    pictures: Iterable[Figure], path: str | Path, *, seconds: float = 0.2, dpi: int = 100
) -> None:
    """Write figures, all of one size, as an animated GIF that runs for ever. Each is closed as soon
    as it is drawn, so that they may come from a generator.

    **Arguments:**

    - `pictures`: the figures.
    - `path`: where to; its folder is made if there is none.
    - `seconds`: how long each is shown.
    - `dpi`: dots per inch; with 64 colors a picture of 3.4 x 2.6 inches takes some 8 kB.
    """
    dpi, seconds = checks.count("dpi", dpi), float(checks.positive("seconds", seconds))
    frames = []
    with plt.style.context(STYLE):
        for picture in pictures:
            if not isinstance(picture, Figure):
                raise TypeError(
                    f"`pictures` must be figures, but there is {checks.shown(picture)} among them."
                )
            picture.set_dpi(dpi)
            picture.canvas.draw()
            pixels = np.asarray(picture.canvas.buffer_rgba())[..., :3]  # pyright: ignore
            # One palette for all, so that colors do not flicker and only what changed is written.
            image = Image.fromarray(pixels.copy())
            frames.append(image.quantize(64) if not frames else image.quantize(palette=frames[0]))
            plt.close(picture)
    if not frames:
        raise ValueError("`pictures` must have at least one figure, but has none.")
    path = Path(path)
    frames[0].save(
        made(path.parent) / path.name,
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 * seconds),
        loop=0,
        optimize=True,
    )
