"""A router answers what its policy answers, and asks the fallback about the rest."""

import asyncio
import threading
from pathlib import Path
from typing import NoReturn

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.artifact import MANIFEST
from models.errors import PolicyError
from models.policy import Policy
from models.router.errors import InvalidAnswer, PartlyAnswered
from models.router.fallback import per_text
from models.router.prediction import Prediction
from models.router.router import Router
from tests.models.conftest import ODD_TEXTS, draw_vectors, learned
from tests.models.router.conftest import TARGET


class Teacher:
    """A fallback that records its calls."""

    def __init__(self, fail_on: str | None = None) -> None:
        self.calls: list[list[str]] = []
        self._fail_on = fail_on

    def __call__(self, texts: list[str]) -> list[str]:
        self.calls.append(list(texts))
        if self._fail_on in texts:
            raise ConnectionError("the LLM is away")
        return [f"taught {text}" for text in texts]

    @property
    def asked(self) -> list[str]:
        return [text for call in self.calls for text in call]


def decision(prediction: Prediction) -> tuple[object, ...]:
    return prediction.reason, prediction.guess, prediction.label, prediction.source


@pytest.fixture(scope="module")
def known(policy: Policy, mixed_texts: list[str]) -> list[Prediction]:
    return Router(policy, target=TARGET).predict(mixed_texts)


@pytest.fixture(scope="module")
def answered(known: list[Prediction], mixed_texts: list[str]) -> list[str]:
    return [text for text, one in zip(mixed_texts, known, strict=True) if one.answered]


@pytest.fixture(scope="module")
def deferred(known: list[Prediction], mixed_texts: list[str]) -> list[str]:
    return [text for text, one in zip(mixed_texts, known, strict=True) if not one.answered]


def test_the_policy_answers_some_and_defers_some(answered: list[str], deferred: list[str]) -> None:
    assert len(answered) > 20
    assert len(deferred) > 20


def test_a_directory_is_loaded(directory: Path, answered: list[str]) -> None:
    prediction = Router(directory, target=TARGET).predict(answered[0])
    assert prediction.answered
    assert prediction.label == prediction.guess == str(prediction)
    assert prediction.policy == "v1"
    assert prediction.reason == "accepted"


def test_decisions_are_those_of_the_threshold(policy: Policy, mixed_texts: list[str]) -> None:
    from_frontier = policy.manifest.threshold(TARGET)
    for one in Router(policy, target=TARGET).predict(mixed_texts):
        assert one.score is not None
        assert not one.answered or one.score >= from_frontier
        assert one.reason != "low_score" or one.score < from_frontier


def test_without_a_fallback_nothing_is_made_up(policy: Policy, deferred: list[str]) -> None:
    prediction = Router(policy, target=TARGET).predict(deferred[0])
    assert (prediction.label, prediction.source, str(prediction)) == (None, None, "")


def test_deferred_texts_share_one_call(policy: Policy, mixed_texts: list[str], deferred: list[str]) -> None:
    teacher = Teacher()
    predictions = Router(policy, target=TARGET, fallback=teacher).predict(mixed_texts)
    assert teacher.calls == [deferred]
    taught = [one.label for one in predictions if one.source == "fallback"]
    assert taught == [f"taught {text}" for text in deferred]


def test_what_is_answered_costs_no_call(policy: Policy, answered: list[str]) -> None:
    teacher = Teacher()
    Router(policy, target=TARGET, fallback=teacher).predict(answered)
    assert teacher.calls == []


def test_a_call_may_bring_its_own_fallback(policy: Policy, deferred: list[str]) -> None:
    router = Router(policy, target=TARGET, fallback=Teacher(fail_on=deferred[0]))
    assert router.predict(deferred[0], fallback=Teacher()).label == f"taught {deferred[0]}"


def test_an_async_fallback_serves_sync_callers(policy: Policy, deferred: list[str]) -> None:
    loops = set()

    async def ask(texts: list[str]) -> list[str]:
        loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return [text.upper() for text in texts]

    with Router(policy, target=TARGET, fallback=ask) as router:
        labels = [router.predict(text).label for text in deferred[:3]]
    assert labels == [text.upper() for text in deferred[:3]]
    assert len(loops) == 1


async def test_sync_prediction_works_within_a_loop(policy: Policy, deferred: list[str]) -> None:
    async def ask(texts: list[str]) -> list[str]:
        return [text.upper() for text in texts]

    with Router(policy, target=TARGET, fallback=ask) as router:
        assert router.predict(deferred[0]).label == deferred[0].upper()


