"""Jars of Apache Kafka: fetched from Maven once, and kept in the user's cache.

`pom.xml`, in the folder of this file, lists what to fetch. The cache is keyed by the hash of that file, so a
changed version is fetched again.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from infra.local.cache import cache_folder, is_filled
from infra.local.errors import DownloadFailed, ProgramMissing

_POM: Final = Path(__file__).with_name("pom.xml")
_INSTALL: Final = {
    "java": "Java 17 or later (Debian: `apt-get install default-jre-headless`, macOS: `brew install java`)",
    "mvn": "Maven (Debian: `apt-get install maven`, macOS: `brew install maven`)",
}


def java_and_jars(folder: Path | None = None) -> tuple[str, Path]:
    """Path of `java`, and the folder with Apache Kafka's jars, fetched if they are not there yet.

    Args:
        folder: with jars of an Apache Kafka that is there, in place of our own.

    Raises:
        ProgramMissing: Java is not installed, or Maven where it is needed, or the folder has no such jars;
            names all that is missing.
        DownloadFailed: Maven could not fetch the jars.
    """
    if folder is not None and not any(folder.glob("kafka_2*.jar")):
        raise ProgramMissing(
            f"{folder} has no jars of Apache Kafka (kafka_2*.jar): name the folder `libs` of one, "
            "version 4 or later"
        )
    needed = ["java"] if folder is not None or _cached() else ["java", "mvn"]
    _check_installed(needed)
    return program("java"), folder or kafka_jars()


def _cached() -> bool:
    return is_filled(_cache_name())


def _check_installed(names: Sequence[str]) -> None:
    """Raises ProgramMissing: naming all that are missing at once."""
    missing = [name for name in names if shutil.which(name) is None]
    if not missing:
        return
    instead = (
        " Maven fetches Apache Kafka's jars (43 MB) once; `understudy up --kafka-jars DIR` takes those of an "
        "Apache Kafka that you have in its place."
    )
    raise ProgramMissing(
        f"Apache Kafka needs {' and '.join(f'`{name}`' for name in missing)}, which is not on the PATH. "
        f"Install {' and '.join(_INSTALL[name] for name in missing)}.{instead if 'mvn' in missing else ''}"
    )


def program(name: str) -> str:
    """Path of `java` or `mvn`.

    Raises:
        ProgramMissing: it is not on the PATH; the message says what to install.
    """
    _check_installed([name])
    return str(shutil.which(name))


def kafka_jars() -> Path:
    """Directory with Apache Kafka's jars (46 of them, 43 MB), fetched if they are not there yet.

    Raises:
        ProgramMissing: they have to be fetched and Maven is not installed.
        DownloadFailed: Maven could not fetch them.
    """
    return cache_folder(_cache_name(), _download)


def _cache_name() -> str:
    return f"kafka-{hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]}"


def _download(workplace: Path) -> Path:
    """Let Maven copy the jars into a directory below `workplace`."""
    fetched = workplace / "jars"
    shutil.copy(_POM, workplace)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fetched}"]
    command = [program("mvn"), "-q", "-B", *goal]
    result = subprocess.run(command, cwd=workplace, capture_output=True, text=True, check=False)
    if result.returncode:
        raise DownloadFailed(
            f"Maven could not fetch Apache Kafka:\n{(result.stdout + result.stderr)[-2000:]}"
        )
    return fetched
