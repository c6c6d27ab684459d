"""Where a store is: the folder that a shell would find under its name, made whole or not at all."""

import contextlib
import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path


def place(store: str | os.PathLike[str]) -> Path:
    """The folder that `store` names, with `~`, `$HOME`, symbolic links and `..` as in a shell."""
    name = os.fspath(store)
    if not isinstance(name, str) or not name:
        raise TypeError(f"`store` must be the path of a directory, but is {store!r}.")
    if re.match(r"[a-z][a-z0-9+.-]*://", name, re.IGNORECASE):
        raise ValueError(f"`store` must be a directory, but is {name!r}, the address of something.")
    path = os.path.expanduser(os.path.expandvars(name))
    if unset := re.search(r"\$(\w+|\{[^}]*\})", path):
        raise ValueError(f"`store` is {name!r}, but {unset[0]} is not set in the environment.")
    if path.startswith("~"):
        raise ValueError(f"`store` is {name!r}, but there is no such user.")
    return Path(path).resolve()


def is_free(path: Path) -> bool:
    """Whether nothing is there, or an empty folder."""
    return not path.exists() or (path.is_dir() and not os.listdir(path))


@contextlib.contextmanager
def made_beside(path: Path) -> Iterator[Path]:
    """An empty folder beside `path`, for what is moved there when it is whole; else it goes.

    It is locked while this process lives, so that what a killed one left is known.
    """
    while True:
        beside = path.parent / f".{path.name}.{uuid.uuid4().hex}"
        beside.mkdir()
        with _locked(beside) as ours:
            if ours is False:  # someone took it for a leftover before it was locked
                continue
            try:
                yield beside
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        return


def clear_leftovers(path: Path) -> None:
    """Remove what processes left beside `path` that were killed while they made it."""
    left = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{32}}")
    with contextlib.suppress(OSError):  # a parent that is not there, or not to be read
        for beside in [p for p in path.parent.iterdir() if left.fullmatch(p.name)]:
            with contextlib.suppress(OSError), _locked(beside) as dead:
                if dead:
                    shutil.rmtree(beside, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool | None]:
    """Whether this process alone has the folder; `None` on a file system that cannot tell."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = os.path.samestat(os.fstat(handle), os.stat(folder))
        except (BlockingIOError, FileNotFoundError):
            alone = False
        except OSError:
            alone = None
        yield alone
    finally:
        os.close(handle)
