"""Examples at the end of a command's help."""


def examples(*lines: str) -> str:
    """An epilog that is printed line by line, as it is."""
    return "\n".join(["\b", "Examples:", *(f"  understudy {line}" for line in lines)])
