"""Errors of a command's input and output. Every message says what failed, where, and what to do.

InputError
├── InvalidFile       a file that is missing, or whose content is not what the command reads
├── UnusableOutput    a folder that can't be written to
├── MissingData       benchmark data that is not where it was looked for, or too little to measure on
├── MissingLibrary    a Python package of an extra that a benchmark needs is not installed
└── RivalUnavailable  a library that benchmarks compare with can't be installed, or fails; they go on without
"""


class InputError(Exception):
    """Anything that keeps a command from starting, or from writing its result."""


class InvalidFile(InputError):
    """A file that is missing, or whose content is not what the command reads; names file and line."""


class UnusableOutput(InputError):
    """A folder that can't be written to."""


class MissingData(InputError):
    """Benchmark data that is not where it was looked for, or too little to measure on."""


class MissingLibrary(InputError):
    """A Python package that this command needs is not installed; names the extra that has it."""


class RivalUnavailable(InputError):
    """A library that benchmarks compare with can't be installed or fails; they go on without it."""
