"""Keys with which apps call the gateway: only a hash of each is kept."""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.chat import Mode
from schemas.config import EVERY_TASK

KeyName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)")]


class ApiKey(Struct, frozen=True):
    """One key, in a field of a Redis hash.

    Attributes:
        id: the part of the key that says which one it is; no secret.
        name: for people, e.g. of the app.
        hash: SHA-256 of the secret part, in hexadecimal.
        tasks: that it may be used for; `*`: all.
        mode: the most that its calls are given, whatever a task's config says.
        created_at: Unix milliseconds.
        operate: whether who has it may change the tasks on the dashboard, and read texts there.
    """

    id: str
    name: KeyName
    hash: str
    tasks: tuple[str, ...]
    mode: Mode
    created_at: int
    operate: bool = False

    def allows(self, task: str) -> bool:
        return EVERY_TASK in self.tasks or task in self.tasks

    @property
    def only_task(self) -> str | None:
        """The one task that it is bound to; None where there are more."""
        return self.tasks[0] if len(self.tasks) == 1 and self.tasks != (EVERY_TASK,) else None
