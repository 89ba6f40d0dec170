"""A task whose live version is certified, as `status` and the demo see it."""

from streams.status.task_status import ServiceCertificate, TaskStatus

STATUS = TaskStatus(
    task="shop",
    version="v7",
    since=1_700_000_000_000,
    traces=1_200,
    target=0.9,
    threshold=0.7,
    audits=400,
    agreements=390,
    pending=0,
    overdue=0,
    bound=0.953,
    certified=True,
    complete=True,
    alarm=0.0,
    breaker=None,
    candidate=None,
    pinned=None,
    asked_again=0,
    said_the_same=0,
    ceiling=1.0,
    audit_rate=0.02,
    certifying=5_000,
    enough=4_000,
    needed=200,
    expected_coverage=0.62,
    until=1_700_000_500_000,
    service=ServiceCertificate(1_200, 1_170, 3, 0.962, 1_700_000_500_000, certified=True),
)
