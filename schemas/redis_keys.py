"""Names of the Redis keys and channels."""

from dataclasses import dataclass

from schemas.topics import DEFAULT_PREFIX


@dataclass(frozen=True, slots=True)
class Keys:
    """Redis keys. A task's name is in braces, so that a cluster keeps all keys of the task on one node."""

    prefix: str = DEFAULT_PREFIX

    @property
    def tasks(self) -> str:
        """Set of the tasks that have a policy."""
        return f"{self.prefix}:tasks"

    @property
    def uncounted(self) -> str:
        """Set of the tasks whose audit counts could not be read and are counted again from the topics."""
        return f"{self.prefix}:uncounted"

    @property
    def changes(self) -> str:
        """Pub/sub channel: name of each task whose policy or breaker has changed."""
        return f"{self.prefix}:changes"

    @property
    def refit_requests(self) -> str:
        """Hash: requested refits by task, each as `revision since urgent reason`."""
        return f"{self.prefix}:refit-requests"

    @property
    def earlier_refits(self) -> str:
        """Stream: refits that earlier releases request; read by their consumer group `trainers`."""
        return f"{self.prefix}:refits"

    @property
    def api_keys(self) -> str:
        """Hash: id of each app's key for the gateway, and what is kept of it (`schemas.api_keys`)."""
        return f"{self.prefix}:api-keys"

    @property
    def proposed_tasks(self) -> tuple[str, str, str]:
        """Hash: descriptions of proposed tasks by the hashes of their calls (`schemas.proposed_task`); sorted
        sets: how many calls each has had, and the time of the last one, Unix milliseconds. All expire."""
        name = f"{self.prefix}:{{:proposed}}"
        return f"{name}:tasks", f"{name}:calls", f"{name}:seen"

    @property
    def encoder_references(self) -> str:
        """Hash: vectors of some texts by the id of the encoder behind an address, as it was first met."""
        return f"{self.prefix}:encoders"

    def object_owner(self, name: str) -> str:
        """Id of the app's key that has created an object which an LLM's API keeps, with expiry.

        Args:
            name: hash of the account and the object's id.
        """
        return f"{self.prefix}:{{:stored}}:{name}"

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
        """Counter: changes of the serving state. A change is made only if the count has not changed since."""
        return f"{self.prefix}:{{{task}}}:posture"

    def candidate(self, task: str) -> str:
        """Hash: version, mode, token, since, certify_from and length of the trial; absent while no version is
        on trial or waits for approval."""
        return f"{self.prefix}:{{{task}}}:candidate"

    def breaker(self, task: str) -> str:
        """Hash: state (open or closed), reason, since, by, and the versions that it stops."""
        return f"{self.prefix}:{{{task}}}:breaker"

    def pinned(self, task: str) -> str:
        """Hash: by, since and reason of the pin; absent where versions may be promoted."""
        return f"{self.prefix}:{{{task}}}:pinned"

    def history(self, task: str) -> str:
        """List: transitions of versions from one stage to another, oldest first, as JSON."""
        return f"{self.prefix}:{{{task}}}:history"

    def operator_changes(self, task: str) -> str:
        """List: what persons have changed of a task, or of all (`*`), oldest first, as JSON
        (`schemas.operator_change`)."""
        return f"{self.prefix}:{{{task}}}:operator-changes"

    def battery(self, task: str) -> str:
        """Hash: cases that a version must pass before it goes live, by id (`schemas.battery`)."""
        return f"{self.prefix}:{{{task}}}:battery"

    def recency(self, task: str) -> str:
        """Hash: `since`, Unix milliseconds; older traces neither calibrate a fit nor test its thresholds."""
        return f"{self.prefix}:{{{task}}}:recency"

    def trial(self, task: str, version: str) -> str:
        """Hash: checked answers of a candidate (n), agreements among them (k), `offset:<partition>`."""
        return f"{self.prefix}:{{{task}}}:trial:{version}"

    def trainer(self, task: str) -> str:
        """Lease of the task's trainer: the owner's name, with expiry."""
        return f"{self.prefix}:{{{task}}}:trainer"

    def running_refit(self, task: str) -> str:
        """The task's refit that runs now (`streams.state.running_refits`), with expiry, renewed meanwhile."""
        return f"{self.prefix}:{{{task}}}:running-refit"

    def certifying(self, task: str) -> str:
        """Number of sampled traces that the task's next refit may certify on, with expiry: the trainer that
        leads the task renews it."""
        return f"{self.prefix}:{{{task}}}:certifying"

    def fence(self, task: str) -> str:
        """Counter: the highest fencing token handed out."""
        return f"{self.prefix}:{{{task}}}:fence"

    def every(self, task: str) -> str:
        """Pattern of all keys of one task: neither the prefix nor a task contains `*`."""
        return f"{self.prefix}:{{{task}}}:*"

    @property
    def folded(self) -> str:
        """Hash: `traces:<partition>` and the like, the next offset that certify will fold of each topic; and
        `rebuilding`, while certify rebuilds lost counts, when no certificate may be shown."""
        return f"{self.prefix}:folded"

    @property
    def guard(self) -> str:
        """Hash: `until`, when certify had folded everything that it reads, and `at`, when it said so: Unix
        milliseconds by the clock of Redis. What answers stops where that is too long ago."""
        return f"{self.prefix}:guard"

    @property
    def workers(self) -> str:
        """Hash: what each worker says of itself, by its name: Unix milliseconds by the clock of Redis, and a
        report (`streams.state.workers`). For people: nothing depends on it."""
        return f"{self.prefix}:workers"

    def certify(self, task: str) -> str:
        """Hash: certify's state of the task as a whole, and the revision of all its state of the task."""
        return f"{self.prefix}:{{{task}}}:certify"

    def audits(self, task: str, version: str) -> str:
        """Hash: status of a version's certificate, field by field, and the counts that it follows from."""
        return f"{self.prefix}:{{{task}}}:audits:{version}"

    def bounds(self, task: str, version: str) -> str:
        """List: a version's certificate over time, oldest first, each point a JSON array
        (`streams.certify.history.CertificatePoint`)."""
        return f"{self.prefix}:{{{task}}}:bounds:{version}"

    def service(self, task: str) -> str:
        """Hash: status of the certificate of all versions together, field by field."""
        return f"{self.prefix}:{{{task}}}:service"

    def asked(self, task: str, version: str) -> str:
        """Sorted set of audited requests, each with its time; plus 1e15 once the teacher has failed on it, or
        below zero once its reply has come."""
        return f"{self.prefix}:{{{task}}}:asked:{version}"

    def blocked(self, task: str, version: str) -> str:
        """Set of the labels that a version may not answer with."""
        return f"{self.prefix}:{{{task}}}:blocked:{version}"

    def teacher(self, task: str) -> str:
        """Hash: model, prompt and since (Unix milliseconds) of the current teacher; how many requests it
        labelled a second time (`asked_again`), and how many of them the same (`said_the_same`)."""
        return f"{self.prefix}:{{{task}}}:teacher"

    def free_labels(self, task: str) -> str:
        """Set of the labels that the teacher has given, where the task has no label set."""
        return f"{self.prefix}:{{{task}}}:free-labels"

    def labels_capped(self, task: str) -> str:
        """Says, with expiry, that operators were told that the teacher gives too many labels."""
        return f"{self.prefix}:{{{task}}}:labels-capped"

    def backlog_event(self, topic: str) -> str:
        """Says, with expiry, that an event about the backlog of a topic was emitted."""
        return f"{self.prefix}:backlog_event:{topic}"

    def replied(self, task: str, request: str, question: str = "") -> str:
        """Partition and offset of the first reply with a label, with expiry.

        Earlier releases wrote that of an error there, too.

        Args:
            question: empty for the label; otherwise which other question was asked: see `ReplyPosition`.
        """
        return f"{self.prefix}:{{{task}}}:replied{question}:{request}"

    def failed(self, task: str, request: str, question: str = "") -> str:
        """Says, with expiry, that an error was sent for a request; `question` as in `replied`."""
        return f"{self.prefix}:{{{task}}}:failed{question}:{request}"

    def failed_attempt(self, task: str, request: str, question: str, attempt: int) -> str:
        """Partition and offset of the error of one attempt, with expiry; `question` as in `replied`.

        Args:
            attempt: the broker's time of the request, Unix milliseconds.
        """
        return f"{self.prefix}:{{{task}}}:failed{question}@{attempt}:{request}"

    def spending(self, task: str) -> str:
        """Hash, with the number of a day since 1970 behind a colon: the teacher's calls, tokens and money of
        that day (UTC), and what was answered without it; of a task, or of all of them (`*`). These keys share
        a node, since one script looks at both."""
        return f"{self.prefix}:{{:teacher}}:spending:{task}"

    def pace(self, task: str) -> str:
        """Microseconds since 1970, with expiry: when the bucket of calls is full again; `task` as before."""
        return f"{self.prefix}:{{:teacher}}:pace:{task}"

    def calls_in_flight(self, task: str) -> str:
        """Sorted set: calls of the teacher under way, each with the time, Unix milliseconds, from
        which on it is taken for lost; `task` as before."""
        return f"{self.prefix}:{{:teacher}}:in-flight:{task}"

    @property
    def callers(self) -> str:
        """Sorted set: workers that ask for calls, each with its expiry in Unix milliseconds."""
        return f"{self.prefix}:{{:teacher}}:callers"
