"""SmolLM2 behind HTTP in a process of its own, so that its threads are counted apart from those of a test.

`python -m infra.harness.language_model_process` says its URL once it serves, and ends at SIGTERM.
"""

import signal
import threading

from infra.errors import MissingData
from infra.harness.language_model import LanguageModel, LanguageModelServer, checkpoint_file
from models.language_model.checkpoint import read_checkpoint

SERVES = "language model serves: url="


def main() -> None:
    """Raises MissingData: the model is not there."""
    file = checkpoint_file()
    if file is None:
        raise MissingData("no SmolLM2: `make model` fetches it")
    is_over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_over.set())
    with LanguageModelServer(LanguageModel(read_checkpoint(file))) as server:
        print(f"{SERVES}{server.url}", flush=True)  # noqa: T201 - a process says it to who has started it
        is_over.wait()


if __name__ == "__main__":
    main()
