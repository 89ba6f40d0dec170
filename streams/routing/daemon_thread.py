"""A call in a thread of its own that keeps no process from ending, however long the call hangs."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


class CallPanicked(Exception):
    """The call has raised what is no `Exception`."""


def run_in_daemon(call: Callable[[], Result], name: str) -> "asyncio.Future[Result]":
    """Run the call, on a daemon thread with this name; the event loop's own threads stay free for others."""
    outcome: Future[Result] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - the thread's edge: who waits for the future gets it
            outcome.set_exception(error)
        except BaseException as error:  # noqa: BLE001 - a panic of a package in Rust is no `Exception`
            outcome.set_exception(CallPanicked(f"{type(error).__name__}: {error}"))
        else:
            outcome.set_result(result)

    Thread(target=run, name=name, daemon=True).start()
    return asyncio.wrap_future(outcome)
