"""A worker whose metrics count nothing: what is left of its time when counting costs none.

Nobody runs it but the benchmark. Gauges are read when somebody looks, so they cost it nothing either.
"""

from infra.cli import main
from streams.metrics.registry import MetricRegistry


def count_nothing(*_: object) -> None:
    """In place of `MetricRegistry.add` and `observe`."""


if __name__ == "__main__":
    setattr(MetricRegistry, "add", count_nothing)  # noqa: B010 - mypy refuses the assignment
    setattr(MetricRegistry, "observe", count_nothing)  # noqa: B010
    main()
