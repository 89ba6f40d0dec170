"""Errors of servers on this machine.

LocalServerError
├── ProgramMissing    a program that has to be installed first
├── DownloadFailed    Apache Kafka's jars could not be fetched
├── NotReady          the server ended, or did not answer in time
├── UnusableFolder    a folder that can't keep servers' data, or a port of it that is taken
└── AlreadyRunning    another process has embedded servers under the same name, or uses the folder
"""


class LocalServerError(Exception):
    """Anything that keeps a local server from serving; says what to do."""


class ProgramMissing(LocalServerError):
    """A program is not on the PATH; says what to install."""


class DownloadFailed(LocalServerError):
    """Maven could not fetch the jars; carries what it said."""


class NotReady(LocalServerError):
    """The server ended or did not answer in time; carries its last words."""


class UnusableFolder(LocalServerError):
    """A folder that can't keep the data of servers, or a port that it needs is taken; says what to do."""


class AlreadyRunning(LocalServerError):
    """Another process has servers under the same name or in the same folder; says which, and what to do."""
