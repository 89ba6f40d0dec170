"""Chat service: answers an app's chat completion by the surrogate, or forwards it and records the answer.

What is no question with one label as its answer is forwarded as it is. Whatever fails on our side, Kafka
included, ends in forwarding: the app has its LLM, as it had without us.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import msgspec
from msgspec.structs import replace
from starlette.responses import Response
from starlette.types import Receive

from schemas.api_keys import ApiKey
from schemas.chat import MODES, ChatConfig, Mode
from schemas.config import EVERY_TASK, TeacherConfig
from schemas.messages import Deferral, Label, Reason, Request, Teacher
from schemas.secrets import masked_by
from schemas.urls import url_secrets
from streams.clock import unix_ms
from streams.errors import DecisionFailed, TeacherMisconfigured
from streams.gateway.answer_headers import CONTRACT, DEBUG, answer_headers
from streams.gateway.call_limits import CallPlace
from streams.gateway.calls import record_headers
from streams.gateway.chat.completion import SurrogateCompletion
from streams.gateway.chat.conversation import NotAQuestion
from streams.gateway.chat.question import ChatQuestion
from streams.gateway.chat.upstream_reply import LARGEST
from streams.gateway.chat_decider import GATEWAY, ChatDecider, ChatDecision, knows_prompt
from streams.gateway.chat_recorder import AskedChat, ChatRecorder, ChatReply
from streams.gateway.classifier import Classifier, fingerprint
from streams.gateway.client_watch import ClientWatch
from streams.gateway.forwarded_headers import RawHeaders, call_headers, readable
from streams.gateway.forwarded_response import Before, ForwardedResponse
from streams.gateway.keys import PREFIX
from streams.gateway.masked_reply import can_repeat_key, masked_reply
from streams.gateway.problems import HttpProblem, unavailable
from streams.gateway.stored_objects import CreatedObject, ObjectUse, StoredObjects
from streams.gateway.upstream import (
    Upstream,
    UpstreamCall,
    UpstreamResponse,
    endpoint_url,
    has_credentials,
)
from streams.tasks import Task, Tasks
from streams.teacher.key_variables import KeyVariables

_NO_QUESTION = "no_question"
"""Said in place of a reason where the call asks for something else than one label."""
_NO_TASK = "no_task"
"""The same where nobody knows which task the call is for."""
_LONGEST_INLINE = 10_000
"""Bytes of a call that is looked through on the event loop; a longer one in a thread."""
_LONGEST_DETAIL = 500
"""Characters."""


QuestionReader = Callable[[Mapping[str, Any], ChatConfig, Sequence[str]], ChatQuestion]


class ChatCall(NamedTuple):
    """A call of an app.

    Attributes:
        path: below the API's base URL, with its query.
        method: of HTTP.
        reader: reads the question that a call of this API asks.
        fields: of its body; none where that is no JSON object.
        mode: the most that the caller is given.
        task: that it is for; `*` where nobody knows.
        names_model: its `model` is the LLM's, not that of a task.
        is_long: of its fields only `model` is read.
        key: of the app; None for a caller of this machine, where there are no keys.
        use: of objects that the LLM's API keeps.
    """

    method: str
    path: str
    reader: QuestionReader
    headers: Mapping[str, str]
    raw_headers: RawHeaders
    body: bytes
    fields: Mapping[str, Any]
    task: str
    mode: Mode
    names_model: bool
    receive: Receive
    place: CallPlace
    is_long: bool
    key: ApiKey | None = None
    use: ObjectUse = ObjectUse()


class ChatService:
    """Args:
    stored: knows which app has created which object that the LLM's API keeps.
    keys: where keys of LLMs are looked up.
    """

    def __init__(
        self,
        tasks: Tasks,
        classifier: Classifier,
        decider: ChatDecider,
        recorder: ChatRecorder,
        upstream: Upstream,
        stored: StoredObjects,
        keys: KeyVariables,
    ) -> None:
        self._tasks = tasks
        self._classifier = classifier
        self._decider = decider
        self._recorder = recorder
        self._upstream = upstream
        self._stored = stored
        self._keys = keys

    async def complete(self, call: ChatCall) -> Response:
        """The surrogate's answer in the form that the app asks for, or what the LLM says.

        Raises:
            HttpProblem: neither can answer.
            ClientGone: the app has hung up.
        """
        began, task = time.perf_counter(), self._tasks.task(call.task)
        labels = task.config.teacher.labels or (task.live.labels if task.live else ())
        try:
            question = await self._question(call, task.config.chat, labels)
            request = self._classifier.masked(Request(_number(call, question), call.task, question.text))
        except (NotAQuestion, HttpProblem) as problem:
            return await self.forward_unread(call, str(problem))
        teacher = Teacher(_model(call, task.config.teacher), question.prompt)
        # What the LLM's API is to keep, nobody else can answer.
        most: Mode = "record" if call.use.creates else call.mode
        mode = min(task.config.chat.mode, most, key=MODES.index)
        decision = await self._decide(request, task, mode, teacher)
        asked = AskedChat(decision.deferral, question, teacher, labels) if decision.deferral else None
        if decision.label is not None:
            try:
                return await self._serve(call, decision.label, asked, question, began)
            except HttpProblem:
                deferral = self._unavailable(request)
                decision, asked = ChatDecision(None, deferral), AskedChat(deferral, question, teacher, labels)
        further = _headers(call, decision, mode, request.id) | _prompt_header(call, question)
        return await self._forward(call, task, further, asked)

    async def forward_unread(self, call: ChatCall, why: str) -> Response:
        """What the LLM says to a call that is not looked at further."""
        further = {
            "x-understudy-contract": CONTRACT,
            "x-understudy-source": "teacher",
            "x-understudy-reason": _NO_QUESTION if call.task != EVERY_TASK else _NO_TASK,
        }
        if call.task != EVERY_TASK:
            further["x-understudy-task"] = call.task
        if DEBUG in call.headers:
            further["x-understudy-detail"] = quote(why[:_LONGEST_DETAIL].strip(), safe=" ,.:`'")
        return await self._forward(call, self._tasks.task(call.task), further, None)

    async def _question(self, call: ChatCall, config: ChatConfig, labels: Sequence[str]) -> ChatQuestion:
        """Raises NotAQuestion."""
        if len(call.body) > _LONGEST_INLINE:
            return await asyncio.to_thread(call.reader, call.fields, config, labels)
        return call.reader(call.fields, config, labels)

    async def _decide(self, request: Request, task: Task, mode: Mode, teacher: Teacher) -> ChatDecision:
        if self._classifier.kafka_is_away:
            return ChatDecision(None, self._unavailable(request))
        known = knows_prompt(task, teacher.model, teacher.prompt)
        try:
            return await self._decider.decide(request, task, mode, knows_prompt=known)
        except DecisionFailed:
            return ChatDecision(None, self._unavailable(request))

    def _unavailable(self, request: Request) -> Deferral:
        return replace(self._classifier.undecided(request, unix_ms()), asked_by=GATEWAY)

    async def _serve(
        self, call: ChatCall, label: Label, asked: AskedChat | None, question: ChatQuestion, began: float
    ) -> Response:
        """The surrogate's answer. Raises HttpProblem: its records can't be written."""
        config = self._tasks.task(call.task).config.teacher
        deferral, check = asked.deferral if asked is not None else None, None
        if asked is not None:
            try:
                check = self._call(call, config)
                check = check._replace(headers=readable(check.headers))
            except HttpProblem:  # the teacher role says what is missing
                deferral = replace(asked.deferral, asked_by=None)
        content = fingerprint(Request(label.id, label.task, question.text, None, label.metadata))
        answer = await self._classifier.give_label(label, deferral, record_headers(call.headers), content)
        if asked is not None and check is not None:
            self._recorder.check(check, asked, config)
        body = question.api.write(_completion(label, question))
        headers = answer_headers(answer, call.headers, (time.perf_counter() - began) * 1000.0)
        headers |= {"x-understudy-mode": "serve"} | _prompt_header(call, question)
        return Response(body.content, headers=headers, media_type=body.media_type)

    async def _forward(
        self, call: ChatCall, task: Task, further: Mapping[str, str], asked: AskedChat | None
    ) -> Response:
        config, began = task.config.teacher, time.perf_counter()
        upstream_call, key = self._call(call, config), call.key
        own = _own_authorization(call.headers) if _is_own(call, config) else None
        if key is not None and own is None:
            await self._stored.require_own(key, config, call.use)
        elif key is not None and own is not None:
            await self._stored.require_not_anothers(key, config, call.use, own)
        if asked is not None or (key is not None and call.use.creates):
            upstream_call = upstream_call._replace(headers=readable(upstream_call.headers))
        call.place.begin_wait(call.task)
        async with ClientWatch(call.receive):
            response = await self._upstream.open(upstream_call)

        def ended(body: bytes | None) -> None:
            if asked is not None:
                milliseconds = (time.perf_counter() - began) * 1000.0
                kept = _without_own_key(body, call)
                self._recorder.note(asked, ChatReply(response.status, response.encoding, kept, milliseconds))

        before = None
        if key is not None and call.use.creates:
            before = self._note_created(key, config, response, own)
        if own is None and can_repeat_key(response):
            async with ClientWatch(call.receive):
                return await masked_reply(response, further, ended, _sent_secrets(upstream_call), before)
        return ForwardedResponse(response, further, ended, LARGEST if asked is not None else 0, before)

    def _note_created(
        self, key: ApiKey, config: TeacherConfig, response: UpstreamResponse, own: str | None
    ) -> Before:
        """Notes whose the object is that a reply has created, before the app hears its id."""
        created = CreatedObject(response.encoding)

        async def before(chunk: bytes) -> None:
            name = created.see(chunk)
            if name is not None:
                await self._stored.note(key, config, name, own)

        return before

    def _call(self, call: ChatCall, config: TeacherConfig) -> UpstreamCall:
        """The call of the LLM's API. Raises HttpProblem: its URL, or its key, is not to be had."""
        if not config.url:
            raise unavailable(f"task {call.task} has no `teacher.url` to forward to", task=call.task)
        if not (call.names_model or config.model):
            raise unavailable(f"task {call.task} has no `teacher.model` to ask", task=call.task)
        body = call.body if call.names_model else _with_model(call.body, _model(call, config))
        try:
            url = endpoint_url(config.url)
        except ValueError as error:
            raise unavailable(
                f"`teacher.url` of task {call.task} is no URL: {error}", task=call.task
            ) from error
        try:
            authorization = self._authorization(call.headers, config)
        except TeacherMisconfigured as error:
            raise unavailable(str(error), task=call.task) from error
        return UpstreamCall(url + call.path, call_headers(call.raw_headers, authorization), body, call.method)

    def _authorization(self, headers: Mapping[str, str], config: TeacherConfig) -> str | None:
        """The app's own, unless it is none or ours; then that of the teacher. None where the URL has one.

        Raises:
            TeacherMisconfigured: the settings do not list the variable with the teacher's key.
        """
        if has_credentials(config.url or ""):
            return None
        own = _own_authorization(headers)
        if own is not None:
            return own
        key = self._keys.value(config.key_env)
        return f"Bearer {key}" if key else None


