from models.surrogates import kinds, zoo


def test_the_names_are_those_of_the_zoo() -> None:
    assert kinds.ALWAYS == zoo.ALWAYS
    assert tuple(extra.kind for extra in zoo.EXTRAS) == kinds.EXTRAS
