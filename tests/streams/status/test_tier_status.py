"""The tiers of a cascade, with short names, encoders and what the fit has seen of them."""

import pytest

from models.manifest import FrontierPoint
from schemas.config import Config
from streams.status.tier_status import TierStatus, tier_statuses
from tests.streams.fakes import manifest

SPEC = "text>onnx:/a>text+onnx:/b>text+onnx:/a"
GIVEN = {
    "embedder": SPEC,
    "dimension": 6,
    "encoder": "onnx:1[2]>onnx:2[4]",
    "frontier": (FrontierPoint(0.95, 0.7, 0.6, 0.96, tiers=(0.3, 0.2, 0.06, 0.04)),),
}


def test_each_tier_has_its_encoder_and_share() -> None:
    assert tier_statuses(manifest(**GIVEN), Config(embedder=SPEC)) == (
        TierStatus("text", None, 0.3),
        TierStatus("onnx", "onnx:1", 0.2),
        TierStatus("text+onnx", "onnx:2", 0.06),
        TierStatus("text+onnx (2)", "onnx:1", 0.04),
    )


@pytest.mark.parametrize("config", [Config(threshold=0.5), Config(target_agreement=0.99)])
def test_no_share_is_known_of_another_threshold(config: Config) -> None:
    assert {one.expected for one in tier_statuses(manifest(**GIVEN), config)} == {None}


def test_one_tier_is_no_cascade() -> None:
    given = GIVEN | {"embedder": "text+onnx:/a", "encoder": "onnx:1"}
    assert tier_statuses(manifest(**given), Config()) == ()


def test_a_cascade_of_an_earlier_release_has_no_shares() -> None:
    given = GIVEN | {
        "embedder": "text>onnx:/a",
        "encoder": "onnx:1",
        "frontier": (FrontierPoint(0.95, 0.7, 0.6, 0.96),),
    }
    assert tier_statuses(manifest(**given), Config()) == (
        TierStatus("text", None, None),
        TierStatus("onnx", "onnx:1", None),
    )
