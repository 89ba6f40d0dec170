"""Apache Kafka's jars come from Maven once and stay in the user's cache.

What to fetch is `pom.xml` beside this file. The cache is keyed by the hash of that file, so changing a
version fetches anew, and it is filled by renaming a finished download, so it is never half full.
"""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

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
    pom = _POM.read_bytes()
    jars = user_cache_path("understudy") / f"kafka-{hashlib.sha256(pom).hexdigest()[:12]}"
    if not jars.is_dir():
        jars.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=jars.parent) as workplace:
            _keep(_download(Path(workplace)), jars)
    return jars


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


def _keep(fetched: Path, jars: Path) -> None:
    """Move a finished download into place, unless somebody else has been faster."""
    try:
        fetched.rename(jars)
    except OSError:
        if not jars.is_dir():
            raise
