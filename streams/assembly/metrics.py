"""What a worker shows of itself: its tasks, its health, and the port where both are read."""

from collections.abc import Callable, Iterator, Mapping

from mode import ServiceT

from streams.certify.status import CertificateStatus
from streams.clock import unix_ms
from streams.metrics import catalog
from streams.metrics.catalog import Metric
from streams.metrics.health import EventLoopWatch, Health
from streams.metrics.registry import Labels, MetricRegistry, Readings
from streams.metrics.server import MetricsServer
from streams.metrics_settings import MetricsSettings
from streams.tasks import Task, Tasks

ReadStatuses = Callable[[], Mapping[str, Mapping[str, CertificateStatus]]]


def metrics_services(settings: MetricsSettings, metrics: MetricRegistry, health: Health) -> list[ServiceT]:
    """The services that watch the process, and answer where a port is set."""
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
            yield (task.name, manifest.version), max(0, unix_ms() - manifest.created_at) / 1000
