"""TRACER, pinned."""

from typing import Final

from infra.bench.rival_library import RivalLibrary

NAME: Final = "TRACER 0.3.3"
TRACER: Final = RivalLibrary(
    NAME,
    "tracer",
    (
        "tracer-llm==0.3.3",
        "cloudpickle==3.1.2",
        "joblib==1.6.0",
        "narwhals==2.29.0",
        "numpy==2.0.2",
        "scikit-learn==1.9.1",
        "scipy==1.17.1",
        "threadpoolctl==3.8.0",
    ),
)
