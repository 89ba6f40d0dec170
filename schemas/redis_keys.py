"""Names of the Redis keys and channels."""

from dataclasses import dataclass

from schemas.topics import DEFAULT_PREFIX


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

    @property
    def refits(self) -> str:
        """Stream: refits that something has asked for; consumer group `trainers`."""
        return f"{self.prefix}:refits"

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

    def serving_state(self, task: str) -> str:
        """Counter: how often what routes the task has changed; every change is made against one count."""
        return f"{self.prefix}:{{{task}}}:posture"

    def candidate(self, task: str) -> str:
        """Hash: version, mode, token, since and what its trial needs; none while nothing is on trial."""
        return f"{self.prefix}:{{{task}}}:candidate"

    def breaker(self, task: str) -> str:
        """Hash: state (open or closed), reason, since, by, and the versions that it was opened against."""
        return f"{self.prefix}:{{{task}}}:breaker"

    def pinned(self, task: str) -> str:
        """Hash: by whom, since and why nothing is promoted; none where promotions are free."""
        return f"{self.prefix}:{{{task}}}:pinned"

    def history(self, task: str) -> str:
        """List: every move of a version from one state to another, oldest first, as JSON."""
        return f"{self.prefix}:{{{task}}}:history"

    def recency(self, task: str) -> str:
        """Hash: `since`, Unix milliseconds before which no trace may certify."""
        return f"{self.prefix}:{{{task}}}:recency"

    def trial(self, task: str, version: str) -> str:
        """Hash: n, k and `offset:<partition>` of what a candidate would have answered, or has."""
        return f"{self.prefix}:{{{task}}}:trial:{version}"

    def trainer(self, task: str) -> str:
        """Lease of the task's trainer: its owner, with expiry."""
        return f"{self.prefix}:{{{task}}}:trainer"

    def fence(self, task: str) -> str:
        """Counter: the highest fencing token handed out."""
        return f"{self.prefix}:{{{task}}}:fence"

    def every(self, task: str) -> str:
        """Pattern of all keys of a task, and of no other: neither a prefix nor a task has a `*` in it."""
        return f"{self.prefix}:{{{task}}}:*"

    @property
    def folded(self) -> str:
        """Hash: `traces:<partition>`, `deferrals:<partition>`: the next offset that certify will fold; and
        `rebuilding`, while it reads again what Redis has lost, and nothing may be claimed."""
        return f"{self.prefix}:folded"

    def certify(self, task: str) -> str:
        """Hash: what certify knows of the task as a whole, and the revision of all that it keeps of it."""
        return f"{self.prefix}:{{{task}}}:certify"

    def audits(self, task: str, version: str) -> str:
        """Hash: what the audits of a version say, field by field, and the state that it follows from."""
        return f"{self.prefix}:{{{task}}}:audits:{version}"

    def asked(self, task: str, version: str) -> str:
        """Sorted set of audited requests: those awaited by the time noted, those answered below zero."""
        return f"{self.prefix}:{{{task}}}:asked:{version}"

    def blocked(self, task: str, version: str) -> str:
        """Set of the labels that a version may not answer, for what its audits proved."""
        return f"{self.prefix}:{{{task}}}:blocked:{version}"

    def teacher(self, task: str) -> str:
        """Hash: model, prompt and since (Unix milliseconds) of the teacher that answers now; and how often it
        was `asked_again`, and `said_the_same`."""
        return f"{self.prefix}:{{{task}}}:teacher"

    def replied(self, task: str, request: str, question: str = "") -> str:
        """Where the reply to this request stood, with expiry.

        Args:
            question: what the teacher was asked, where that was not for the label: see `Place`.
        """
        return f"{self.prefix}:{{{task}}}:replied{question}:{request}"
