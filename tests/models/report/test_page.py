"""A page is one file that loads nothing, and shows hostile texts as texts."""

import hashlib
import json
import re
from base64 import b64encode
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from models.report import render
from models.report.page import count, moment, percent, place, score, target

from .subjects import complete, study, subject, summary

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}\u202e\N{PILE OF POO}<!--"
SECTIONS = [
    "flow",
    "frontier",
    "reliability",
    "labels",
    "boundary",
    "examples",
    "changes",
    "curve",
    "trials",
    "noise",
    "cost",
]


class Page(HTMLParser):
    """Elements with their attributes, scripts with their kind, and all visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.text = ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if self._inside == tag else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            kind, before = self.scripts[-1]
            self.scripts[-1] = (kind, before + data)
        elif self._inside != "style":
            self.text += data

    def ids(self, tag: str) -> list[str | None]:
        return [attrs["id"] for name, attrs in self.elements if name == tag and "id" in attrs]


@pytest.fixture(scope="module")
def hostile() -> str:
    return render(complete(HOSTILE))


def test_hostile_texts_are_shown_as_they_are(hostile: str) -> None:
    page = Page(hostile)
    assert HOSTILE in page.text
    assert [kind for kind, _ in page.scripts] == ["application/json", "application/json", None, None]
    assert not [tag for tag, _ in page.elements if tag in {"img", "iframe", "object", "embed"}]
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert json.loads(page.scripts[0][1])["point"]["target"] == 0.9


def test_only_its_own_scripts_may_run(hostile: str) -> None:
    page = Page(hostile)
    links = {attrs[name] for _, attrs in page.elements for name in ("src", "href", "action") if name in attrs}
    assert links == {"data:,"} | {f"#{name}" for name in [*SECTIONS, "headline"]}
    style = hostile[hostile.index("<style>") : hostile.index("</style>")]
    assert not re.search(r"url\(|@import", style)
    policy = next(attrs["content"] for _, attrs in page.elements if "http-equiv" in attrs)
    hashes = [
        b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for kind, script in page.scripts
        if kind is None
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert [f"'sha256-{each}'" for each in hashes] == re.findall(r"'sha256-[^']+'", policy)


def test_a_complete_report_has_all_sections(hostile: str) -> None:
    assert Page(hostile).ids("section") == SECTIONS
    assert 'class="absent"' not in hostile
    assert len(hostile) < 900_000


def test_a_cascade_has_a_section_on_its_tiers() -> None:
    studied = study([0.9] * 20 + [0.7] * 10, [True] * 29 + [False], tiers=("text", HOSTILE))
    studied = replace(studied, decided_by=np.arange(30) // 20)
    html = render(subject(studied, None))
    page = Page(html)
    assert "tiers" in page.ids("section")
    assert HOSTILE[:20] in page.text
    assert "66.7\xa0%" in page.text


def test_a_missing_part_is_explained() -> None:
    bare = render(subject(study([0.9] * 30, [True] * 30), None))
    assert Page(bare).ids("section") == SECTIONS
    assert bare.count('class="absent"') == 6
    assert "Only the vectors of these traces are known" in bare


def test_a_rescored_report_omits_the_fit() -> None:
    page = Page(render(subject(study([0.9] * 30, [True] * 30), None, rescored=True)))
    assert "come from 30 rows" in page.text
    assert set(SECTIONS) - set(page.ids("section")) == {"changes", "curve", "trials", "noise"}
    links = {attrs["href"] for tag, attrs in page.elements if tag == "a"}
    assert {f"#{name}" for name in page.ids("section")} <= links
    assert "#trials" not in links


def test_a_refused_fit_says_why() -> None:
    why = "20 sampled traces, 0.95 needs 59 <even> if all agree"
    page_content = summary(frontier=(), refused=(why,), surrogate="none", accuracy=0.0)
    page = Page(render(subject(None, ["a"], summary=page_content, manifest=None)))
    assert why in page.text
    assert "Nothing was learned" in page.text
    assert "What the gate says" not in page.text
    assert page.ids("section") == []


def test_texts_of_any_length_leave_the_page_small() -> None:
    texts = [f"{place} " + "long \n" * 20_000 for place in range(60)]
    scores = [place / 60 for place in range(60)]
    assert len(render(subject(study(scores, [True] * 60), texts))) < 900_000


def test_figures_never_look_rounder_than_they_are() -> None:
    assert [percent(share) for share in (0.0, 0.9746, 1.0)] == ["0.0\xa0%", "97.5\xa0%", "100.0\xa0%"]
    assert [percent(0.9999), percent(0.0001), percent(0.999, 0)] == [">99.9\xa0%", "<0.1\xa0%", ">99\xa0%"]
    assert [score(0.9999), score(1.0), score(0.25)] == [">0.999", "1.000", "0.250"]
    assert [target(0.95), target(0.875), count(10_003.4)] == ["95\xa0%", "87.5\xa0%", "10,003"]
    assert [place(share) for share in (0.2, 0.5, 0.75, 1.0)] == [0.0, 0.0, 50.0, 100.0]
    assert moment(1_764_000_000_000) == "24 Nov 2025, 16:00 UTC"


@pytest.mark.parametrize(("currency", "year"), [("$", "$26,828"), ("EUR", "EUR\xa026,828"), ("€", "€26,828")])
def test_the_currency_is_the_chosen_one_everywhere(currency: str, year: str) -> None:
    page = Page(render(replace(complete(), currency=currency)))
    assert f"{year} a year" in page.text
    assert f"Price of a teacher's answer, {currency}" in page.text
    assert ("$" in page.text) == (currency == "$")


def test_the_page_s_breakdown_sums_to_100() -> None:
    texts = re.findall(r'<li class="\w+">[a-z ]+ ([\d.]+)\xa0%</li>', render(complete()))
    assert len(texts) == 4
    assert round(sum(map(float, texts)), 1) == 100.0
