"""Settings of the gateway role: where it listens, what it waits for and what it refuses."""

from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_PORT = 8484

Port = Annotated[int, Field(ge=0, le=65_535)]


class GatewaySettings(BaseModel):
    """Attributes:
    host: address to listen on. Only a loopback address works without keys (`understudy keys create`).
    port: 0 takes any free one.
    ack: what an answer of the surrogate waits for. `none`: nothing; its label and audit copy are written
        right after it, so a process that is killed loses those of the last moments. `kafka`: the broker has
        acknowledged both; without that the client gets a 503.
    timeout: seconds that a request waits for its label where it names no `timeout`.
    longest_timeout: seconds that it may name.
    max_body: bytes of a request's body; a longer one is refused with 413.
    max_forwarded: the same of a body that goes to an app's LLM. What is longer than `max_body` is forwarded
        without being looked at.
    max_spans: bytes of an export of spans, before and after it is decompressed.
    body_memory: bytes of bodies that are held at the same time, not counting those below 16 kB; one more is
        refused with 429. The process may take three times as many for them.
    body_timeout: seconds for a request's headers, and again for its body, for which a large one has a second
        more for each 100 kB; then 408. A client that leaves the
        rest of a refused body unsent, or an answer unread, for as long is hung up on.
    concurrency: calls that are worked on at the same time, besides those that wait; one more is refused with
        429.
    waiting: requests of one task that wait at the same time, for their label or for what the LLM says; one
        more is refused with 429, while those that the surrogate answers go on. Of all tasks together as many
        may wait as three quarters of `connections`.
    connections: open connections; one more is closed at once.
    batch: requests that are scored together, at most.
    labels_kept: labels that are kept in memory for `GET /v1/labels/ID` and repeated ids.
    keys_valid_for: seconds, since Redis last confirmed them, for which a gateway that starts while Redis is
        away admits the keys of its copy on disk (rewritten once an hour). So long a key that was revoked
        meanwhile may still be used. 0: it refuses every call until Redis is there.
    stalled_after: seconds that the broker may take to acknowledge a record; then Kafka counts as away.
    cors_origins: web origins whose pages may call the gateway, such as `https://app.example.com`; none by
        default. With keys it may be `*`; without, `*` admits pages of this machine only.
    ssl_certfile, ssl_keyfile: serve TLS with these.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Port = DEFAULT_PORT
    ack: Literal["none", "kafka"] = "none"
    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0
    longest_timeout: Annotated[float, Field(gt=0, le=3600)] = 120.0
    max_body: Annotated[int, Field(ge=1_000, le=100_000_000)] = 1_000_000
    max_spans: Annotated[int, Field(ge=1_000, le=1_000_000_000)] = 16_000_000
    max_forwarded: Annotated[int, Field(ge=1_000, le=1_000_000_000)] = 50_000_000
    body_memory: Annotated[int, Field(ge=1_000, le=100_000_000_000)] = 512_000_000
    body_timeout: Annotated[float, Field(gt=0, le=600)] = 10.0
    concurrency: Annotated[int, Field(ge=1, le=100_000)] = 1_024
    waiting: Annotated[int, Field(ge=1, le=100_000)] = 2_000
    connections: Annotated[int, Field(ge=1, le=1_000_000)] = 12_000
    batch: Annotated[int, Field(ge=1, le=4_000)] = 64
    labels_kept: Annotated[int, Field(ge=0, le=10_000_000)] = 50_000
    keys_valid_for: Annotated[float, Field(ge=0, le=2_592_000)] = 86_400.0
    stalled_after: Annotated[float, Field(gt=0, le=60)] = 3.0
    cors_origins: tuple[str, ...] = ()
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None

    @property
    def waiting_in_all(self) -> int:
        """Requests of all tasks that wait at the same time; the other connections are for answers."""
        return max(1, self.connections * 3 // 4)

    @property
    def is_local(self) -> bool:
        """Whether only processes of this machine can connect."""
        return is_loopback(self.host)


@lru_cache(64)
def is_loopback(host: str) -> bool:
    """Whether a host's name or address is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
