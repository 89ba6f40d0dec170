"""The log loss and its gradient are those of the definition, of one loss and of several on one matrix."""

import numpy as np
import pytest

from models.surrogates import softmax_loss
from models.surrogates.softmax_loss import logits_of, pulled_back
from tests.models.surrogates.losses import LABELS, ROWS, WIDTH, loss_of, value_and_gradient

PARTS = {
    "all": (slice(0, ROWS),),
    "without the first": (slice(60, ROWS),),
    "without a middle": (slice(0, 60), slice(120, ROWS)),
    "without another middle": (slice(0, 120), slice(180, ROWS)),
    "a few": (slice(30, 70),),
}


@pytest.mark.parametrize("cached", [softmax_loss.CACHED, 7 * LABELS])
@pytest.mark.parametrize("parts", list(PARTS))
def test_loss_and_gradient_are_those_of_the_definition(
    monkeypatch: pytest.MonkeyPatch, cached: int, parts: str
) -> None:
    """Also where only some rows at once stay in the cache."""
    monkeypatch.setattr(softmax_loss, "CACHED", cached)
    loss = loss_of(PARTS[parts])
    model = np.random.default_rng(1).standard_normal((WIDTH, LABELS)).astype(np.float32)
    value, gradient = value_and_gradient(loss, model)
    excess = np.empty((len(loss.codes), LABELS), dtype=np.float32)
    found = loss.of_logits(loss.logits(model), excess) + 0.5 * loss.penalty_of(model, model)
    assert found == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(loss.gradient(loss.pull_back(excess), model), gradient, atol=1e-5)


@pytest.mark.parametrize("at_once", [softmax_loss.MULTIPLIED, 37])
def test_shared_products_are_those_of_each_loss(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """Also where only some rows are multiplied at once."""
    monkeypatch.setattr(softmax_loss, "MULTIPLIED", at_once)
    generator = np.random.default_rng(2)
    losses = [loss_of(parts) for parts in PARTS.values()]
    models = [generator.standard_normal((WIDTH, LABELS)).astype(np.float32) for _ in losses]
    logits = logits_of(losses, models)
    for loss, model, found in zip(losses, models, logits, strict=True):
        rows = np.concatenate([loss.matrix[part] for part in loss.kept])
        np.testing.assert_allclose(found, rows @ (loss.scale * model), rtol=1e-4, atol=1e-5)
    for loss, found, pulled in zip(losses, logits, pulled_back(losses, logits), strict=True):
        rows = np.concatenate([loss.matrix[part] for part in loss.kept])
        np.testing.assert_allclose(pulled, rows.T @ found, rtol=1e-3, atol=1e-3)
