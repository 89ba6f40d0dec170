"""No secret of a URL is printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.urls import masked_url, url_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:pa:ss@h:6379/0", "redis://:***@h:6379/0"),
        ("rediss://me:p/a@s@h/1", "rediss://me:***@h/1"),
        ("https://token@api.example/v1", "https://***@api.example/v1"),
        ("redis://h/0?password=x&db=2", "redis://h/0?password=***&db=2"),
        ("https://h/v1?api_key=x#m", "https://h/v1?api_key=***#m"),
        ("unix:///tmp/redis.sock", "unix:///tmp/redis.sock"),
        ("broker:9092,other:9092", "broker:9092,other:9092"),
    ],
)
def test_secrets_are_masked(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1))
def test_no_password_gets_through(password: str) -> None:
    assert masked_url(f"redis://user:{password}@host:6379/0") == "redis://user:***@host:6379/0"


def test_urls_in_a_text_are_masked() -> None:
    text = "endpoint:https://me:s3cret@h/v1#m is away; see https://docs.example/v1 or mail a@b.example"
    assert masked_url(text) == text.replace("s3cret", "***")


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("https://h/v1?design=big", []),
        ("https://me:pa%40ss@h/v1", ["pa@ss", "bWU6cGFAc3M="]),
        ("text>endpoint:https://token@h/v1#m", ["token", "dG9rZW46"]),
        ("https://h/v1?api_key=a%2Fb&x=1", ["a/b"]),
        ("https://h/v1/chat@home", []),
        ("tei://h?tokenizer=BAAI/bge-small&key_version=production&max_tokens=10000000", []),
    ],
)
def test_the_secrets_of_a_url_are_known_in_the_form_that_servers_repeat(
    text: str, secrets: list[str]
) -> None:
    assert list(url_secrets(text)) == secrets
