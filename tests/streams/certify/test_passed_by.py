"""An audit was passed by only once teacher, learn and certify have all gone further."""

from schemas.config import TeacherConfig
from streams.certify.passed_by import GRACE, PassedBy, Progress, Readers, progress_after

MINUTE = 60_000
AWAY = 5 * MINUTE
"""Time of a message that a reader which is away has not read."""


def after(
    minutes: range, teacher: int | None = None, learn: int | None = None, certify: int | None = None
) -> int:
    """How far the audits are passed by after a look each minute; a reader that is not named has read all."""
    progress = Progress()
    for minute in minutes:
        now = minute * MINUTE
        progress = progress_after(
            progress,
            now,
            *(now if read is None else min(now, read) for read in (teacher, learn, certify)),
        )
    return progress.passed


def test_what_all_have_read_is_passed_by_within_minutes() -> None:
    passed = after(range(100))
    assert 99 * MINUTE - 6 * MINUTE <= passed <= 99 * MINUTE - 2 * GRACE


def test_a_reader_that_is_away_stops_it() -> None:
    assert after(range(100), teacher=AWAY) == AWAY - GRACE
    for away in ({"learn": AWAY}, {"certify": AWAY}):
        assert after(range(100), **away) < AWAY


async def test_teachers_are_followed_by_their_group() -> None:
    readers = Readers((("own", "deferrals"),), ("deferrals",), (("learn", "replies"),), (("c", "traces"),))
    oldest = {("own", "deferrals"): None, ("theirs", "deferrals"): AWAY}
    passed_by = PassedBy(lambda group, topic: oldest.get((group, topic)), readers)
    unknown, built_in, theirs = TeacherConfig(), TeacherConfig(url="http://x"), TeacherConfig(group="theirs")
    assert [passed_by.until(one) for one in (unknown, built_in, theirs)] == [None, 0, 0]
    for minute in range(100):
        await passed_by.look(minute * MINUTE)
    assert passed_by.until(unknown) is None
    assert passed_by.until(theirs) == AWAY - GRACE
    own = passed_by.until(built_in)
    assert own is not None
    assert own > 90 * MINUTE
