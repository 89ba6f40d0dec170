"""What is certified is the target of now, whatever certify has judged last."""

from dataclasses import replace

import pytest

from schemas.config import Config
from streams.certify.status import CertificateStatus
from streams.status.task_status import service_certificate, with_audits
from streams.versions.guard_state import GUARDED
from tests.streams.status.statuses import STATUS

JUDGED = CertificateStatus(audits=400, agreements=390, bound=0.953, target=0.9, certified=True)


@pytest.mark.parametrize(("target", "certified"), [(0.85, True), (0.9, True), (0.97, False)])
def test_a_higher_target_is_not_certified_until_certify_has_judged_it(target: float, certified: bool) -> None:
    status = with_audits(replace(STATUS, target=target), JUDGED, Config(target_agreement=target), GUARDED)
    assert status.certified is certified
    assert service_certificate(JUDGED, GUARDED, target).certified is certified
