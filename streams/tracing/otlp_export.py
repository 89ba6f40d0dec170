"""Export of spans over OTLP (HTTP, protobuf). Imported only where tracing is on.

Endpoint, headers, sampler, sizes of the queue and the rest are OpenTelemetry's own variables, `OTEL_*`.
"""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from streams.tracing.span_writer import SpanWriter

_SERVICE = "understudy"


class OtlpExport:
    """Sends spans from a thread of its own; those beyond its queue are dropped.

    Args:
        instance: name of this process.

    Attributes:
        writer: records the spans; those from before `start` are lost.
    """

    def __init__(self, instance: str) -> None:
        ours = Resource.create({"service.name": _SERVICE, "service.instance.id": instance})
        resource = ours.merge(OTELResourceDetector().detect())
        self._exporter = OTLPSpanExporter()
        # At exit it would wait for a collector that is away; `stop` is called in time.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.writer = SpanWriter(self._provider.get_tracer(_SERVICE))

    def start(self) -> None:
        """Begin to send. Raises ValueError: sizes of the queue that can't be."""
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))

    def stop(self) -> None:
        """Send what waits; blocks while the collector does not answer."""
        self._provider.shutdown()
