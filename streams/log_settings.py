"""Settings of a process's log: its form, and from which level on it says something."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class LogSettings(BaseModel):
    """Attributes:
    format: lines for people, or a JSON object a line (`streams.log_json`).
    level: records below it are left out; None leaves what the command has chosen.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["text", "json"] = "text"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None
