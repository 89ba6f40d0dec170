"""Names of versions: `v` and a serial number, from 1."""


def version_name(serial: int) -> str:
    """The name of a task's version with this serial number, from 1."""
    return f"v{serial}"


def version_serial(version: str) -> int:
    """The serial number in a version's name; 0 where the name is not one of ours."""
    number = version.removeprefix("v")
    return int(number) if number.isascii() and number.isdigit() else 0
