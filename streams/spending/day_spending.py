"""Day's spending on the teacher: calls, tokens and money of a task, and what was answered without."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.call_limits import Price
from streams.spending.cost import CallKind
from streams.spending.encoder_use import EncoderUse, encoder_uses


@dataclass(frozen=True, slots=True)
class CallSpending:
    """Calls of one kind; tokens are those of prompts and answers.

    Attributes:
        timed, seconds: calls whose time is known, and the time of all of these together.
    """

    calls: int
    tokens: int
    money: float
    timed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class DaySpending:
    """What one task, or all of them, have spent and saved since 00:00 UTC.

    Attributes:
        calls: by kind: `requests` that a client waits for, `audits`, and `repeats`, the second questions.
        all_calls, tokens: that count against the limits of the day.
        answered: requests that the surrogate has answered.
        refits, refit_seconds: of the trainer.
        apps: replies of LLMs to apps whose tokens are known, forwarded by the gateway or come as spans. No
            limit counts them.
        replies_read, replies_unread: replies of LLMs to apps that call through the gateway, in which a label
            was found, and in which none was.
        money: of all calls, in the currency of `teacher.price`; 0 where there is no price.
        encoders: use of each encoder, by its id.
    """

    calls: Mapping[str, CallSpending]
    all_calls: int
    tokens: int
    answered: int
    refits: int
    refit_seconds: float
    money: float
    replies_read: int = 0
    replies_unread: int = 0
    apps: CallSpending = CallSpending(0, 0, 0.0)
    encoders: Mapping[str, EncoderUse] = field(default_factory=dict)

    @property
    def call_milliseconds(self) -> float | None:
        """Of a call of the teacher; None where that is not known."""
        timed = sum(kind.timed for kind in self.calls.values())
        return 1000.0 * sum(kind.seconds for kind in self.calls.values()) / timed if timed else None

    @property
    def lost_calls(self) -> int:
        """Of workers that were killed: nobody knows what for, or whether they were made."""
        return max(0, self.all_calls - sum(kind.calls for kind in self.calls.values()))

    @property
    def saved_money(self) -> float:
        """Answered requests at today's mean price of a request's call; 0 where that is not known."""
        asked, apps = self.calls[CallKind.REQUESTS], self.apps
        calls = asked.calls + apps.calls
        return self.answered * (asked.money + apps.money) / calls if calls else 0.0

    def price_a_call(self, price: Price) -> float | None:
        """Mean price of a request's call; None where that is not known.

        Args:
            price: that the config gives; of a teacher that costs nothing it is known without any call.
        """
        asked, apps = self.calls[CallKind.REQUESTS], self.apps
        calls, money = asked.calls + apps.calls, asked.money + apps.money
        if calls and money > 0.0:
            return money / calls
        return 0.0 if price.is_free else None


def day_spending(amounts: Mapping[str, float]) -> DaySpending:
    """From the amounts as they are kept."""

    def amount(name: str) -> float:
        return amounts.get(name, 0.0)

    def calls_of(kind: str) -> CallSpending:
        tokens = int(amount(f"{kind}.prompt_tokens") + amount(f"{kind}.completion_tokens"))
        calls, timed = int(amount(f"{kind}.calls")), int(amount(f"{kind}.timed"))
        return CallSpending(calls, tokens, amount(f"{kind}.money"), timed, amount(f"{kind}.seconds"))

    return DaySpending(
        calls={kind: calls_of(kind) for kind in CallKind},
        all_calls=int(amount("calls")),
        tokens=int(amount("tokens")),
        answered=int(amount("answered")),
        refits=int(amount("refits")),
        refit_seconds=amount("refit_seconds"),
        money=amount("money"),
        replies_read=int(amount("replies_read")),
        replies_unread=int(amount("replies_unread")),
        apps=calls_of("apps"),
        encoders=encoder_uses(amounts),
    )
