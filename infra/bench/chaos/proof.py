"""Never certified without proof: samples of what Redis shows during the run, judged afterwards.

Shares no code with the system. A sample is what `status` reads, in one transaction. Where it shows a
certificate, three things are asked of the counts that stand beside it:

- the evidence that they make, computed here once more, proves the target
- no audit is counted that was never answered, and no agreement that was none
- every audit that an observer of the topics had seen by the moment until which `certify` says that all is
  counted is in the counts
"""

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from infra.bench.chaos.background import BackgroundThread
from infra.bench.chaos.checker import SERVICE, AuditCounts, Complaint
from infra.bench.chaos.observer import Record

UNPROVEN = "unproven"
FRESH_S = 60.0
_EVERY_S = 0.25
_PATIENCE_S = 60.0
_SLACK_S = 1.0
"""Between the clock of a message's arrival here and that of certify's look."""

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RedisSample:
    """Attributes:
    at: Unix seconds, by the clock of Redis.
    until: Unix seconds until which certify has counted all; 0 where it has never said so.
    rebuilding: lost counts are being read again.
    versions: fields of each version's certificate, by task and version; and of that of all versions.
    """

    at: float
    until: float
    rebuilding: bool
    versions: Mapping[tuple[str, str], Fields]

    def shown(self) -> Iterator[tuple[tuple[str, str], Fields]]:
        """The certificates that are shown."""
        if self.rebuilding or self.at - self.until >= FRESH_S:
            return
        for key, fields in self.versions.items():
            if fields.get("certified") == "1" and fields.get("complete", "1") == "1":
                yield key, fields


class RedisSampler(BackgroundThread):
    """Samples in a thread of its own; `samples` grows. Without Redis nothing is shown."""

    def __init__(self, url: str, prefix: str) -> None:
        super().__init__("sampler")
        self.samples: list[RedisSample] = []
        self._redis = Redis.from_url(url, socket_timeout=_PATIENCE_S, decode_responses=True)
        self._prefix = prefix

    def _close(self) -> None:
        self._redis.close()

    def look(self) -> RedisSample:
        """What Redis shows now. Raises RedisError."""
        patterns = (f"{self._prefix}:*:audits:*", f"{self._prefix}:*:service")
        keys = sorted(str(key) for pattern in patterns for key in self._redis.keys(pattern))
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.time()
        pipeline.hget(f"{self._prefix}:guard", "until")
        pipeline.hexists(f"{self._prefix}:folded", "rebuilding")
        for key in keys:
            pipeline.hgetall(key)
        (seconds, micros), until, rebuilding, *found = pipeline.execute()
        versions = {_named(key): fields for key, fields in zip(keys, found, strict=True) if fields}
        return RedisSample(seconds + micros / 1e6, int(until or 0) / 1e3, bool(rebuilding), versions)

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            try:
                self.samples.append(self.look())
            except RedisError:
                continue


def _named(key: str) -> tuple[str, str]:
    """Task and version in `prefix:{task}:audits:version`; or in `prefix:{task}:service`."""
    task, _, rest = key.partition("{")[2].partition("}")
    return task, SERVICE if rest == ":service" else rest.removeprefix(":audits:")


def counts_of(version: str, fields: Fields) -> AuditCounts:
    """The counts that a certificate shows; of that of all versions only those with a label."""
    names = ("n", "k") if version == SERVICE else ("n", "k", "failed", "pending")
    return AuditCounts(*(int(fields.get(name, 0)) for name in names))


def unproven(
    samples: Iterable[RedisSample], records: Iterable[Record], target: float, delta: float
) -> list[Complaint]:
    """Certificates that were shown without proof; at most one complaint for each version and reason."""
    traces = _traces_by_version(records)
    complaints: dict[tuple[object, str], Complaint] = {}
    for sample in samples:
        for key, fields in sample.shown():
            seen, until = traces.get(key, []), sample.until - _SLACK_S
            for reason in _gaps(fields, seen, until, target, delta * _share(key[1], fields)):
                what = f"{key} is shown as certified at {sample.at:.3f}: {reason}; {dict(fields)}"
                complaints.setdefault((key, reason[:20]), Complaint(UNPROVEN, what))
    return list(complaints.values())


def _traces_by_version(records: Iterable[Record]) -> dict[tuple[str, str], list[tuple[float, bool]]]:
    """When each audited answer's trace was seen, and whether the teacher agreed, in the order of seeing."""
    found: dict[tuple[str, str], dict[str, tuple[float, bool]]] = {}
    for record in records:
        one = record.value
        if record.topic == "traces" and one["audit"] and one["sampled"] and one.get("guess"):
            agreed = one["guess"]["label"] == one["label"]
            version, seen = one["guess"]["policy"], (record.seen_at, agreed)
            for key in ((one["task"], version), (one["task"], SERVICE)):
                found.setdefault(key, {}).setdefault(f"{version} {one['id']}", seen)
    return {key: sorted(of_version.values()) for key, of_version in found.items()}


def _gaps(
    fields: Fields, traces: list[tuple[float, bool]], until: float, target: float, delta: float
) -> Iterator[str]:
    audits, agreements = int(fields["n"]), int(fields["k"])
    by_then = traces[: bisect_right(traces, (until, True))]
    disagreed = sum(not agreed for _, agreed in by_then)
    if audits < len(by_then):
        yield f"certify had counted all until {until:.3f}, when {len(by_then)} audits were answered"
    if audits - agreements < disagreed:
        yield f"{disagreed} audits had disagreed by {until:.3f}"
    if audits > len(traces) or agreements > sum(agreed for _, agreed in traces):
        yield f"only {len(traces)} audits were ever answered"
    against = sum(int(fields.get(name, 0)) for name in ("overdue", "failed", "lost"))
    unanswered = int(fields["unanswered"])
    for n, k in (
        (int(fields["proven_n"]) + unanswered, int(fields["proven_k"])),
        (audits + against, agreements),
    ):
        if not proves(n, k, target, delta):
            yield f"{k} of {n} do not prove {target}"


def _share(version: str, fields: Fields) -> float:
    """Largest share of the error budget that a certificate may spend: that of its number in its task.

    The certificate of all versions together may spend all of it.
    """
    if version == SERVICE:
        return 1.0
    tallies: Mapping[str, Any] = json.loads(fields.get("ledger", "{}")).get("tallies", {})
    number = min((int(one["number"]) for one in tallies.values()), default=1)
    return 1.0 / (number * (number + 1))


def proves(audits: int, agreements: int, target: float, delta: float) -> bool:
    """Whether these counts refute, at level delta, that agreement is at most the target.

    The e-value is the mixture that `models/README.md` gives: alternatives 1 - (1 - target) s with s on twenty
    points under a Beta(3, 4) law, and with a weight of .02 on twelve points between .7 and .999.
    """
    far = [(place + 0.5) / 20 for place in range(20)]
    law = [s**2 * (1 - s) ** 3 for s in far]
    weights = [0.98 * weight / sum(law) for weight in law]
    ratio = (0.001 / 0.3) ** (1 / 11)
    near = [1 - 0.3 * ratio**step for step in range(12)]
    evidence = [
        math.log(weight) + (audits - agreements) * math.log(s) + agreements * math.log(s + (1 - s) / target)
        for weight, s in zip([*weights, *[0.02 / 12] * 12], [*far, *near], strict=True)
    ]
    most = max(evidence)
    total = most + math.log(sum(math.exp(one - most) for one in evidence))
    return total >= -math.log(delta) - 1e-9
