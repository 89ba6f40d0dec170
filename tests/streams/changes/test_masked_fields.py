"""What `config get` prints is not written back where it hides a secret; stars of a prompt's own are."""

import pytest

from schemas.config import Override
from schemas.errors import InvalidConfig
from schemas.secrets import masked_values, remember_secrets
from streams.changes.masked_fields import refuse_masked

KNOWN = "q9Zk8marked7secret"


@pytest.mark.parametrize(
    "fields",
    [
        {"embedder": "endpoint:http://me:hidden77@h/v1#m"},
        {"teacher": {"url": "http://h/v1?api_key=hidden77"}},
        {"teacher": {"prompt": "Ask with password=hidden77 and answer.\n{labels}"}},
        {"teacher": {"prompt": "Send Authorization: Bearer abcdef12345 along.\n{labels}"}},
        {"teacher": {"prompt": "Our key is sk-proj-abc_DEF123, keep it. ***Now*** answer.\n{labels}"}},
        {"teacher": {"label_descriptions": {"bug": f"mentions {KNOWN} somewhere"}}},
        {"teacher": {"examples": [{"text": f"my password is {KNOWN}, why?", "label": "bug"}]}},
    ],
)
def test_what_is_printed_with_a_mask_is_not_written_back(fields: Override) -> None:
    remember_secrets([KNOWN])
    printed = masked_values(fields)
    assert printed != fields
    refuse_masked(fields, {"shop": fields})
    with pytest.raises(InvalidConfig, match="stands for a secret"):
        refuse_masked(printed, {"shop": fields})


@pytest.mark.parametrize("present", ["", "Be brief.", "*** Rules *** Be ***very*** brief."])
def test_stars_of_its_own_may_stand_in_a_prompt(present: str) -> None:
    fields = {"teacher": {"prompt": "*** Rules ***\nAnswer with ***one*** label:\n{labels}", "model": "m"}}
    refuse_masked(fields, {"shop": {"teacher": {"prompt": present}}})


def test_a_text_of_another_task_is_known_too() -> None:
    secret = {"teacher": {"prompt": "Our key is sk-proj-abc_DEF123, keep it."}}
    with pytest.raises(InvalidConfig, match=r"`teacher.prompt`.*whole text"):
        refuse_masked(masked_values(secret), {"shop": secret, "other": {"paused": True}})
