"""What a stock Faust agent does: take a batch from a topic, decoded from JSON, and send each on.

    python -m infra.bench.route.stock_faust SERVERS TOPIC OUTPUT GROUP

It decides nothing and has no transactions, so it does less than a worker of ours.
"""

import sys

import faust
from faust.types import StreamT

_BATCH = 1_000
_COMMIT_INTERVAL = 0.1


def run(servers: str, topic: str, output: str, group: str) -> None:
    """Work until the process is ended."""
    app = faust.App(
        group,
        broker=f"kafka://{servers}",
        web_enabled=False,
        autodiscover=False,
        topic_disable_leader=True,
        broker_commit_interval=_COMMIT_INTERVAL,
    )
    requests = app.topic(topic, value_serializer="json")
    labels = app.topic(output, value_serializer="json")

    @app.agent(requests)
    async def route(stream: StreamT[dict[str, object]]) -> None:
        async for batch in stream.take(_BATCH, within=_COMMIT_INTERVAL):
            for value in batch:
                await labels.send(value=value)

    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    run(*sys.argv[1:])
