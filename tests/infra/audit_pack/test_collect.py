"""What a pack shows of a version and its audits."""

from infra.audit_pack.collect import audit_row, shown_manifest
from models.manifest import Manifest
from streams.privacy.forgotten import ForgottenRequests, forgotten_request
from tests.streams.fakes import manifest, trace


def test_a_manifest_without_the_secret_of_its_encoder_s_url_is_whole() -> None:
    made = manifest(labels=("a//b", "c@d"), embedder="endpoint:https://h/v1?api_key=s3cret#m")
    shown = Manifest.decode(shown_manifest(made.encode()))
    assert (shown.labels, shown.embedder) == (made.labels, "endpoint:https://h/v1?api_key=***#m")
    plain = manifest(labels=("https://x/?key=big", "c@d")).encode()
    assert shown_manifest(plain) == plain


def test_a_row_has_a_text_where_asked_for_and_not_that_of_a_request_to_forget() -> None:
    forgotten = ForgottenRequests()
    forgotten.add(forgotten_request("t", "r1", 5))
    rows = [audit_row(trace(name), forgotten) for name in ("r1", "r2")]
    assert [(row.id, row.text) for row in rows] == [("r1", None), ("r2", "hello")]
    assert audit_row(trace("r2"), None).text is None
