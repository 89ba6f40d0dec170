"""Fold models that a trainer keeps for its next fits: those of the tasks fitted last, in bounded memory."""

from models.training.fold_models import FoldModels

MOST_BYTES = 256 << 20


class KeptFoldModels:
    """By task, the one fitted last at the end."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._by_task: dict[str, FoldModels] = {}

    def take(self, task: str) -> FoldModels | None:
        """Those of the task's last fit, which are kept no longer."""
        return self._by_task.pop(task, None)

    def keep(self, task: str, models: FoldModels) -> None:
        """Keep them instead of the task's earlier ones; what no longer fits beside them is dropped."""
        self._by_task.pop(task, None)
        self._by_task[task] = models
        size = sum(each.size for each in self._by_task.values())
        while size > self._most_bytes:
            size -= self._by_task.pop(next(iter(self._by_task))).size
