"""Open files: a connection takes one, and systems allow a process few of them unless it asks for more."""

import logging
import resource

log = logging.getLogger(__name__)

_OTHERS = 1_024
"""Of Kafka, Redis, logs and policies."""


def allow_open_files(connections: int) -> None:
    """Let this process have as many open files as its clients and what it forwards for them take.

    Args:
        connections: of clients; each may have one more to an LLM.
    """
    wanted = 2 * connections + _OTHERS
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now != resource.RLIM_INFINITY and now < wanted:
        allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        if allowed > now:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
        if allowed < wanted:
            log.warning(
                "few open files are allowed: allowed=%d wanted=%d: raise the limit (`ulimit -n`), or lower "
                "`gateway.connections` (UNDERSTUDY_GATEWAY__CONNECTIONS)",
                allowed,
                wanted,
            )
