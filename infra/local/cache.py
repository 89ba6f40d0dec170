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
    place = user_cache_path("understudy") / name
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as workplace:
            _keep(fill(Path(workplace)), place)
    return place


def _keep(filled: Path, place: Path) -> None:
    """Move it into place, unless somebody else has been faster."""
    try:
        filled.rename(place)
    except OSError:
        if not place.is_dir():
            raise
