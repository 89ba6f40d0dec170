"""Jars of Apache Kafka: fetched from Maven once, and kept in the user's cache.

`pom.xml`, in the folder of this file, lists what to fetch. The cache is keyed by the hash of that file, so a
changed version is fetched again.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

from infra.local.cache import cache_folder
from infra.local.errors import DownloadFailed, ProgramMissing

_POM: Final = Path(__file__).with_name("pom.xml")
_INSTALL: Final = {
    "java": "Java 17 or later (Debian: `apt-get install default-jre-headless`, macOS: `brew install java`)",
    "mvn": "Maven (Debian: `apt-get install maven`, macOS: `brew install maven`)",
}


def program(name: str) -> str:
    """Path of `java` or `mvn`.

    Raises:
        ProgramMissing: it is not on the PATH; the message says what to install.
    """
    found = shutil.which(name)
    if found is None:
        raise ProgramMissing(
            f"Apache Kafka needs `{name}`, which is not on the PATH. Install {_INSTALL[name]}."
        )
    return found


def kafka_jars() -> Path:
    """Directory with Apache Kafka's jars (46 of them, 43 MB), fetched if they are not there yet.

    Raises:
        ProgramMissing: they have to be fetched and Maven is not installed.
        DownloadFailed: Maven could not fetch them.
    """
    return cache_folder(f"kafka-{hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]}", _download)


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
