"""Label set of a task: which labels the teacher may give now, and what a change of them means.

The rule, for a task whose config lists `teacher.labels`; a task that lists none may have any label, and only
renaming applies to it:

- A label that is **removed** is never answered again from the moment at which a router reads the config. Its
  traces neither train nor certify. Traces from before the last of them do not certify either: a sample
  without them is no sample of the traffic. The prompt is another one, so it is another teacher with another
  certificate.
- A label that is **added** is new to a version whose fit has not seen it (`streams.trainer.trace_labels`).
  Until another version is live, nothing is certified, and more is audited or everything deferred
  (`label_added`). This is another teacher, too. To a version that does not say what its teacher could give,
  as those of earlier releases and those that `fit` makes from a file, no label is new.
- A label that is **renamed** (`teacher.labels_renamed`) keeps its meaning, so traces, policy and certificate
  are kept: everything that holds the old name is read as if it held the new one. The teacher's identity is
  made of the first name of each label. Two labels that get one name make another teacher, with fewer labels.

The teacher's own reply to a question from before a change may still hold a removed label.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from msgspec.structs import replace

from models.manifest import Manifest
from schemas.config import TeacherConfig
from schemas.messages import Answer, Guess, Trace


@dataclass(frozen=True)
class LabelSet:
    """The labels of a task, by their names of today.

    Attributes:
        names: empty if any label is allowed.
        renamed: new names by old ones.
    """

    names: tuple[str, ...]
    renamed: Mapping[str, str]

    @cached_property
    def _allowed(self) -> frozenset[str]:
        return frozenset(self.names)

    @classmethod
    def of(cls, teacher: TeacherConfig) -> "LabelSet":
        names = (teacher.labels_renamed.get(label, label) for label in teacher.labels)
        return cls(tuple(dict.fromkeys(names)), teacher.labels_renamed)

    def current(self, label: str) -> str:
        """The label's name of today."""
        return self.renamed.get(label, label)

    def allows(self, label: str) -> bool:
        """Whether the teacher may give the label, under this name or an old one."""
        return not self.names or self.current(label) in self._allowed

    def current_trace(self, trace: Trace) -> Trace:
        """The trace with the names of today."""
        first = trace.first
        held = (trace.label, *(one.label for one in (trace.guess, trace.shadow, first) if one is not None))
        if self.renamed.keys().isdisjoint(held):
            return trace
        return replace(
            trace,
            label=self.current(trace.label),
            guess=self.current_guess(trace.guess),
            shadow=self.current_guess(trace.shadow),
            first=None if first is None else Answer(self.current(first.label), first.teacher),
        )

    def current_guess(self, guess: Guess | None) -> Guess | None:
        """The guess with the label's name of today."""
        if guess is None or guess.label not in self.renamed:
            return guess
        return replace(guess, label=self.current(guess.label))

    def new_to(self, known: Collection[str] | None) -> tuple[str, ...]:
        """The labels that a policy can't know.

        Args:
            known: see `known_labels`.
        """
        if known is None:
            return ()
        names = {self.current(label) for label in known}
        return tuple(label for label in self.names if label not in names)

    def removed_of(self, manifest: Manifest) -> frozenset[str]:
        """The labels that a policy would give and that the teacher may not give any more."""
        return frozenset(self.current(label) for label in manifest.labels if not self.allows(label))

    def first_names(self, labels: Iterable[str]) -> list[str]:
        """The labels by the first name that each of them had, each once, in their order."""
        first: dict[str, str] = {}
        for old, new in self.renamed.items():
            first.setdefault(new, old)
        return list(dict.fromkeys(first.get(label, label) for label in map(self.current, labels)))


def known_labels(manifest: Manifest) -> frozenset[str] | None:
    """The labels that a policy knows; None where its manifest does not say what was offered.

    A label that was offered all along and never given is one of them: the traces show how rare it is.
    """
    return None if manifest.offered is None else frozenset((*manifest.labels, *manifest.offered))
