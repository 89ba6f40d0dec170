"""Catalog: every metric that a process may show, by name, kind and labels. There are no others.

Dashboards, alert rules and tests are checked against this list. A label never takes values without bound:
tasks are capped (`streams.metrics.registry`), reasons and sources are the words of the messages
(`schemas.messages`), everything else is named by settings or config.

Names stand here without `understudy_` in front and, for counters, without `_total` at the end. Times are
seconds.
"""

from enum import StrEnum
from typing import NamedTuple

NAMESPACE = "understudy"

_BATCH_SIZES = (1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0)
_BATCH_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_LABEL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0)
_REFIT_SECONDS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0)


class MetricKind(StrEnum):
    """What a metric's numbers are.

    Attributes:
        COUNTER: a sum since the process began.
        GAUGE: a value as it is when it is read.
        HISTOGRAM: counts of observed values, by upper bounds.
    """

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    """Attributes:
    help: one sentence, shown beside the numbers.
    buckets: upper bounds of a histogram, ascending.
    """

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """As it is shown and queried; a histogram's has `_bucket`, `_sum` and `_count` behind it."""
        ending = "_total" if self.kind is MetricKind.COUNTER else ""
        return f"{NAMESPACE}_{self.name}{ending}"


DECISIONS = Metric(
    "decisions",
    MetricKind.COUNTER,
    ("task", "reason"),
    "Requests that route, encode or a gateway has decided; `accepted` ones are answered by the surrogate.",
)
LABEL_SECONDS = Metric(
    "label_seconds",
    MetricKind.HISTOGRAM,
    ("task", "source"),
    "Time from request to label, by who gave it: surrogate, teacher, or error. Its count is that of labels.",
    _LABEL_SECONDS,
)

MESSAGES = Metric("messages", MetricKind.COUNTER, ("role",), "Messages that a role has read and worked on.")
BATCH_MESSAGES = Metric(
    "batch_messages",
    MetricKind.HISTOGRAM,
    ("role",),
    "Messages that a role was handed at once.",
    _BATCH_SIZES,
)
BATCH_SECONDS = Metric(
    "batch_seconds", MetricKind.HISTOGRAM, ("role",), "Time that a role took for a batch.", _BATCH_SECONDS
)
COMMITS = Metric("commits", MetricKind.COUNTER, ("role",), "Commits of outputs and offsets.")
ABORTS = Metric(
    "aborts", MetricKind.COUNTER, ("role",), "Times that outputs were taken back, to be made again."
)
DEAD_LETTERS = Metric(
    "dead_letters", MetricKind.COUNTER, ("role",), "Messages that a role could not process, and put aside."
)
CONSUMER_LAG = Metric(
    "consumer_lag",
    MetricKind.GAUGE,
    ("role", "partition"),
    "Messages of a partition that the role has not read yet.",
)
TEACHER_CALLS = Metric(
    "teacher_calls", MetricKind.COUNTER, ("task", "outcome"), "Calls of a task's LLM: answered, or failed."
)
TEACHER_TOKENS = Metric("teacher_tokens", MetricKind.COUNTER, ("task",), "Tokens that the LLM has counted.")
TEACHER_COST = Metric(
    "teacher_cost", MetricKind.COUNTER, ("task",), "What the calls cost, by the prices in the config."
)
APP_REPLIES = Metric(
    "app_replies",
    MetricKind.COUNTER,
    ("task", "read"),
    "Replies of an LLM to an app; `no` where no label could be read out of them.",
)
TEACHER_WAITING = Metric(
    "teacher_waiting",
    MetricKind.GAUGE,
    ("task", "lane"),
    "Questions that wait for a call of the LLM: deferrals of clients, or audits.",
)
TEACHER_OLDEST = Metric(
    "teacher_oldest_seconds",
    MetricKind.GAUGE,
    ("task", "lane"),
    "Time since the oldest of the questions that wait was requested.",
)
ENDPOINT_OPEN = Metric(
    "endpoint_open",
    MetricKind.GAUGE,
    ("endpoint", "model"),
    "1 while no call of this endpoint begins, but for one probe at a time, because calls have failed.",
)

POLICY_AGE = Metric(
    "policy_age_seconds", MetricKind.GAUGE, ("task", "version"), "Time since the live version was fitted."
)
THRESHOLD = Metric("threshold", MetricKind.GAUGE, ("task",), "Least score that is answered.")
AUDIT_RATE = Metric("audit_rate", MetricKind.GAUGE, ("task",), "Share of the requests that are audited now.")
BREAKER_OPEN = Metric("breaker_open", MetricKind.GAUGE, ("task",), "1 while the breaker stops all answers.")
UNGUARDED = Metric(
    "unguarded", MetricKind.GAUGE, ("task",), "1 while nothing is answered because nobody counts the audits."
)
GUARD_AGE = Metric("guard_age_seconds", MetricKind.GAUGE, (), "Time since certify had counted all audits.")

AGREEMENT_BOUND = Metric(
    "agreement_bound", MetricKind.GAUGE, ("task", "version"), "Agreement that is proven for a version."
)
TARGET = Metric("target_agreement", MetricKind.GAUGE, ("task",), "Agreement that is promised.")
CERTIFIED = Metric(
    "certified", MetricKind.GAUGE, ("task",), "1 while the target is certified for the version that answers."
)
AUDITS = Metric(
    "audits",
    MetricKind.GAUGE,
    ("task", "version", "state"),
    "Audits of a version: agreed, disagreed, pending, overdue (of the pending ones), failed, lost.",
)
ALARM_LEVEL = Metric(
    "alarm_level",
    MetricKind.GAUGE,
    ("task", "version"),
    "Level of a version's alarm; relative to where it is raised.",
)

REFIT_SECONDS = Metric(
    "refit_seconds", MetricKind.HISTOGRAM, ("task",), "Time that a refit took.", _REFIT_SECONDS
)
TRAINER_LEADS = Metric(
    "trainer_leads", MetricKind.GAUGE, ("task",), "1 while this trainer holds the lease of the task."
)
REFIT_REQUEST_AGE = Metric(
    "refit_request_age_seconds",
    MetricKind.GAUGE,
    ("task",),
    "Time since a refit was requested that is not done yet; shown by the trainer that leads the task.",
)

READY = Metric(
    "ready", MetricKind.GAUGE, (), "1 while the process is ready for work, as `/health/ready` says."
)
EVENT_LOOP_DELAY = Metric(
    "event_loop_delay_seconds",
    MetricKind.GAUGE,
    (),
    "Longest delay of the event loop in the last 10 seconds.",
)

CATALOG = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
