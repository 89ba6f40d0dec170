"""Looks at Kafka: whether it answers, has the topics, grants transactions, and keeps and takes enough."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from schemas.topics import Topics
from streams.errors import KafkaFailed
from streams.kafka.clients import admin_options, open_client, producer_options, transactional_options
from streams.kafka.retention import DAY, Retention, read_retention
from streams.kafka.size_limits import read_batch_limits
from streams.settings import Settings
from streams.status.finding import Finding, Level
from streams.wording import counted

_ABOUT = "kafka"
_PROMPTLY = 10.0


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """Attributes:
    replicas: of the partition that has the fewest.
    leaderless: partitions without a leader.
    """

    partitions: int
    replicas: int
    leaderless: int = 0


@dataclass(frozen=True, slots=True)
class KafkaFacts:
    """What a look at Kafka has found.

    Attributes:
        brokers: number of them.
        topics: those that are there, by name.
        retention: of topics whose messages wait for the teacher; None where the broker does not say.
        takes: bytes that each topic takes at once; others are unknown.
        refuses_transactions: why; empty where it grants them, or none are needed.
    """

    brokers: int
    topics: Mapping[str, TopicFacts]
    retention: Mapping[str, Retention | None]
    takes: Mapping[str, int]
    refuses_transactions: str = ""


def kafka_findings(settings: Settings, longest_wait: float) -> list[Finding]:
    """What is right and wrong with Kafka.

    Args:
        longest_wait: seconds that a request may wait for the teacher.
    """
    server = str({**admin_options(settings)}["bootstrap.servers"])
    try:
        facts = _facts(settings)
    except (KafkaException, KafkaFailed) as error:
        reason = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        advice = "check UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS, the network, and the options of TLS and SASL"
        return [Finding(Level.PROBLEM, _ABOUT, f"does not answer at {server} ({reason}): {advice}")]
    reached = Finding(Level.OK, _ABOUT, f"answering at {server}: {counted(facts.brokers, 'broker')}")
    producer = int(producer_options(settings)["message.max.bytes"])
    return [reached, *judge_kafka(facts, settings.topics, longest_wait, producer)]


def judge_kafka(facts: KafkaFacts, topics: Topics, longest_wait: float, producer: int) -> Iterator[Finding]:
    """What follows from the facts.

    Args:
        longest_wait: seconds that a request may wait for the teacher.
        producer: bytes of the largest message that workers write.
    """
    missing = [name for name in topics.all() if name not in facts.topics]
    if missing:
        yield Finding(
            Level.PROBLEM, _ABOUT, f"topics are missing: {', '.join(missing)}; run `understudy topics create`"
        )
    else:
        yield Finding(Level.OK, _ABOUT, f"all {len(topics.all())} topics are there")
    ours = {name: facts.topics[name] for name in topics.all() if name in facts.topics}
    if leaderless := [name for name, topic in ours.items() if topic.leaderless]:
        yield Finding(
            Level.PROBLEM,
            _ABOUT,
            f"partitions have no leader: {', '.join(leaderless)}; look at the brokers",
        )
    if facts.brokers > 1 and (single := [name for name, topic in ours.items() if topic.replicas < 2]):
        yield Finding(
            Level.WARNING,
            _ABOUT,
            f"one copy only, which is lost with its broker: {', '.join(single)}; give them replicas",
        )
    if facts.refuses_transactions:
        advice = "allow the transactional ids under the prefix, or set UNDERSTUDY_DELIVERY=at_least_once"
        yield Finding(
            Level.PROBLEM, _ABOUT, f"grants no transactions ({facts.refuses_transactions}): {advice}"
        )
    for name, retention in facts.retention.items():
        if retention is not None and retention.kept is not None and retention.kept < longest_wait * 1000:
            yield Finding(
                Level.WARNING,
                _ABOUT,
                f"{name} is kept for {retention.kept / DAY:g} days, and requests may wait "
                f"{longest_wait / 86_400:g} for the teacher: raise its `retention.ms`, or lower "
                "`teacher.give_up_after`",
            )
    if small := [name for name, taken in facts.takes.items() if taken < producer]:
        yield Finding(
            Level.WARNING,
            _ABOUT,
            f"{', '.join(small)} take less than the {producer:,} bytes of the largest message written: "
            "what is larger becomes a dead letter; raise their `max.message.bytes`",
        )


def _facts(settings: Settings) -> KafkaFacts:
    """Raises KafkaException or KafkaFailed: Kafka does not answer."""
    admin = open_client(AdminClient, admin_options(settings))
    cluster = admin.list_topics(timeout=_PROMPTLY)
    found = {
        name: TopicFacts(
            partitions=len(topic.partitions),
            replicas=min((len(each.replicas) for each in topic.partitions.values()), default=0),
            leaderless=sum(each.leader < 0 for each in topic.partitions.values()),
        )
        for name, topic in cluster.topics.items()
    }
    topics = settings.topics
    ours = tuple(name for name in topics.all() if name in found)
    waiting = {topics.requests, topics.deferrals, topics.audits, topics.waiting} & found.keys()
    return KafkaFacts(
        brokers=len(cluster.brokers),
        topics=found,
        retention={name: read_retention(settings, name) for name in sorted(waiting)},
        takes=read_batch_limits(admin, ours) if ours else {},
        refuses_transactions=_refuses_transactions(settings),
    )


def _refuses_transactions(settings: Settings) -> str:
    if settings.delivery != "exactly_once":
        return ""
    producer = open_client(Producer, transactional_options(settings, f"{settings.prefix}.doctor"))
    try:
        producer.init_transactions(_PROMPTLY)
    except KafkaException as error:
        reason: str = error.args[0].str()
        return reason
    return ""
