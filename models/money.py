"""Amounts of money as people read them, in the currency that they chose."""

CURRENCY = "$"
_SPACE = "\N{NO-BREAK SPACE}"


def currency_prefix(currency: str) -> str:
    """A sign as `$` or `€` stands right before the number, a word as `EUR` apart from it."""
    return currency + _SPACE if currency[-1:].isalnum() else currency


def format_money(amount: float, currency: str, digits: int = 2) -> str:
    """`$1,234.50`, `EUR 1,234.50`, `-$3.00` with a minus sign.

    Args:
        digits: after the decimal point.
    """
    text = f"{abs(amount):,.{digits}f}"
    return f"{'−' if amount < 0 else ''}{currency_prefix(currency)}{text}"  # noqa: RUF001 - a minus sign
