"""Settings of a process's metrics and health: where they can be read."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class MetricsSettings(BaseModel):
    """Attributes:
    port: of `/metrics`, `/health/live` and `/health/ready`; 0 takes any free one, None opens none.
    host: address to listen on. What is read there names tasks, versions and figures, and no text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
