"""Garbage collector of Python, tuned for batches.

A batch makes tens of thousands of objects, none of them in a cycle, and drops them all together. With
Python's defaults the collector looks through them, and through all that was loaded at the start, again and
again.
"""

import gc

_YOUNG = 100_000
"""New objects before the collector looks: several batches' worth, so that most have gone by then."""


def freeze_startup_objects() -> None:
    """Leave the objects loaded so far out of later collections; collect seldom. Call it after the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
