"""Basis of texts: what a text featurizer learns of its texts, and by which later ones may be read.

Apart from the featurizer, whose libraries are large: a trainer keeps the basis of a fit for the next one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.featurizers.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class TextBasis:
    """What is learned of texts; no label has a part in it.

    Attributes:
        vocabulary: the n-grams of these texts.
        turn: float32 [mixtures, directions], what makes the mixtures of these texts a basis.
    """

    vocabulary: Vocabulary
    turn: NDArray[np.float32]

    @property
    def size(self) -> int:
        """Bytes of its arrays."""
        kept = self.vocabulary
        arrays = (kept.table, kept.order, kept.count, kept.parent, kept.place, self.turn)
        return sum(array.nbytes for array in arrays)


@dataclass(frozen=True, slots=True)
class EarlierBasis:
    """A basis, and the texts of a fit that it was learned from.

    Attributes:
        basis: of an earlier fit with the same seed.
        rows: int64 [m], where its texts are among those of this fit, in the order of the earlier one.
    """

    basis: TextBasis
    rows: NDArray[np.int64]
