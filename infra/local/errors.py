"""Errors of servers on this machine.

LocalServerError
├── ProgramMissing    a program that has to be installed first
├── DownloadFailed    Apache Kafka's jars could not be fetched
├── NotReady          the server ended, or did not answer in time
└── AlreadyRunning    another process has embedded servers under the same name
"""


class LocalServerError(Exception):
    """Anything that keeps a local server from serving; says what to do."""


class ProgramMissing(LocalServerError):
    """A program is not on the PATH; says what to install."""


class DownloadFailed(LocalServerError):
    """Maven could not fetch the jars; carries what it said."""


class NotReady(LocalServerError):
    """The server ended or did not answer in time; carries its last words."""


class AlreadyRunning(LocalServerError):
    """Another process has embedded servers under the same name; says which, and how to run a second one."""
