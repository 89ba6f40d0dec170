"""Amounts of an encoder's use add up, whatever its id."""

from collections import Counter

from streams.spending.day_spending import day_spending
from streams.spending.encoder_use import EncoderUse, encoder_amounts

PROBE = "probe:qwen/3.texts.encoder@ab"


def test_uses_of_a_day_add_up_by_encoder() -> None:
    amounts: Counter[str] = Counter()
    for use in (EncoderUse(10, 0.5, 4), EncoderUse(30, 1.5, 6)):
        amounts.update(encoder_amounts(PROBE, use))
    amounts.update(encoder_amounts("onnx:f00d", EncoderUse(8, 0.25)))
    spent = day_spending({**amounts, "requests.timed": 3.0, "requests.seconds": 1.2, "audits.timed": 1.0})
    assert spent.encoders == {"onnx:f00d": EncoderUse(8, 0.25, 0), PROBE: EncoderUse(40, 2.0, 10)}
    assert spent.encoders[PROBE].milliseconds == 50.0
    assert spent.call_milliseconds == 300.0
    assert (EncoderUse().milliseconds, day_spending({}).call_milliseconds) == (None, None)
