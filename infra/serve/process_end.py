"""Ends a worker's process once it has stopped, whatever threads are left.

By then all is durable. What the C library does at an exit takes OpenSSL down, while a thread of librdkafka
may still read from a connection: a worker over TLS, which had stopped in good order, ended by a segmentation
fault once. And Python would wait for threads of its pools, of which one may be in a call that never returns.
"""

import atexit
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_process() -> Iterator[None]:
    """Ends the process with the status of a SystemExit from inside, after what is registered for an exit."""
    try:
        yield
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        atexit._run_exitfuncs()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
