"""What a member of a group reads, hands over and commits is counted, whatever happens to it."""

import json
from typing import Any

import pytest

from streams.errors import DeliveryFailed
from streams.kafka.batch import Outgoing
from streams.kafka.member_metrics import ConsumerLag, MeteredDelivery
from streams.kafka.record_sieve import Sifted
from streams.metrics.registry import MetricRegistry


class Delivery:
    """Fails where it is told to."""

    def __init__(self) -> None:
        self.fails = False
        self.sent: list[Outgoing] = []

    def send(self, outgoing: Any) -> None:
        self.sent += outgoing

    def sift(self, messages: Any) -> Sifted:
        return Sifted([list(range(len(messages)))])

    def send_apart(self, parts: Any) -> None:
        self.sent += [output for part in parts for outputs in part for output in outputs]

    def commit(self, _: Any) -> None:
        if self.fails:
            raise DeliveryFailed("away")

    def abort(self) -> None:
        self.sent.clear()

    def close(self) -> None: ...


def shown(metrics: MetricRegistry) -> dict[str, float]:
    lines = metrics.text().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("understudy_"))
    return {name: float(value) for name, value in pairs if "_created" not in name}


def test_dead_letters_count_once_they_are_committed() -> None:
    metrics, delivery = MetricRegistry(), Delivery()
    metered = MeteredDelivery(delivery, metrics, "route", "x.dead")
    outputs = [Outgoing("x.dead", None, b"1"), Outgoing("x.labels", None, b"2")]
    delivery.fails = True
    metered.send(iter(outputs))
    with pytest.raises(DeliveryFailed):
        metered.commit([])
    metered.abort()
    metered.abort()  # nothing is left to be taken back
    delivery.fails = False
    metered.send(outputs)
    metered.commit([])
    assert delivery.sent == outputs
    assert shown(metrics) == {
        'understudy_commits_total{role="route"}': 1,
        'understudy_aborts_total{role="route"}': 1,
        'understudy_dead_letters_total{role="route"}': 1,
    }


def test_dead_letters_of_refused_outputs_count_too() -> None:
    metrics, delivery = MetricRegistry(), Delivery()
    metered = MeteredDelivery(delivery, metrics, "route", "x.dead")
    letter, label = Outgoing("x.dead", None, b"1"), Outgoing("x.labels", None, b"2")
    metered.send_apart(part for part in [[[label], [label]], [[letter]]])
    metered.commit([])
    assert delivery.sent == [label, label, letter]
    assert shown(metrics)['understudy_dead_letters_total{role="route"}'] == 1


@pytest.mark.parametrize(
    ("partition", "lag"),
    [
        ({"ls_offset": 100, "next_offset": 60, "app_offset": 40, "fetchq_cnt": 20}, 60),
        ({"ls_offset": 100, "next_offset": 100, "app_offset": 40, "fetchq_cnt": 60}, 60),
        (
            {"ls_offset": 100, "next_offset": 100, "app_offset": 98, "fetchq_cnt": 0},
            0,
        ),  # marks of transactions
        ({"ls_offset": 100, "next_offset": 60, "app_offset": -1001, "fetchq_cnt": 10}, 50),
        ({"ls_offset": 100, "next_offset": 60, "app_offset": 40, "fetch_state": "stopped"}, None),
        ({"ls_offset": -1001, "next_offset": -1001, "app_offset": -1001, "fetchq_cnt": 0}, None),
    ],
)
def test_the_lag_is_what_is_not_read_yet(partition: dict[str, int], lag: int | None) -> None:
    metrics = MetricRegistry()
    note = ConsumerLag(metrics, "route", "x.requests").note
    unassigned = dict.fromkeys(partition, 7)
    note(
        json.dumps(
            {
                "topics": {
                    "x.requests": {
                        "partitions": {"0": {"fetch_state": "active", **partition}, "-1": unassigned}
                    }
                }
            }
        )
    )
    assert shown(metrics).get('understudy_consumer_lag{partition="0",role="route"}') == lag
    note(json.dumps({"topics": {}}))
    assert shown(metrics) == {}, "it owns no partition any more"


def test_unreadable_statistics_show_nothing_and_end_nothing() -> None:
    metrics = MetricRegistry()
    note = ConsumerLag(metrics, "route", "x.requests").note
    partition = {"ls_offset": 100, "next_offset": 60, "app_offset": 40, "fetchq_cnt": 20}
    note(json.dumps({"topics": {"x.requests": {"partitions": {"0": partition}}}}))
    note('{"client_id": "a "quoted" name"}')
    note('{"topics": []}')
    assert shown(metrics) == {}
