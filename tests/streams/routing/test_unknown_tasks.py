"""Tasks that nobody has configured are capped, and the cap is told of once."""

from schemas.events import EventKind, TasksCappedDetails
from schemas.messages import Request
from streams.routing.conclusion import Arrival
from streams.routing.request_router import RequestRouter
from streams.routing.unknown_tasks import UnknownTasks
from streams.sampling import Sampler
from streams.tasks import Tasks
from tests.streams.fakes import PublishedEvents


async def test_names_without_end_are_refused_and_known_tasks_go_on() -> None:
    tasks, told = Tasks(), PublishedEvents()
    tasks.configure("shop", {"paused": True})
    unknown = UnknownTasks(tasks, 2, told.publish)
    router = RequestRouter(tasks, Sampler(b"key"), lambda *_: None, refusal=unknown.refusal)
    names = ["a", "b", "c", "d", "a", "shop"]
    arrivals = [Arrival(Request(str(at), name, "hello"), 1, at) for at, name in enumerate(names)]
    decided, refused, *_ = await router.route(arrivals, 2)
    assert sorted(one.arrival.request.task for one in decided) == ["a", "a", "b", "shop"]
    assert [one.arrival.request.task for one in refused] == ["c", "d"]
    assert all("UNDERSTUDY_UNKNOWN_TASKS" in one.reason for one in refused)
    (event,) = told.events
    assert (event.kind, event.task) == (EventKind.TASKS_CAPPED, "*")
    assert TasksCappedDetails.of(event) == TasksCappedDetails("c", 2)
    tasks.configure("c", {})
    assert unknown.refusal("c") is None, "an operator has named it"
