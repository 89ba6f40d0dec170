"""Today's spending in a sentence: calls by kind, limits if there are some, savings if they are known."""

from infra.console.spending_lines import replies_sentence, spending_sentence
from schemas.call_limits import CallLimits
from streams.spending.day_spending import day_spending

SPENT = {
    "calls": 30.0,
    "tokens": 9_300.0,
    "money": 0.6,
    "requests.calls": 20.0,
    "requests.prompt_tokens": 6_000.0,
    "requests.completion_tokens": 300.0,
    "requests.money": 0.5,
    "audits.calls": 10.0,
    "audits.prompt_tokens": 3_000.0,
    "audits.money": 0.1,
    "answered": 1_000.0,
    "refits": 2.0,
    "refit_seconds": 31.4,
}


def test_a_day_with_a_price_and_limits() -> None:
    limits = CallLimits(calls_per_second=1.0, calls_per_day=1_000, tokens_per_day=50_000, money_per_day=2.0)
    assert spending_sentence(day_spending(SPENT), limits, "$") == (
        "30 of 1,000 calls (20 for requests, 10 for audits); 9,300 of 50,000 tokens; $0.60 of $2.00; "
        "1,000 requests answered without a call, saved about $25.00; 2 refits in 31 s"
    )


def test_what_killed_workers_may_have_spent_is_shown() -> None:
    spent = day_spending(SPENT | {"calls": 34.0, "tokens": 10_540.0})
    assert spending_sentence(spent, CallLimits(), "$").startswith(
        "34 calls (20 for requests, 10 for audits, 4 of workers that were killed); 10,540 tokens; "
    )


def test_a_day_without_anything() -> None:
    assert spending_sentence(day_spending({}), CallLimits(), "$") == (
        "0 calls; 0 tokens; 0 requests answered without a call"
    )


def test_one_of_a_kind_is_no_plural() -> None:
    spent = day_spending({"calls": 1.0, "tokens": 1.0, "answered": 1.0, "apps.calls": 1.0, "refits": 1.0})
    assert spending_sentence(spent, CallLimits(), "$") == (
        "1 call (1 of workers that were killed); 1 token; 1 request answered without a call; "
        "apps' own 1 call: 0 tokens; 1 refit in 0 s"
    )
    one = replies_sentence(day_spending({"replies_unread": 1.0}))
    assert one is not None
    assert one.startswith("1 of today's 1 reply of the LLM to apps says no label")


def test_without_a_price_no_money_is_saved() -> None:
    spent = day_spending({"calls": 5.0, "requests.calls": 5.0, "answered": 9.0})
    assert (spent.all_calls, spent.saved_money) == (5, 0.0)
    assert "saved" not in spending_sentence(spent, CallLimits(), "$")


def test_replies_without_a_label_are_shown_and_many_warned_of() -> None:
    few = replies_sentence(day_spending({"replies_read": 199.0, "replies_unread": 1.0}))
    assert few is not None
    assert few.startswith("1 of today's 200 replies of the LLM to apps says no label (0.5%)")
    many = replies_sentence(day_spending({"replies_read": 180.0, "replies_unread": 20.0}))
    assert many is not None
    assert many.startswith("warning: 20 of today's 200 replies")
    assert replies_sentence(day_spending({"replies_read": 9.0})) is None


def test_apps_own_calls_are_shown_beside_and_say_what_an_answer_saves() -> None:
    spent = day_spending({"apps.calls": 4.0, "apps.prompt_tokens": 90.0, "apps.money": 2.0, "answered": 10.0})
    assert spending_sentence(spent, CallLimits(), "$") == (
        "0 calls; 0 tokens; 10 requests answered without a call, saved about $5.00; "
        "apps' own 4 calls: 90 tokens, $2.00"
    )
