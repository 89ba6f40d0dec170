"""No output repeats a secret: neither one that the process knows, nor what looks like one."""

import pytest

from schemas.secrets import (
    masked,
    masked_known,
    masked_values,
    remember_config_secrets,
    remember_secrets,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("refused: Authorization: Bearer abcdef12345", "refused: Authorization: Bearer ***"),
        ("{'authorization': 'Bearer abcdef12345'}", "{'authorization': ***}"),
        ("Basic dXNlcjpwYXNz is wrong", "Basic *** is wrong"),
        ("Incorrect API key provided: sk-proj-abc_DEF123.", "Incorrect API key provided: ***."),
        ("key us_0123abcd_AbCd-EfGh_IjKl is unknown", "key *** is unknown"),
        ("sasl.password=hunter2, sasl.username=me", "sasl.password=***, sasl.username=me"),
        ("{'sasl.password': 'hunter 2', 'a': 1}", "{'sasl.password': ***, 'a': 1}"),
        ("https://blob/x?sv=1&sig=ab%2Fc&se=2", "https://blob/x?sv=1&sig=***&se=2"),
        ("https://h/v1?api_key=abc", "https://h/v1?api_key=***"),
        ("x-api-key: abcdefgh", "x-api-key: ***"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "check the key in the environment variable OPENAI_API_KEY (`teacher.key_env`)",
        "SASL authentication error: wrong password: try another",
        "basic authentication is refused, a bearer of news",
        "`audit_key` (UNDERSTUDY_AUDIT_KEY): it is the public default",
        "the task-management label, risk-averse-customers, sk-8",
        "https://h/v1?design=big&task=shop",
        "policy installed: version=v12 task=shop",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert masked(text) == text


def test_a_secret_that_is_known_is_masked_wherever_it_stands() -> None:
    remember_secrets(["q7/Zk marked+1", "short", ""])
    assert masked("<q7/Zk marked+1> q7%2FZk%20marked%2B1 short") == "<***> *** short"
    assert masked_known("Bearer abcdef12345 q7/Zk marked+1") == "Bearer abcdef12345 ***"


def test_the_secrets_of_urls_in_the_config_are_known() -> None:
    fields = {
        "teacher": {"url": "http://me:q6marked-pass@h/v1"},
        "embedder": "endpoint:http://h?key=q5marked-key#m",
    }
    remember_config_secrets(fields | {"paused": True})
    remember_config_secrets({"teacher": None, "embedder": 5})
    assert masked_known("401: bWU6cTZtYXJrZWQtcGFzcw==, q6marked-pass, q5marked-key") == "401: ***, ***, ***"


def test_values_keep_their_form() -> None:
    value = {"a": ["redis://:s3cret@h", 1, None], "b": {"c": "https://h/?token=s3cret"}, "d": True}
    assert masked_values(value) == {
        "a": ["redis://:***@h", 1, None],
        "b": {"c": "https://h/?token=***"},
        "d": True,
    }


def test_labels_and_ids_that_look_like_keys_stay_and_sentences_are_masked() -> None:
    names = {"labels": ["sk-insurance-claims", "risk"], "ids": ["sk-2024-00012345"]}
    assert masked_values(names) == names
    assert masked_values({"problems": ["no such key: sk-proj-abc_DEF123"]}) == {
        "problems": ["no such key: ***"]
    }
    assert masked_values(["sk-proj-abc_DEF123"], masked) == ["***"]
