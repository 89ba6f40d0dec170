"""Limits on the calls of the teacher, and what its tokens cost. All of them are part of a task's config."""

from typing import Annotated

from msgspec import Meta, Struct

PerMillion = Annotated[float, Meta(ge=0.0, le=1_000_000.0)]


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """Price of a million tokens, in a currency of your choice, the same for all tasks.

    Attributes:
        input, output: of the prompt, and of the answer with its reasoning. Both None: not known. Both 0: the
            teacher costs nothing.
        cached_input: of the part of the prompt that the provider had in its cache; None: as `input`.
    """

    input: PerMillion | None = None
    output: PerMillion | None = None
    cached_input: PerMillion | None = None

    @property
    def is_known(self) -> bool:
        """Whether money can be counted."""
        return self.input is not None or self.output is not None

    @property
    def is_free(self) -> bool:
        """Whether it is known that no call costs anything."""
        return self.is_known and not (self.input or self.output or self.cached_input)


class CallLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Ceilings on the teacher's calls by all workers together; None: no limit. A day begins at 00:00 UTC.

    Attributes:
        calls_per_second: on average; up to a quarter of a second's calls may come at once.
        calls_in_flight: calls at the same time, of all workers together.
        calls_per_day: an answer that is no label is asked for a second time, and counts twice.
        tokens_per_day: of prompts and answers together.
        money_per_day: in the currency of `teacher.price`; where that is not known, nothing is asked.
    """

    calls_per_second: Annotated[float, Meta(gt=0.0, le=1_000_000.0)] | None = None
    calls_in_flight: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    calls_per_day: Annotated[int, Meta(ge=0)] | None = None
    tokens_per_day: Annotated[int, Meta(ge=0)] | None = None
    money_per_day: Annotated[float, Meta(ge=0.0)] | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self != CallLimits()