def _is_own(call: ChatCall, config: TeacherConfig) -> bool:
    """Whether the LLM is called with the app's own key, and not in the gateway's name."""
    return bool(_own_authorization(call.headers)) and not has_credentials(config.url or "")


def _own_authorization(headers: Mapping[str, str]) -> str | None:
    """The app's own key for its LLM, as it sends it."""
    given = headers.get("authorization")
    is_ours = given is None or given.partition(" ")[2].strip().startswith(PREFIX)
    return None if is_ours else given


def _without_own_key(body: bytes | None, call: ChatCall) -> bytes | None:
    """A reply as it is recorded: an endpoint may repeat the app's own key, which nothing here knows later."""
    own = (_own_authorization(call.headers) or "").partition(" ")[2].strip()
    return None if body is None else masked_by([own], body)


def _sent_secrets(call: UpstreamCall) -> list[str]:
    """What only the gateway and the endpoint know, as the call holds it."""
    keys = [
        value.decode("latin-1").rpartition(" ")[2].strip()
        for name, value in call.headers
        if name.lower() == b"authorization"
    ]
    return [*keys, *url_secrets(call.url)]


def _number(call: ChatCall, question: ChatQuestion) -> str:
    """The request's id: the same for a question that is asked again with its `Idempotency-Key`.

    An app may use a key for other questions too, and a key may be longer than an id.
    """
    key = call.headers.get("idempotency-key")
    if not key:
        return uuid4().hex
    return sha256("\0".join((key, question.prompt, question.text)).encode()).hexdigest()[:32]


