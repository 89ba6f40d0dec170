"""shad0wllm's own servers beside the gateway, on the same texts.

its `serve`            beside `/v1/classify`: an answer to a text
its proxy, answering   beside `/v1/chat/completions` in the mode `serve`: a chat that the surrogate answers
its proxy, recording   beside the mode `record`: a chat that the LLM answers, and that is kept for training

Its servers write nothing but log files, have no Kafka and draw no audits here; the gateway writes each answer
to Kafka. So calls a second compare what a user gets, and not the same work.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from infra.bench.gateway.answered import answering_site, beside, bodies_of
from infra.bench.gateway.passed_on import chats, completion
from infra.bench.gateway.rival_server import rival_server
from infra.bench.gateway.sites import TASK, Site, Workload, constant_server, port_of, write_bodies
from infra.bench.kinds import KINDS
from infra.bench.report import Figure
from infra.bench.servers import deployed
from infra.bench.shad0wllm.environment import NAME, SHAD0WLLM
from infra.harness.deployment import Deployment
from infra.local.child import free_port
from schemas.chat import ANY_PROMPT
from streams.settings import Settings

TRACES = 1_500
_INSIDE = Path(__file__).with_name("shad0wllm_inside.py")
_TEXTS = KINDS[0]
_CHATS = "/v1/chat/completions"
_PROXIED = (
    ("serve", "label", (f"understudy/{TASK}", "chatcmpl-shad0w")),
    ("record", "fresh", ("chatcmpl-scripted", "chatcmpl-scripted")),
)
"""Mode of the gateway, question of the proxy (it has learned `label`), and what marks an answer of each."""
_OURS = "gateway"


def shad0wllm(servers: Settings, data: Workload, runs: int) -> list[Figure]:
    """Closed loop at 1 and 64 connections; a scripted LLM answers at once.

    Raises:
        RivalUnavailable: it can't be installed, or does not start.
    """
    python = SHAD0WLLM.interpreter()
    with ExitStack() as stack:
        deployment, ours = stack.enter_context(answering_site(servers, data, _TEXTS, "none"))
        other = stack.enter_context(deployed(servers, "shad0wllm"))
        folder, label = other.folder, sorted(set(data.test.labels))[0]
        llm = stack.enter_context(constant_server(other, completion(label)))
        upstream = f"http://127.0.0.1:{port_of(llm)}/v1"
        _fit(python, data, folder)
        _configure(deployment, upstream, "serve")
        texts = [body["text"] for body in bodies_of(data, _TEXTS)]
        with _serving(python, folder, "serve") as (port, process):
            file = write_bodies(folder / "states.jsonl", [{"state": text} for text in texts])
            sites = {_OURS: ours, NAME: Site(port, process, "/v1/decide", file, '"answers"')}
            figures = beside(f"texts, beside {NAME}'s serve", sites, NAME, runs)
        with _serving(python, folder, "proxy", upstream) as (port, process):
            proxy = Site(port, process, _CHATS, file, "")
            for mode, question, markers in _PROXIED:
                _configure(deployment, upstream, mode)
                sites = {
                    _OURS: _chats(ours, texts, f"understudy/{TASK}", markers[0]),
                    NAME: _chats(proxy, texts, f"shad0w/{question}", markers[1]),
                }
                figures += beside(f"chats, {mode}, beside {NAME}'s proxy", sites, NAME, runs)
        return figures


def _configure(deployment: Deployment, upstream: str, mode: str) -> None:
    teacher: dict[str, Any] = {"url": upstream, "model": "scripted"}
    deployment.configure(TASK, teacher=teacher, chat={"mode": mode, "prompts": [ANY_PROMPT]})


def _chats(site: Site, texts: list[str], model: str, marker: str) -> Site:
    file = site.bodies.with_name(f"chats-{model.replace('/', '-')}.jsonl")
    return site._replace(path=_CHATS, bodies=write_bodies(file, chats(texts, model)), marker=marker)


def _fit(python: Path, data: Workload, folder: Path) -> None:
    learned = data.train.take(range(TRACES))
    lines = [
        json.dumps({"text": text, "label": label}) + "\n"
        for text, label in zip(learned.rows.texts or (), learned.labels, strict=True)
    ]
    (folder / "traces.jsonl").write_text("".join(lines), encoding="utf-8")
    SHAD0WLLM.run_script(python, _INSIDE, folder, TRACES)


@contextmanager
def _serving(python: Path, folder: Path, mode: str, *further: str) -> Iterator[tuple[int, int]]:
    """Port and process of its server, once it listens."""
    port = free_port()
    command = [str(python), "-I", str(_INSIDE), str(folder), mode, str(port), *further]
    with rival_server(NAME, command, port, folder / f"{mode}.log") as process:
        yield port, process
