"""Looks at what a worker on this host would have: its settings and its disk."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from schemas.config import EVERY_TASK, Config
from streams.settings import PUBLIC_AUDIT_KEY, Settings
from streams.status.finding import Finding, Level

_LEAST_FREE = 1_000_000_000


def settings_findings(
    settings: Settings, configs: Mapping[str, Config], environ: Mapping[str, str]
) -> Iterator[Finding]:
    """What is right and wrong with the settings of this process, and the keys that the config names.

    Args:
        configs: of the tasks, and of `*`.
    """
    if settings.audit_key.get_secret_value() == PUBLIC_AUDIT_KEY:
        yield Finding(
            Level.PROBLEM,
            "settings",
            "UNDERSTUDY_AUDIT_KEY is not set here: routers and gateways start only with a secret one, the "
            "same for all",
        )
    else:
        yield Finding(Level.OK, "settings", "the audit key is set")
    named = {config.teacher.key_env for config in configs.values() if config.teacher.url}
    for name in sorted(named):
        if name not in settings.key_env:
            text = f"the config names the key {name}, which UNDERSTUDY_KEY_ENV does not list: nobody is asked"
            yield Finding(Level.PROBLEM, "settings", text)
        elif not environ.get(name):
            text = f"{name} is not set here: the processes of teacher and gateway need it, if the LLM does"
            yield Finding(Level.WARNING, "settings", text)


def disk_findings(folder: Path) -> Iterator[Finding]:
    """Whether the folder for copies and slots can be written, and has room."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(there, os.W_OK):
        text = f"{folder} can't be written: set UNDERSTUDY_DATA to a folder that can"
        yield Finding(Level.PROBLEM, "disk", text)
        return
    free = shutil.disk_usage(there).free
    level = Level.OK if free >= _LEAST_FREE else Level.WARNING
    text = f"{free / 1e9:,.1f} GB are free at {folder}"
    yield Finding(level, "disk", text if level is Level.OK else f"{text}: policies may not be copied there")


def name_of(task: str) -> str:
    """A task in a sentence."""
    return "all tasks" if task == EVERY_TASK else f"task {task}"
