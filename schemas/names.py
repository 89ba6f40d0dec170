"""Every topic, Redis key and channel name, and nothing else."""

from dataclasses import dataclass

DEFAULT_PREFIX = "understudy"


@dataclass(frozen=True, slots=True)
class Topics:
    """Kafka topic names under one prefix."""

    prefix: str = DEFAULT_PREFIX

    @property
    def requests(self) -> str:
        return f"{self.prefix}.requests"

    @property
    def labels(self) -> str:
        return f"{self.prefix}.labels"

    @property
    def deferrals(self) -> str:
        return f"{self.prefix}.deferrals"

    @property
    def replies(self) -> str:
        return f"{self.prefix}.replies"

    @property
    def traces(self) -> str:
        return f"{self.prefix}.traces"

    @property
    def config(self) -> str:
        return f"{self.prefix}.config"

    @property
    def events(self) -> str:
        return f"{self.prefix}.events"

    @property
    def dead_letters(self) -> str:
        return f"{self.prefix}.dead-letters"

    def all(self) -> tuple[str, ...]:
        return (
            self.requests,
            self.labels,
            self.deferrals,
            self.replies,
            self.traces,
            self.config,
            self.events,
            self.dead_letters,
        )


@dataclass(frozen=True, slots=True)
class Keys:
    """Redis keys. A task's name stands in braces, so that a cluster keeps its keys on one node."""

    prefix: str = DEFAULT_PREFIX

    @property
    def tasks(self) -> str:
        """Set of the tasks that have a policy."""
        return f"{self.prefix}:tasks"

    @property
    def changes(self) -> str:
        """Pub/sub channel: the task whose policy or breaker has changed."""
        return f"{self.prefix}:changes"

    def policies(self, task: str) -> str:
        """Sorted set of versions by serial number."""
        return f"{self.prefix}:{{{task}}}:policies"

    def manifest(self, task: str, version: str) -> str:
        return f"{self.prefix}:{{{task}}}:policy:{version}:manifest"

    def graph(self, task: str, version: str) -> str:
        return f"{self.prefix}:{{{task}}}:policy:{version}:onnx"

    def active(self, task: str) -> str:
        """Hash: version, token, since."""
        return f"{self.prefix}:{{{task}}}:active"

    def trainer(self, task: str) -> str:
        """Lease of the task's trainer: its owner, with expiry."""
        return f"{self.prefix}:{{{task}}}:trainer"

    def fence(self, task: str) -> str:
        """Counter: the highest fencing token handed out."""
        return f"{self.prefix}:{{{task}}}:fence"

    @property
    def folded(self) -> str:
        """Hash: `traces:<partition>`, `deferrals:<partition>`: the next offset that certify will fold."""
        return f"{self.prefix}:folded"

    def certify(self, task: str) -> str:
        """Hash: what certify knows of the task as a whole, and the revision of all its keys below."""
        return f"{self.prefix}:{{{task}}}:certify"

    def audits(self, task: str, version: str) -> str:
        """Hash: what the audits of a version say, field by field, and the state that it follows from."""
        return f"{self.prefix}:{{{task}}}:audits:{version}"

    def asked(self, task: str, version: str) -> str:
        """Sorted set: audited requests whose reply is awaited, by the time they were asked."""
        return f"{self.prefix}:{{{task}}}:asked:{version}"

    def blocked(self, task: str, version: str) -> str:
        """Set of the labels that a version may not answer, for what its audits proved."""
        return f"{self.prefix}:{{{task}}}:blocked:{version}"

    def teacher(self, task: str) -> str:
        """Hash: model, prompt and since (Unix milliseconds) of the teacher that answers now."""
        return f"{self.prefix}:{{{task}}}:teacher"

    def replied(self, task: str, request: str) -> str:
        """Where the reply to this request stood, with expiry."""
        return f"{self.prefix}:{{{task}}}:replied:{request}"
