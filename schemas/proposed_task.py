"""Proposed task: calls of one kind that name no task, which an operator may make a task of."""

from msgspec import Struct


class ProposedTask(Struct, frozen=True):
    """What is kept of such calls. No text of a user is among it.

    Attributes:
        hash: of their instructions and the form that they ask for.
        form: in words.
        begins: first words of the instructions, masked where a mask is set; empty where there are none.
        model: LLM that the first call asked.
        labels: that the form lists; empty where it lists none.
        first_at: Unix milliseconds of the first call.
    """

    hash: str
    form: str
    begins: str
    model: str
    labels: tuple[str, ...]
    first_at: int
