"""CPU and memory of a process, all threads; psutil reads them, which the extra `bench` installs."""

from infra.errors import MissingLibrary

try:
    import psutil  # type: ignore[import-untyped]
except ModuleNotFoundError:
    psutil = None


def require_psutil() -> None:
    """Raises MissingLibrary: psutil is not installed."""
    if psutil is None:
        raise MissingLibrary(
            "the package psutil is not installed, so CPU can't be measured: pip install 'understudy[bench]'"
        )


def process_tree(process: int) -> list[int]:
    """Numbers of this process and of all that descend from it, as of now.

    Raises:
        MissingLibrary: psutil is not installed.
    """
    require_psutil()
    root = psutil.Process(process)
    return [process, *(int(child.pid) for child in root.children(recursive=True))]


def cpu_seconds(process: int) -> float:
    """Seconds of CPU that the process of this number has used so far.

    Raises:
        MissingLibrary: psutil is not installed.
    """
    require_psutil()
    used = psutil.Process(process).cpu_times()
    return float(used.user + used.system)


def memory_bytes(process: int) -> int:
    """Bytes that the process of this number has in memory (its resident set).

    Raises:
        MissingLibrary: psutil is not installed.
    """
    require_psutil()
    return int(psutil.Process(process).memory_info().rss)
