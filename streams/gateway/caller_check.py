"""Caller check: who may call, and for which task.

Without any key, callers of this machine may do everything, if the gateway listens on loopback alone. Then a
page in a browser must not get through either: the name that it called has to be one of this machine's (a
foreign name that was pointed here is refused), its origin has to be of this machine or one that the settings
name, and bodies have to be JSON, which a page of another origin may not send without being allowed to. With
the first key, every call needs one.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from schemas.api_keys import ApiKey
from schemas.chat import Mode
from streams.gateway.keys import HEADER, find_key, key_in
from streams.gateway.problems import HttpProblem, ProblemKind, unavailable
from streams.gateway_settings import is_loopback

THIS_MACHINE = "this machine"
_ASK = {"www-authenticate": 'Bearer realm="understudy"'}


class Caller(NamedTuple):
    """Who calls.

    Attributes:
        key: None for a caller of this machine, where there are no keys.
    """

    key: ApiKey | None = None

    @property
    def mode(self) -> Mode:
        """The most that its calls are given."""
        return self.key.mode if self.key else "serve"

    @property
    def only_task(self) -> str | None:
        """The one task that its key is for; None where there are more."""
        return self.key.only_task if self.key else None

    @property
    def name(self) -> str:
        """For people, such as that of its key."""
        return self.key.name if self.key else THIS_MACHINE

    @property
    def may_operate(self) -> bool:
        """Whether it may change its tasks."""
        return self.key is None or self.key.operate

    def allows(self, task: str) -> bool:
        return self.key is None or self.key.allows(task)

    def task(self, named: str | None) -> str:
        """The task that a call is for.

        Args:
            named: by the call itself.

        Raises:
            HttpProblem: the call names none, or one that the key is not for.
        """
        task = named or self.only_task
        if task is None:
            raise HttpProblem(ProblemKind.INVALID, "`task` is missing: name the task that the request is for")
        if not self.allows(task):
            raise HttpProblem(ProblemKind.FORBIDDEN, f"the key is not for task {task}", task=task)
        return task


class CallerCheck:
    """Args:
    is_local: whether the gateway listens on loopback alone.
    keys: the keys as they are now, by their ids; None while nobody knows.
    origins: of web pages that may call without a key too; `*` names none.
    were_keys: whether there were keys before; then nobody may call without one.
    """

    def __init__(
        self,
        is_local: bool,
        keys: Callable[[], Mapping[str, ApiKey] | None],
        origins: Collection[str] = (),
        were_keys: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_local = is_local
        self._keys = keys
        self._origins = frozenset(origins)
        self._were_keys = were_keys

    def admit(self, headers: Mapping[str, str]) -> Caller:
        """Who calls. Raises HttpProblem: nobody who may."""
        keys = self._keys()
        if keys is None:
            raise unavailable(
                "the keys are not known yet: Redis is away, or has one that can't be read (see the log)"
            )
        if not keys and not self._were_keys():
            return self._admit_local(headers.get("host", ""), headers.get("origin"))
        token = key_in(headers)
        found = find_key(token, keys) if token is not None else None
        if found is None:
            raise HttpProblem(
                ProblemKind.UNAUTHORIZED,
                f"send a valid key as a bearer token, or in the header {HEADER}",
                headers=_ASK,
            )
        return Caller(found)

    def _admit_local(self, host: str, origin: str | None) -> Caller:
        if not self._is_local:
            raise HttpProblem(
                ProblemKind.UNAUTHORIZED,
                "there are no keys yet, so only a gateway that listens on loopback answers: "
                "`understudy keys create` makes one",
                headers=_ASK,
            )
        if not is_loopback(_host_name(host)):
            raise HttpProblem(
                ProblemKind.FORBIDDEN, "call the gateway by the name localhost, or create keys for it"
            )
        if origin is not None and origin not in self._origins and not is_loopback(_origin_host(origin)):
            raise HttpProblem(
                ProblemKind.FORBIDDEN,
                "a web page may call without a key only if `cors_origins` names its origin (`*` does not)",
            )
        return Caller()


def _origin_host(origin: str) -> str:
    """The host's name in an Origin header; empty for `null`."""
    return _host_name(origin.partition("://")[2])


def _host_name(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