def test_one_failing_text_raises_its_error(policy: Policy, deferred: list[str]) -> None:
    with pytest.raises(ConnectionError, match="the LLM is away"):
        Router(policy, target=TARGET, fallback=Teacher(fail_on=deferred[0])).predict(deferred[0])


def test_a_failing_call_loses_no_answer(policy: Policy, mixed_texts: list[str], deferred: list[str]) -> None:
    router = Router(policy, target=TARGET, fallback=Teacher(fail_on=deferred[0]))
    with pytest.raises(PartlyAnswered) as caught:
        router.predict(mixed_texts)
    assert isinstance(caught.value.__cause__, ConnectionError)
    for place, (text, one) in enumerate(zip(mixed_texts, caught.value.predictions, strict=True)):
        assert (place in caught.value.errors) == (text in deferred)
        assert (one is None) == (text in deferred)


def test_an_exception_in_place_of_a_label(policy: Policy, deferred: list[str], tmp_path: Path) -> None:
    refused = ValueError("content filter")

    def ask(texts: list[str]) -> list[str | Exception]:
        return [refused if text == deferred[1] else "yes" for text in texts]

    router = Router(policy, target=TARGET, fallback=ask, traces=tmp_path / "traces.jsonl")
    with router, pytest.raises(PartlyAnswered) as caught:
        router.predict(deferred[:3])
    assert caught.value.errors == {1: refused}
    assert [one.label if one else None for one in caught.value.predictions] == ["yes", None, "yes"]
    assert len((tmp_path / "traces.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("answer", ["a label", None, {"a": 1}, [], ["one", "too many"], [""], [3], [None]])
def test_a_wrong_answer_is_no_label(policy: Policy, deferred: list[str], answer: object) -> None:
    with pytest.raises(InvalidAnswer):
        Router(policy, target=TARGET, fallback=lambda _: answer).predict(deferred[0])


def test_a_router_without_a_policy_answers_nothing(answered: list[str]) -> None:
    teacher = Teacher()
    prediction = Router(None, fallback=teacher).predict(answered[0])
    assert (prediction.source, prediction.reason) == ("fallback", "no_policy")
    assert teacher.asked == answered[:1]


def test_a_target_that_did_not_pass_answers_nothing(
    policy: Policy, answered: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    router = Router(policy, target=0.9999)
    assert "no threshold passed the gate" in caplog.text
    assert {one.reason for one in router.predict(answered)} == {"uncertified"}


def test_a_missing_policy_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        Router(tmp_path / "none")


def test_a_changed_manifest_is_refused(directory: Path, tmp_path: Path) -> None:
    for file in directory.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    manifest = (tmp_path / MANIFEST).read_bytes()
    (tmp_path / MANIFEST).write_bytes(manifest.replace(b'"blocked": []', b'"blocked": ["find"]'))
    assert manifest != (tmp_path / MANIFEST).read_bytes()
    with pytest.raises(PolicyError):
        Router(tmp_path)


def test_a_refused_policy_leaves_the_one_in_use(policy: Policy, answered: list[str], tmp_path: Path) -> None:
    router = Router(policy, target=TARGET)
    with pytest.raises(PolicyError):
        router.use(tmp_path)
    assert router.predict(answered[0]).answered
    router.use(None)
    assert router.predict(answered[0]).reason == "no_policy"


class _BrokenPolicy(Policy):
    def score(self, *_: object) -> NoReturn:
        raise PolicyError("the graph failed")


def test_a_policy_that_fails_defers(
    answered: list[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    policy: Policy,
) -> None:
    router = Router(policy, target=TARGET, fallback=Teacher())
    monkeypatch.setattr(Policy, "score", _BrokenPolicy.score)
    prediction = router.predict(answered[0])
    assert (prediction.source, prediction.reason, prediction.guess) == ("fallback", "unscored", None)
    assert "the graph failed" in caplog.text


@pytest.fixture(scope="module")
def vector_policy() -> Policy:
    made = learned("precomputed").artifact
    assert made is not None
    return Policy.open(made.manifest, made.graph)


def test_vectors_are_scored(vector_policy: Policy) -> None:
    features, labels = draw_vectors(200, seed=5)
    predictions = Router(vector_policy, target=TARGET).predict(embeddings=features.embeddings)
    right = [one.label == label for one, label in zip(predictions, labels, strict=True) if one.answered]
    assert len(right) > 100
    assert np.mean(right) > 0.85
    one = Router(vector_policy, target=TARGET).predict("any text", embeddings=features.embeddings[0])
    assert decision(one) == decision(predictions[0])


@pytest.mark.parametrize("spoil", [np.nan, np.inf, 1e39])
def test_a_bad_vector_defers_alone(vector_policy: Policy, spoil: float) -> None:
    vectors = np.asarray(draw_vectors(40, seed=5)[0].embeddings, dtype=np.float64)
    good = Router(vector_policy, target=TARGET).predict(embeddings=vectors)
    vectors[3, 2] = spoil
    spoilt = Router(vector_policy, target=TARGET).predict(embeddings=vectors)
    assert spoilt[3].reason == "unscored"
    assert [decision(one) for one in spoilt[:3] + spoilt[4:]] == [
        decision(one) for one in good[:3] + good[4:]
    ]


def test_a_missing_vector_defers(vector_policy: Policy, caplog: pytest.LogCaptureFixture) -> None:
    prediction = Router(vector_policy, target=TARGET, fallback=Teacher()).predict("only a text")
    assert (prediction.source, prediction.reason) == ("fallback", "unscored")
    assert "lack what the policy reads" in caplog.text


async def test_vectors_of_a_wrong_length_harm_nobody(vector_policy: Policy) -> None:
    vectors = draw_vectors(10, seed=5)[0].embeddings
    router = Router(vector_policy, target=TARGET, max_wait=0.05)
    alone = router.predict(embeddings=vectors)
    calls = [router.apredict("", embeddings=row) for row in vectors]
    *together, wrong = await asyncio.gather(*calls, router.apredict("", embeddings=[1.0, 2.0]))
    assert [decision(one) for one in together] == [decision(one) for one in alone]
    assert wrong.reason == "unscored"


def test_the_fallback_gets_vectors_without_texts(vector_policy: Policy) -> None:
    asked = []

    def ask(items: list[object]) -> list[str]:
        asked.extend(items)
        return ["yes"] * len(items)

    vectors = draw_vectors(2, seed=5)[0].embeddings
    predictions = Router(vector_policy, target=0.9999, fallback=ask).predict(embeddings=vectors)
    assert [one.label for one in predictions] == ["yes", "yes"]
    np.testing.assert_array_equal(asked, vectors)


@pytest.mark.parametrize(
    ("texts", "more"),
    [(None, {}), ([b"bytes"], {}), (["a"], {"ids": "a"}), (["a"], {"ids": [1]}), (["a", None], {})],
)
def test_wrong_types_are_refused(policy: Policy, texts: object, more: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        Router(policy).predict(texts, **more)  # type: ignore[call-overload]


@pytest.mark.parametrize("more", [{"ids": ["a"]}, {"embeddings": [[1.0]]}, {"embeddings": [1.0, 2.0]}])
def test_unequal_numbers_are_refused(policy: Policy, more: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"ids|embeddings"):
        Router(policy).predict(["a", "b"], **more)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "wrong", [{"target": 95}, {"target": 0}, {"audit_rate": 2}, {"max_batch": 0}, {"max_wait": -1}]
)
def test_arguments_out_of_range_are_refused(policy: Policy, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Router(policy, **wrong)  # type: ignore[arg-type]


def test_no_texts_give_no_predictions(policy: Policy) -> None:
    teacher = Teacher()
    assert Router(policy, fallback=teacher).predict([]) == []
    assert teacher.calls == []


async def test_many_tasks_share_a_batch(policy: Policy, mixed_texts: list[str], deferred: list[str]) -> None:
    teacher = Teacher()
    router = Router(policy, target=TARGET, fallback=teacher, max_batch=1000, max_wait=0.05)
    predictions = await asyncio.gather(*map(router.apredict, mixed_texts))
    assert teacher.calls == [deferred]
    assert [one.label for one in predictions if not one.answered] == [f"taught {text}" for text in deferred]


async def test_a_full_batch_waits_no_longer(policy: Policy, deferred: list[str]) -> None:
    teacher = Teacher()
    router = Router(policy, target=TARGET, fallback=teacher, max_batch=4, max_wait=3600)
    await asyncio.wait_for(asyncio.gather(*map(router.apredict, deferred[:8])), 60)
    assert [len(call) for call in teacher.calls] == [4, 4]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    places=st.lists(st.integers(0, 119), min_size=1, max_size=40),
    odd=st.lists(st.sampled_from(ODD_TEXTS) | st.text(max_size=40), max_size=5),
    size=st.integers(1, 50),
)
def test_a_batched_answer_equals_a_single_one(
    policy: Policy, mixed_texts: list[str], places: list[int], odd: list[str], size: int
) -> None:
    texts = [mixed_texts[place] for place in places] + odd

    async def batched() -> list[Prediction]:
        async with Router(policy, target=TARGET, max_batch=size) as router:
            return await asyncio.gather(*map(router.apredict, texts))

    single = Router(policy, target=TARGET)
    for text, together in zip(texts, asyncio.run(batched()), strict=True):
        alone = single.predict(text)
        assert decision(together) == decision(alone)
        assert together.score == pytest.approx(alone.score, abs=1e-5)


async def test_the_surrogate_does_not_wait_for_the_llm(
    policy: Policy, answered: list[str], deferred: list[str]
) -> None:
    release = asyncio.Event()

    async def ask(texts: list[str]) -> list[str]:
        await release.wait()
        return ["late"] * len(texts)

    router = Router(policy, target=TARGET, fallback=ask, max_batch=2, max_wait=3600)
    slow = asyncio.create_task(router.apredict(deferred[0]))
    quick = await asyncio.wait_for(router.apredict(answered[0]), 60)
    assert quick.answered
    assert not slow.done()
    release.set()
    assert (await slow).label == "late"


async def test_a_failure_reaches_its_batch_only(
    policy: Policy, answered: list[str], deferred: list[str]
) -> None:
    router = Router(policy, target=TARGET, fallback=Teacher(fail_on=deferred[0]), max_batch=3, max_wait=3600)
    calls = [deferred[0], answered[0], deferred[1], deferred[2], answered[1], deferred[3]]
    outcomes = await asyncio.gather(*map(router.apredict, calls), return_exceptions=True)
    assert [type(one).__name__ for one in outcomes] == [
        "ConnectionError",
        "Prediction",
        "ConnectionError",
        "Prediction",
        "Prediction",
        "Prediction",
    ]


async def test_one_text_at_a_time_fails_alone(policy: Policy, deferred: list[str]) -> None:
    async def ask(text: str) -> str:
        if text == deferred[1]:
            raise StopAsyncIteration
        return text.upper()

    router = Router(policy, target=TARGET, fallback=per_text(ask), max_batch=3, max_wait=3600)
    outcomes = await asyncio.gather(*map(router.apredict, deferred[:3]), return_exceptions=True)
    assert isinstance(outcomes[1], Exception)
    kept = [one for one in outcomes if isinstance(one, Prediction)]
    assert [one.label for one in kept] == [deferred[0].upper(), deferred[2].upper()]


async def test_a_sync_fallback_blocks_no_loop(
    policy: Policy, answered: list[str], deferred: list[str]
) -> None:
    release = threading.Event()

    def ask(texts: list[str]) -> list[str]:
        assert release.wait(60)
        return ["late"] * len(texts)

    router = Router(policy, target=TARGET, fallback=ask, max_batch=1)
    slow = asyncio.create_task(router.apredict(deferred[0]))
    assert (await router.apredict(answered[0])).answered
    release.set()
    assert (await slow).label == "late"


async def test_a_cancelled_caller_harms_nobody(policy: Policy, deferred: list[str]) -> None:
    teacher = Teacher()
    router = Router(policy, target=TARGET, fallback=teacher, max_batch=100, max_wait=0.05)
    gone, stays = (asyncio.create_task(router.apredict(text)) for text in deferred[:2])
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).label == f"taught {deferred[1]}"
    assert gone.cancelled()
    assert teacher.asked == [deferred[1]]


async def test_a_list_is_predicted_in_a_loop(policy: Policy, mixed_texts: list[str]) -> None:
    router = Router(policy, target=TARGET)
    assert [decision(one) for one in await router.apredict(mixed_texts)] == [
        decision(one) for one in router.predict(mixed_texts)
    ]


def test_a_router_serves_one_loop_after_another(policy: Policy, answered: list[str]) -> None:
    router = Router(policy, target=TARGET)
    for _ in range(3):
        assert asyncio.run(router.apredict(answered[0])).answered


def test_many_threads_share_a_router(policy: Policy, mixed_texts: list[str], tmp_path: Path) -> None:
    log = tmp_path / "traces.jsonl"
    outcomes: dict[int, list[Prediction]] = {}
    with Router(policy, target=TARGET, fallback=Teacher(), traces=log) as router:
        expected = [decision(one) for one in router.predict(mixed_texts)]

        def work(number: int) -> None:
            outcomes[number] = [router.predict(text) for text in mixed_texts]

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all([decision(one) for one in found] == expected for found in outcomes.values())
    records = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
    deferrals = sum(source == "fallback" for *_, source in expected)
    assert len(records) == len({record["id"] for record in records}) == 9 * deferrals
