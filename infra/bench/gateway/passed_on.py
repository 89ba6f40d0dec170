"""Calls that are passed on: what the gateway adds to a direct call of the LLM, in the mode `record`."""

from collections.abc import Sequence
from typing import Any

import msgspec

from infra.bench.gateway.answered import in_turns
from infra.bench.gateway.sites import (
    TASK,
    LoadRun,
    Site,
    Workload,
    constant_server,
    gateway,
    port_of,
    write_bodies,
)
from infra.bench.report import Figure, figure
from infra.bench.servers import deployed
from streams.settings import Settings

PACE = 50.0
_CONNECTIONS = 16
_CALLS = 500
_DIRECT, _THROUGH = "direct call", "through the gateway"


def passed_on(servers: Settings, data: Workload, runs: int) -> list[Figure]:
    """Open loop at a rate that leaves the machine free; a scripted LLM answers at once."""
    labels = sorted(set(data.test.labels))
    bodies = chats((data.test.rows.texts or ())[:_CALLS], f"understudy/{TASK}")
    with (
        deployed(servers, "gateway-pass") as deployment,
        constant_server(deployment, completion(labels[0])) as llm,
    ):
        url = f"http://127.0.0.1:{port_of(llm)}/v1"
        teacher = {"url": url, "model": "scripted", "labels": labels}
        deployment.configure(TASK, teacher=teacher, chat={"mode": "record"})
        with gateway(deployment, has_policy=False) as worker:
            file = write_bodies(deployment.folder / "chats.jsonl", bodies)
            through = Site(
                port_of(worker), worker.process.pid, "/v1/chat/completions", file, "chat.completion"
            )
            direct = through._replace(port=port_of(llm), process=llm.process.pid)
            sites = {_DIRECT: direct, _THROUGH: through}
            rates = dict.fromkeys(sites, PACE)
            return figures(in_turns("passed on", sites, _CONNECTIONS, runs, rates))


def chats(texts: Sequence[str], model: str) -> list[dict[str, Any]]:
    """A chat completion for each text."""
    system = {"role": "system", "content": "Which intent is it?"}
    return [{"model": model, "messages": [system, {"role": "user", "content": text}]} for text in texts]


def completion(label: str) -> bytes:
    """What an LLM says to a chat completion."""
    message = {"role": "assistant", "content": label, "refusal": None}
    return msgspec.json.encode(
        {
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "created": 1,
            "model": "scripted",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22},
        }
    )


def figures(samples: dict[str, list[LoadRun]]) -> list[Figure]:
    """Latencies beside those of a direct call, and what the gateway adds to the quantile of the same run."""
    pairs = list(zip(samples[_THROUGH], samples[_DIRECT], strict=True))
    shown = []
    for name in ("p50", "p99"):
        values = [getattr(through.load, name) for through, _ in pairs]
        others = [getattr(direct.load, name) for _, direct in pairs]
        shown.append(figure(f"passed on, {name}", values, "ms", _DIRECT, others))
        added = [value - other for value, other in zip(values, others, strict=True)]
        shown.append(figure(f"passed on, added to {name}", added, "ms"))
    return shown
