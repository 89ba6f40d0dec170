"""Messages that a decided request becomes: its label, and what the teacher is asked."""

from schemas.codec import DEFERRAL, LABEL
from schemas.topics import Topics
from streams.kafka.batch import Outgoing
from streams.kafka.cloud_events import label_headers
from streams.kafka.message import Headers
from streams.routing.conclusion import Origin, Routed


class RoutedTopics:
    """Where labels, deferrals and audits go."""

    def __init__(self, topics: Topics) -> None:
        self._labels, self._deferrals, self._audits = topics.labels, topics.deferrals, topics.audits

    def outputs(self, routed: Routed[Origin], key: bytes | None, headers: Headers | None) -> list[Outgoing]:
        """One message, or the label and its audit copy; that alone where the label was given before."""
        _, label, deferral = routed
        outputs = []
        if label is not None:
            outputs.append(
                Outgoing(self._labels, key, LABEL.encode(label), label_headers(label, self._labels, headers))
            )
        if deferral is not None:
            topic = self._audits if deferral.audit else self._deferrals
            outputs.append(Outgoing(topic, key, DEFERRAL.encode(deferral), headers))
        return outputs
