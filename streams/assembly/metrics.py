"""What a worker shows of itself: its tasks, its health, and the port where both are read."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from mode import ServiceT

from schemas.urls import masked_url
from streams.certify.status import CertificateStatus
from streams.clock import unix_ms
from streams.metrics import catalog
from streams.metrics.catalog import Metric
from streams.metrics.health import EventLoopWatch, Health
from streams.metrics.registry import Labels, MetricRegistry, Readings
from streams.metrics.server import MetricsServer
from streams.metrics_settings import MetricsSettings
from streams.tasks import Task, Tasks
from streams.teacher.endpoint_circuits import EndpointIdentity
from streams.teacher.queue_depth import QueueDepth

ReadStatuses = Callable[[], Mapping[str, Mapping[str, CertificateStatus]]]


def metrics_services(settings: MetricsSettings, metrics: MetricRegistry, health: Health) -> list[ServiceT]:
    """The services that watch the process, and answer where a port is set."""
    metrics.read_gauge(catalog.READY, lambda: [((), float(not health.not_ready()))])
    watch: list[ServiceT] = [EventLoopWatch(health, metrics)]
    return watch if settings.port is None else [*watch, MetricsServer(settings, metrics, health)]


def show_tasks(metrics: MetricRegistry, tasks: Tasks) -> None:
    """Show each task as this process has it."""

    def show(metric: Metric, read: Callable[[Task], float | None]) -> None:
        metrics.read_gauge(metric, lambda: _by_task(tasks, read))

    show(catalog.THRESHOLD, lambda task: task.threshold)
    show(catalog.AUDIT_RATE, lambda task: task.audit_rate)
    show(catalog.TARGET, lambda task: task.config.target_agreement)
    show(catalog.BREAKER_OPEN, lambda task: float(task.breaker.open))
    show(catalog.CERTIFIED, lambda task: float(task.sampling.certified))
    show(catalog.UNGUARDED, lambda task: float(task.unguarded))
    metrics.read_gauge(catalog.POLICY_AGE, lambda: _policy_ages(tasks))
    metrics.read_gauge(catalog.GUARD_AGE, lambda: [((), tasks.guard.age)])


def show_certificates(metrics: MetricRegistry, statuses: ReadStatuses) -> None:
    """Show what certify has found of each version."""

    def readings(read: Callable[[CertificateStatus], float]) -> Iterator[tuple[Labels, float]]:
        for task, versions in list(statuses().items()):
            for version, status in list(versions.items()):
                yield (task, version), read(status)

    def audits() -> Iterator[tuple[Labels, float]]:
        for task, versions in list(statuses().items()):
            for version, status in list(versions.items()):
                for state, count in _audit_counts(status).items():
                    yield (task, version, state), count

    metrics.read_gauge(catalog.AGREEMENT_BOUND, lambda: readings(lambda status: status.bound))
    metrics.read_gauge(catalog.ALARM_LEVEL, lambda: readings(lambda status: status.alarm))
    metrics.read_gauge(catalog.AUDITS, audits)


def show_lane(metrics: MetricRegistry, lane: str, depths: Callable[[], Mapping[str, QueueDepth]]) -> None:
    """Show what waits for the LLM in one lane."""

    def readings(read: Callable[[QueueDepth], float]) -> Iterator[tuple[Labels, float]]:
        for task, depth in depths().items():
            yield (task, lane), read(depth)

    metrics.read_gauge(catalog.TEACHER_WAITING, lambda: readings(lambda depth: depth.waiting))
    metrics.read_gauge(catalog.TEACHER_OLDEST, lambda: readings(lambda depth: _seconds_since(depth.oldest)))


def show_endpoints(metrics: MetricRegistry, endpoints: Callable[[], Mapping[EndpointIdentity, bool]]) -> None:
    """Show which endpoints are held for away."""

    def readings() -> Iterator[tuple[Labels, float]]:
        # Endpoints that differ in their keys are one series: open if one of them is.
        opened: dict[Labels, float] = {}
        for endpoint, is_open in endpoints().items():
            labels = masked_url(endpoint.url or ""), endpoint.model or ""
            opened[labels] = max(opened.get(labels, 0.0), float(is_open))
        yield from opened.items()

    metrics.read_gauge(catalog.ENDPOINT_OPEN, readings)


def show_trainer(
    metrics: MetricRegistry, led: Callable[[], Iterable[str]], requested: Callable[[], Mapping[str, int]]
) -> None:
    """Show which tasks a trainer leads, and for how long refits have been requested."""

    def ages() -> Iterator[tuple[Labels, float]]:
        for task, at in requested().items():
            yield (task,), _seconds_since(at)

    metrics.read_gauge(catalog.TRAINER_LEADS, lambda: [((task,), 1.0) for task in led()])
    metrics.read_gauge(catalog.REFIT_REQUEST_AGE, ages)


def _seconds_since(at: int) -> float:
    return max(0, unix_ms() - at) / 1_000


def _audit_counts(status: CertificateStatus) -> dict[str, int]:
    return {
        "agreed": status.agreements,
        "disagreed": status.audits - status.agreements,
        "pending": status.pending,
        "overdue": status.overdue,
        "failed": status.failed,
        "lost": status.lost,
    }


def _by_task(tasks: Tasks, read: Callable[[Task], float | None]) -> Iterator[tuple[Labels, float]]:
    for task in tasks.all():
        if (value := read(task)) is not None:
            yield (task.name,), value


def _policy_ages(tasks: Tasks) -> Readings:
    for task in tasks.all():
        if task.policy is not None:
            manifest = task.policy.manifest
            yield (task.name, manifest.version), _seconds_since(manifest.created_at)
