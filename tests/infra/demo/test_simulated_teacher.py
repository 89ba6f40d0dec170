"""The simulated teacher is an OpenAI-compatible endpoint over real HTTP, faults included."""

from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI
from openai.types.shared_params import ResponseFormatJSONSchema

from infra.demo.simulated_teacher import SimulatedTeacher, TeacherBehaviour

LABELS = ("yes", "no")
PROMPT = "Say yes or no."
FORMAT: ResponseFormatJSONSchema = {
    "type": "json_schema",
    "json_schema": {"name": "answer", "schema": {"type": "object"}},
}
PERFECT = TeacherBehaviour(latency=0.0, wrong=0.0, throttled=0.0, failing=0.0)


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    with (
        SimulatedTeacher(lambda text: "yes" if text == "good?" else "no", LABELS, PERFECT) as teacher,
        OpenAI(base_url=teacher.url, api_key="none", max_retries=0, timeout=60.0) as connected,
    ):
        yield connected


def test_the_last_user_message_is_answered(client: OpenAI) -> None:
    completion = client.chat.completions.create(
        model="simulated",
        messages=[
            {"role": "system", "content": PROMPT},
            {"role": "user", "content": "bad?"},
            {"role": "user", "content": "good?"},
        ],
    )
    assert completion.choices[0].message.content == "yes"
    assert completion.model == "simulated"
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 4 + 1 + 2
    assert (
        completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    )


def test_structured_output_is_json(client: OpenAI) -> None:
    completion = client.chat.completions.create(
        model="simulated", messages=[{"role": "user", "content": "good?"}], response_format=FORMAT
    )
    assert completion.choices[0].message.content == '{"label":"yes"}'


def test_a_question_without_a_user_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="none of role"):
        client.chat.completions.create(model="simulated", messages=[{"role": "system", "content": PROMPT}])


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (TeacherBehaviour(latency=0.0, throttled=1.0), openai.RateLimitError),
        (TeacherBehaviour(latency=0.0, throttled=0.0, failing=1.0), openai.InternalServerError),
    ],
)
def test_faults_are_http_errors(behaviour: TeacherBehaviour, error: type[openai.APIStatusError]) -> None:
    with (
        SimulatedTeacher(lambda _: "yes", LABELS, behaviour) as teacher,
        OpenAI(base_url=teacher.url, api_key="none", max_retries=0, timeout=60.0) as client,
        pytest.raises(error) as refused,
    ):
        client.chat.completions.create(model="simulated", messages=[{"role": "user", "content": "good?"}])
    assert ("retry-after" in refused.value.response.headers) == (error is openai.RateLimitError)


def test_a_teacher_can_always_be_wrong() -> None:
    always_wrong = TeacherBehaviour(latency=0.0, wrong=1.0, throttled=0.0, failing=0.0)
    with (
        SimulatedTeacher(lambda _: "right", ("wrong",), always_wrong) as teacher,
        OpenAI(base_url=teacher.url, api_key="none", timeout=60.0) as client,
    ):
        completion = client.chat.completions.create(
            model="simulated", messages=[{"role": "user", "content": "good?"}]
        )
    assert completion.choices[0].message.content == "wrong"
