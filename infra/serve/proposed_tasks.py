"""Proposed tasks: the fields that give calls of one kind to a task."""

from typing import Any

from schemas.chat import Mode
from schemas.config import Config
from schemas.proposed_task import ProposedTask


def accepting_fields(
    proposal: ProposedTask, config: Config, mode: Mode | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The fields to set, and what an operator should know.

    Labels and model are taken from the calls where the task has none. Everything else stays as it is.

    Args:
        config: of the task as it is in force.
        mode: None: as it is.
    """
    chat: dict[str, Any] = {"calls": [*config.chat.calls, proposal.hash]}
    teacher: dict[str, Any] = {}
    remarks = []
    if mode is not None:
        chat["mode"] = mode
    if proposal.labels and not config.teacher.labels:
        teacher["labels"] = list(proposal.labels)
    elif proposal.labels and not set(config.teacher.labels) <= set(proposal.labels):
        remarks.append(
            "the calls do not list all of `teacher.labels`, so they are forwarded and not recorded"
        )
    if not proposal.labels and not config.teacher.labels:
        remarks.append("any short answer counts as a label until `teacher.labels` is set")
    if proposal.model and not config.teacher.model:
        teacher["model"] = proposal.model
    return {"chat": chat} | ({"teacher": teacher} if teacher else {}), remarks
