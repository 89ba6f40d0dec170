"""A client in Python: sends texts to a task, and prints the label of each as it comes.

pip install confluent-kafka
python client.py BOOTSTRAP_SERVERS PREFIX TASK TEXT...
"""

import json
import sys
import time
import uuid
from collections.abc import Sequence

from confluent_kafka import Consumer, Producer, TopicPartition

SECONDS = 10.0
LONGEST_WAIT = 60


def main(servers: str, prefix: str, task: str, texts: Sequence[str]) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "client.py",  # nothing is committed: each run reads from now on
            "enable.auto.commit": False,
            "isolation.level": "read_committed",  # labels of aborted transactions are no labels
        }
    )
    consumer.assign(ends_of(consumer, f"{prefix}.labels"))
    asked = {str(uuid.uuid4()): text for text in texts}
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for name, text in asked.items():
        request = {"id": name, "task": task, "text": text}
        producer.produce(f"{prefix}.requests", json.dumps(request).encode(), name.encode())
    producer.flush(SECONDS)
    due = time.monotonic() + LONGEST_WAIT
    while asked and time.monotonic() < due:
        message = consumer.poll(1.0)
        if message is None or message.error() or message.value() is None:
            continue
        label = json.loads(message.value() or b"")
        if label["id"] in asked and label["source"] == "error":
            sys.stderr.write(f"no label yet: {label['error']}\n")  # one may follow
        elif label["id"] in asked:
            sys.stdout.write(f"{label['label']}\t{asked.pop(label['id'])}\n")
            sys.stdout.flush()
            due = time.monotonic() + LONGEST_WAIT
    consumer.close()
    for name, text in asked.items():
        sys.stderr.write(f"no label within {LONGEST_WAIT} s of the last: {name}\t{text}\n")
    if asked:
        sys.stderr.write("a request that was refused is a dead letter: `understudy dead-letters list`\n")
    sys.exit(1 if asked else 0)


def ends_of(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """Where each partition ends now: labels that come from now on are ours or another client's."""
    places = [
        TopicPartition(topic, number) for number in consumer.list_topics(topic).topics[topic].partitions
    ]
    for place in places:
        _, place.offset = consumer.get_watermark_offsets(place)
    return places


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
