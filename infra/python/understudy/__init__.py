"""The Python interface: fit a policy from past answers of an LLM, and route texts by it.

    import understudy

    policy = understudy.fit("traces.jsonl", out="policy/")     # printed: coverage, or why it is refused
    router = understudy.Router("policy/", fallback=ask_llm, traces="traces.jsonl", audit_rate=0.02)
    router.predict("where is my parcel?").label

`fit` takes files, data frames, lists of dicts, or texts and labels, and returns a `Fit`. `Router` answers
what the policy answers, and asks `fallback` for the labels of the rest. Each answer is a `Prediction`.

What can go wrong:

    ModelError
    ├── TrainingError           traces that nothing can be learned from, or that can't be read
    ├── FitRefused              no target passed the gate, and the policy was asked for
    ├── PolicyError             a policy that can't be used: missing, damaged, too new
    ├── EmbedderError           an encoder that can't be opened, or that failed on texts
    │   ├── TextRefused         an encoder that takes others does not take this text
    │   └── InvalidSpec         an `embedder` that is not in the grammar
    └── FallbackError           the fallback did not give what was asked of it
        ├── InvalidAnswer       it answered other than one label a text
        └── PartlyAnswered      it failed for some texts of a call; keeps the answers to the others

What the fallback itself raises for a single text reaches the caller as it is.

Importing this loads nothing heavy: each name is loaded when it is first used, and what learns only by `fit`.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.notebook.fit_traces import Fit, fit
    from models.errors import (
        EmbedderError,
        FitRefused,
        InvalidSpec,
        ModelError,
        PolicyError,
        TextRefused,
        TrainingError,
    )
    from models.router.errors import FallbackError, InvalidAnswer, PartlyAnswered
    from models.router.fallback import per_text
    from models.router.prediction import Prediction
    from models.router.router import Router
    from models.training.options import Options

__all__ = [
    "EmbedderError",
    "FallbackError",
    "Fit",
    "FitRefused",
    "InvalidAnswer",
    "InvalidSpec",
    "ModelError",
    "Options",
    "PartlyAnswered",
    "PolicyError",
    "Prediction",
    "Router",
    "TextRefused",
    "TrainingError",
    "fit",
    "per_text",
]

_MODULES = {
    "Fit": "infra.notebook.fit_traces",
    "fit": "infra.notebook.fit_traces",
    "Options": "models.training.options",
    "Router": "models.router.router",
    "Prediction": "models.router.prediction",
    "per_text": "models.router.fallback",
    "FallbackError": "models.router.errors",
    "InvalidAnswer": "models.router.errors",
    "PartlyAnswered": "models.router.errors",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in __all__:
        raise AttributeError(f"module 'understudy' has no attribute {name!r}")
    value = getattr(import_module(_MODULES.get(name, "models.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _version() -> str:
    try:
        return version("understudy")
    except PackageNotFoundError:
        return "0+unknown"
