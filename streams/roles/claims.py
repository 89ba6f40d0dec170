"""What a deferral claims of the teacher's window: a share of its task's, until it is given up."""

from confluent_kafka import Message

from schemas.codec import DEFERRAL
from schemas.errors import InvalidMessage
from streams.kafka.lane_window import WindowClaim
from streams.kafka.message import as_bytes, headers_of
from streams.tasks import Tasks
from streams.teacher.give_up import give_up_at


def claim_of(tasks: Tasks, message: Message) -> WindowClaim | None:
    """None for what is no deferral, or asked by somebody else: it is answered at once.

    Audits and second questions stay on their topic: who follows how far the teacher has read them there
    must not take one that was moved for one that was passed by.
    """
    try:
        deferral = DEFERRAL.decode(as_bytes(message.value()))
    except InvalidMessage:
        return None
    if deferral.asked_by is not None:
        return None
    task, is_request = deferral.request.task, not deferral.audit and deferral.first is None
    until = give_up_at(deferral, tasks.task(task).config.teacher, headers_of(message))
    return WindowClaim(task, until, may_move=is_request)
