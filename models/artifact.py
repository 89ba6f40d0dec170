"""The artifact of a policy: the bytes of `policy.onnx` and of `manifest.json`. Never a pickle."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.errors import PolicyError

GRAPH = "policy.onnx"
MANIFEST = "manifest.json"
OWNER_ONLY = 0o600
"""Mode of a file that holds secrets."""
_ANYBODY = 0o666


@dataclass(frozen=True, slots=True)
class Artifact:
    """Both files of a policy, not verified: `Policy.open` checks them.

    Attributes:
        manifest: UTF-8 JSON, see `models.manifest`.
        graph: an ONNX model.
    """

    manifest: bytes
    graph: bytes

    def write(self, directory: Path) -> None:
        """Write both files into `directory`, the manifest last; creates the directory if there is none."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in ((GRAPH, self.graph), (MANIFEST, self.manifest)):
            write_atomically(directory / name, content)

    @classmethod
    def read(cls, directory: Path) -> "Artifact":
        """Raises PolicyError: a file is missing or can't be read."""
        try:
            return cls((directory / MANIFEST).read_bytes(), (directory / GRAPH).read_bytes())
        except OSError as error:
            raise PolicyError(f"policy files missing or not readable in {directory}: {error}") from error


def write_atomically(path: Path, content: bytes, mode: int = _ANYBODY) -> None:
    """Write a file that readers see whole: as it was before, or with all of `content`.

    Args:
        mode: who may read and write it, less what the process's umask takes away.

    Raises:
        OSError: the file system does not take it.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with open(part, "wb", opener=partial(os.open, mode=mode)) as file:
        file.write(content)
    part.replace(path)
