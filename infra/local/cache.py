"""Folders in the user's cache, each whole or not there: it is filled beside its place and then renamed."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder(name: str, fill: Callable[[Path], Path]) -> Path:
    """The folder of that name, filled if it is not there yet.

    Args:
        fill: is given an empty folder, and returns one in it that is to be kept; raises what it likes.
    """
    place = _place(name)
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as workplace:
            _keep(fill(Path(workplace)), place)
    return place


def is_filled(name: str) -> bool:
    """Whether the folder of that name is there."""
    return _place(name).is_dir()


def _place(name: str) -> Path:
    return user_cache_path("understudy") / name


def _keep(filled: Path, place: Path) -> None:
    """Move it into place, unless somebody else has been faster."""
    try:
        filled.rename(place)
    except OSError:
        if not place.is_dir():
            raise
