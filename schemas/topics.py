"""Names of the topics."""

from dataclasses import dataclass

DEFAULT_PREFIX = "understudy"


@dataclass(frozen=True, slots=True)
class Topics:
    """Kafka topic names under one prefix.

    Attributes:
        audit_lane: whether questions that no client waits for have a topic of their own, so that they neither
            wait for deferred requests nor delay them.
    """

    prefix: str = DEFAULT_PREFIX
    audit_lane: bool = True

    @property
    def requests(self) -> str:
        return f"{self.prefix}.requests"

    @property
    def encodings(self) -> str:
        """Texts of requests that an encoder has to turn into vectors."""
        return f"{self.prefix}.encodings"

    @property
    def labels(self) -> str:
        return f"{self.prefix}.labels"

    @property
    def deferrals(self) -> str:
        return f"{self.prefix}.deferrals"

    @property
    def audits(self) -> str:
        """What the teacher is asked although no client waits: audits and second questions."""
        return f"{self.prefix}.audits" if self.audit_lane else self.deferrals

    @property
    def waiting(self) -> str:
        """Deferrals that the built-in teacher has read and puts off, since others of their task wait too."""
        return f"{self.prefix}.waiting"

    @property
    def replies(self) -> str:
        return f"{self.prefix}.replies"

    @property
    def traces(self) -> str:
        return f"{self.prefix}.traces"

    @property
    def audit_failures(self) -> str:
        """Audits that the teacher has refused to answer."""
        return f"{self.prefix}.audit-failures"

    @property
    def config(self) -> str:
        return f"{self.prefix}.config"

    @property
    def events(self) -> str:
        return f"{self.prefix}.events"

    @property
    def dead_letters(self) -> str:
        return f"{self.prefix}.dead-letters"

    @property
    def feedback(self) -> str:
        """What is true of requests, as people tell later; compacted by key."""
        return f"{self.prefix}.feedback"

    @property
    def forgotten(self) -> str:
        """Requests that must not be used any more; compacted by key."""
        return f"{self.prefix}.forgotten"

    def all(self) -> tuple[str, ...]:
        return (
            self.requests,
            self.encodings,
            self.labels,
            self.deferrals,
            *((self.audits,) if self.audit_lane else ()),
            self.waiting,
            self.replies,
            self.traces,
            self.audit_failures,
            self.config,
            self.events,
            self.dead_letters,
            self.feedback,
            self.forgotten,
        )
