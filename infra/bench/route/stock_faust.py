"""Stock Faust agent: takes a batch from a topic, decoded from JSON, and sends each message on.

    python -m infra.bench.route.stock_faust

It decides nothing and has no transactions, so it does less than a worker of ours. It commits as often.
"""

import faust
from faust.types import StreamT

from streams.settings import Settings, load_settings

_BATCH = 1_000
_COMMIT_INTERVAL = 0.1


def run(settings: Settings) -> None:
    """Work until SIGTERM; ends the process."""
    app = faust.App(
        f"{settings.prefix}.faust",
        broker=f"kafka://{settings.kafka['bootstrap.servers']}",
        datadir=settings.data,
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        broker_commit_interval=_COMMIT_INTERVAL,
    )
    requests = app.topic(settings.topics.requests, value_serializer="json")
    labels = app.topic(settings.topics.labels, value_serializer="json")

    @app.agent(requests)
    async def route(stream: StreamT[dict[str, object]]) -> None:
        async for batch in stream.take(_BATCH, within=_COMMIT_INTERVAL):
            for value in batch:
                await labels.send(value=value)

    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    run(load_settings())
