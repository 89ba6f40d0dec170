"""A teacher that knows the right answers, and is connected as users' own teachers are."""

from collections.abc import Mapping

from infra.harness.teacher import OutsideTeacher
from schemas.messages import Deferral, Reply, Teacher
from tests.system.deployment import Deployment

GOLD = Teacher(model="gold", prompt="gold")


class GoldTeacher(OutsideTeacher):
    """Answers in a thread of its own.

    Args:
        answers: label for each request id.
    """

    def __init__(self, deployment: Deployment, answers: Mapping[str, str]) -> None:
        super().__init__(deployment, lambda deferral: Reply(deferral, self.says(deferral), GOLD))
        self._answers = answers

    def says(self, deferral: Deferral) -> str:
        return self._answers[deferral.request.id]
