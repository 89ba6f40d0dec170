"""How far a benchmark is, on standard error: standard output is for its report."""

import sys


def print_progress(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
