from infra.bench.tables import Table, lines, share, shares


def test_a_table_is_aligned_markdown() -> None:
    table = Table("Speed", ("who", "rows/s"), (("text", "9"), ("vectors", "12,000")))
    assert lines(table) == [
        "Speed",
        "",
        "| who     | rows/s |",
        "| ------- | -----: |",
        "| text    |      9 |",
        "| vectors | 12,000 |",
        "",
    ]


def test_shares_have_three_digits_and_no_leading_zero() -> None:
    assert shares([0.9514, 1.0, 0.0, None]) == ".951/1.000/.000/-"
    assert share(0.0004) == ".000"
