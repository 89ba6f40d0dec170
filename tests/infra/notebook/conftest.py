"""Traces of the small task that tests learn, and a data frame that looks like those of pandas and polars."""

from typing import Any

import pytest

from tests.models.conftest import draw_texts

ROWS = 700


class Column:
    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def to_list(self) -> list[Any]:
        return list(self._values)


class Frame:
    """Has what a fit uses of a frame."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self._data = columns
        self.columns = list(columns)

    def __getitem__(self, name: str) -> Column:
        return Column(self._data[name])


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return list(draw_texts(ROWS, seed=0)[0].texts or ())


@pytest.fixture(scope="session")
def labels() -> list[str]:
    return draw_texts(ROWS, seed=0)[1]
