"""A sentence says what each tier adds, and what a text costs it in time."""

from infra.console.tier_lines import tier_sentence
from streams.spending.day_spending import day_spending
from streams.spending.encoder_use import EncoderUse, encoder_amounts
from streams.status.tier_status import TierStatus

TIERS = (
    TierStatus("text", None, 0.61),
    TierStatus("onnx", "onnx:1", 0.2),
    TierStatus("probe", "probe:q", 0.09),
)
DAY = {
    "answered": 2_000.0,
    "requests.timed": 10.0,
    "requests.seconds": 8.12,
    **encoder_amounts("onnx:1", EncoderUse(700, 2.1, 400)),
    **encoder_amounts("probe:q", EncoderUse(300, 12.6, 180)),
}
FITTED = (
    "text answers 61%, onnx 20% more, probe 9% more, the teacher the other 10%, "
    "as the fit has seen the requests"
)


def test_what_each_tier_adds_is_beside_what_it_costs() -> None:
    assert tier_sentence(TIERS, day_spending(DAY)) == (
        f"{FITTED}; today text has answered 1,420, onnx 400 of 700 that it read at 3 ms a text, "
        "probe 180 of 300 that it read at 42 ms a text; a call of the teacher takes 812 ms"
    )


def test_a_part_that_is_not_known_is_left_out() -> None:
    assert tier_sentence(TIERS, day_spending({"answered": 5.0})) == FITTED
    vague = tuple(TierStatus(one.name, one.encoder, None) for one in TIERS[1:])
    only_probe = day_spending({"answered": 50.0, **encoder_amounts("probe:q", EncoderUse(4, 0.1, 3))})
    assert tier_sentence(vague, only_probe) == "today probe 3 of 4 that it read at 25 ms a text"
    assert tier_sentence(vague, day_spending({})) is None
    assert tier_sentence((), day_spending(DAY)) is None
