"""Which environment variables the config may name as the key of a teacher (`teacher.key_env`).

Whoever can write the config topic chooses the URL that a key is sent to. So only what the settings of the
process list is read: no other secret of its environment can be sent anywhere.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.config import KEY_VARIABLES
from streams.errors import TeacherMisconfigured


@dataclass(frozen=True, slots=True)
class KeyVariables:
    """Attributes:
    environ: where keys are looked up.
    names: of the variables that may be looked up.
    """

    environ: Mapping[str, str]
    names: Collection[str] = KEY_VARIABLES

    @classmethod
    def of_process(cls, names: Collection[str] = KEY_VARIABLES) -> "KeyVariables":
        """Those of this process's environment."""
        return cls(os.environ, names)

    def value(self, name: str) -> str:
        """What the variable holds, empty where it is not set.

        Raises:
            TeacherMisconfigured: the settings of this process do not list it.
        """
        if name not in self.names:
            raise TeacherMisconfigured(not_listed(name))
        return self.environ.get(name, "").strip()


def not_listed(name: str) -> str:
    """The sentence about a variable that the settings do not list."""
    return (
        f"`teacher.key_env`: {name} is not among the environment variables that may hold a teacher's key: "
        f"list it in UNDERSTUDY_KEY_ENV, with commas between names, for each process that asks a teacher and "
        f"for `understudy config set`"
    )


def key_problem(fields: Mapping[str, Any], names: Collection[str]) -> str | None:
    """Why the key that these config fields name is not read; None where they name none, or a listed one."""
    teacher = fields.get("teacher")
    name = teacher.get("key_env") if isinstance(teacher, Mapping) else None
    return not_listed(name) if isinstance(name, str) and name not in names else None
