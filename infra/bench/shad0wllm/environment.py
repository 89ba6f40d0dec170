"""shad0wllm, pinned, with torch, which it trains its hidden layer with. That is gigabytes on Linux."""

from typing import Final

from infra.bench.rival_library import RivalLibrary

NAME: Final = "shad0wllm 0.4.0"
SHAD0WLLM: Final = RivalLibrary(
    NAME,
    "shad0wllm",
    (
        "shad0wllm[torch]==0.4.0",
        "joblib==1.6.0",
        "narwhals==2.29.0",
        "numpy==2.4.6",
        "scikit-learn==1.9.1",
        "scipy==1.17.1",
        "threadpoolctl==3.8.0",
        "torch==2.15.0",
    ),
)
