"""Recipe of a fit that starts from a parent: the parent's choices."""

from models.acceptors import top1
from models.surrogates import linear
from models.surrogates.zoo import ALWAYS
from models.training.request import FitRequest
from models.training.sweep import Recipe

OUTGROWN = 2.0


def recipe(request: FitRequest) -> Recipe | None:
    """The parent's choices; None if it reads other features or the traces have doubled since its search."""
    parent = request.parent_manifest
    if parent is None or parent.embedder != request.embedder:
        return None
    if len(request.training) > OUTGROWN * parent.searched:
        return None
    strengths = {
        member.reads: member.strength for member in reversed(parent.members) if member.kind == linear.KIND
    }
    extras = frozenset(member.kind for member in parent.members) - set(ALWAYS)
    return Recipe(strengths, extras, parent.acceptor == top1.NAME)
