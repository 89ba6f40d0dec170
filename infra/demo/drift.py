"""Drift of the demo: two intents change their meaning, and four new ones appear.

The teacher's name and prompt stay as they are, so only audits can show that its answers have changed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from infra.demo.intents import Phrasings

NEW_MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {"order_status": "delivery_delay", "return_item": "exchange_item"}
)
"""Old intent -> what the teacher answers for it from then on."""

DRIFT_MESSAGE: Final = "Two intents have changed their meaning and four new ones have appeared"

NEW_SHARE: Final = 0.15
"""Share of the messages that have one of the new intents."""

NEW_INTENTS: Final[dict[str, Phrasings]] = {
    "product_recall": Phrasings(
        (
            "is my {item} [part of|affected by] the recall",
            "I read that you are recalling the {item}, [what do I do|is mine safe]",
            "which batch of the {item} is being recalled",
            "[please|] tell me how to hand in the recalled {item}",
        ),
        (
            "the radio says your {item} can catch fire",
            "where on the {item} do I find the batch number from the safety notice",
        ),
    ),
    "loyalty_points": Phrasings(
        (
            "how many [points|bonus points] do I have",
            "[when do|do] my points expire",
            "I got no points for order {number}",
            "can I pay for the {item} with my points",
        ),
        (
            "what do I need for gold status",
            "my points are gone since {day}",
        ),
    ),
    "subscription": Phrasings(
        (
            "I want to pause my monthly box",
            "how do I [start|end] a subscription",
            "send my subscription box every [two|three] months",
            "what will be in the next [monthly|subscription] box",
        ),
        (
            "skip the box of next month, I'm away",
            "can my monthly box bring a {item} this time",
        ),
    ),
    "rent_item": Phrasings(
        (
            "can I rent the {item} for [a week|the weekend]",
            "what does renting the {item} cost",
            "do you rent out the {item} in {city}",
            "I want to keep the {item} that I [rent|am renting] for longer",
        ),
        (
            "is there a deposit if I only borrow the {item}",
            "do you hire out a {item} until {day}",
        ),
    ),
}