def _headers(call: ChatCall, decision: ChatDecision, mode: Mode, number: str) -> dict[str, str]:
    """Those that are added to what the LLM says."""
    reason = decision.deferral.reason if decision.deferral is not None else Reason.NO_POLICY
    found = {
        "x-understudy-contract": CONTRACT,
        "x-understudy-source": "teacher",
        "x-understudy-reason": reason.value,
        "x-understudy-task": call.task,
        "x-understudy-mode": mode,
        "x-understudy-decision-id": quote(number, safe=""),
        "x-understudy-certified": "false",
    }
    if decision.would_be is not None:
        found["x-understudy-shadow"] = quote(decision.would_be, safe="")
    return found


def _completion(label: Label, question: ChatQuestion) -> SurrogateCompletion:
    return SurrogateCompletion(
        quote(label.id, safe=""),
        label.labelled_at // 1000,
        f"understudy/{label.task}",
        label.policy or "",
        question.form.write(label.label or ""),
        label.score or 0.0,
    )


def _prompt_header(call: ChatCall, question: ChatQuestion) -> dict[str, str]:
    """Says which prompt it is that `chat.prompts` may name."""
    return {"x-understudy-prompt": question.prompt} if DEBUG in call.headers else {}


def _model(call: ChatCall, config: TeacherConfig) -> str:
    """The LLM that is asked."""
    named = call.fields.get("model") if call.names_model else None
    return named if isinstance(named, str) else config.model or ""


def _with_model(body: bytes, model: str) -> bytes:
    """The body with another model, every other value byte by byte as it was."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    fields["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)
