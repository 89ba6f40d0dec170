"""feedback: give the right labels of requests, so that `status` shows accuracy beside agreement."""

from collections.abc import Mapping, Set
from pathlib import Path
from typing import Annotated

import typer

from infra.console.column_options import FORMATS, IdColumn, LabelColumn
from infra.console.examples import examples
from infra.console.output import note
from infra.console.policy_options import ClientTask
from infra.errors import InvalidFile
from infra.files.columns import Columns
from infra.files.traces import read_traces
from infra.serve.config_topic import read_overrides
from infra.serve.servers import client_settings, default_task
from schemas.codec import LABEL
from schemas.config import config_of
from schemas.messages import Feedback, Label
from streams.clock import unix_ms
from streams.feedback import feedback_on, feedback_record, label_problem
from streams.kafka.topic_client import Reader, read_records, write_messages
from streams.label_set import LabelSet
from streams.settings import Settings

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "feedback checked.csv --task tickets", "feedback checked.csv --task tickets --label-column truth"
    )
)
def feedback(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help=f"An id and the right label of each request: {FORMATS}.", allow_dash=True
        ),
    ],
    task: ClientTask = None,
    label_column: LabelColumn = None,
    id_column: IdColumn = None,
    new_labels: Annotated[
        bool,
        typer.Option("--new-labels", help="Take labels too that `teacher.labels` does not list."),
    ] = False,
) -> None:
    """Give the right labels of requests, as people have found out.

    They are kept beside the answers of the last 7 days, and `status` shows how many answers were right. No
    certificate uses them: those are about agreement with the teacher. Refits learn from them only where
    `refit.use_feedback` is on.
    """
    settings = client_settings()
    name = task or default_task(settings)
    truths = _truths(file, Columns(None, label_column, id_column))
    if not new_labels:
        _check_labels(file, truths, LabelSet.of(config_of(name, read_overrides(settings)).teacher))
    answers, now = _answers(settings, name, truths.keys()), unix_ms()
    given = [
        feedback_on(answers[request], truth, now)
        if request in answers
        else Feedback(request, name, truth, now)
        for request, truth in truths.items()
    ]
    write_messages(settings, [feedback_record(settings.topics, one) for one in given])
    known = sum(one.answered is not None for one in given)
    note(f"{len(given):,} right labels written; {known:,} of their requests have a known answer")


def _truths(file: Path, columns: Columns) -> dict[str, str]:
    """The right label of each request. Raises InvalidFile: a row has no id, or there is none."""
    truths = {}
    for row, line in enumerate(read_traces(file, columns, texts=False), 1):
        if line.id is None:
            raise InvalidFile(f"{file}, row {row}: no id; feedback is about a request, known by its id")
        truths[str(line.id)] = line.label
    if not truths:
        raise InvalidFile(f"{file}: no row in it; expected an id and a label a row")
    return truths


def _check_labels(file: Path, truths: Mapping[str, str], labels: LabelSet) -> None:
    """Raises InvalidFile: a label is likely a typing error."""
    for request, truth in truths.items():
        if (problem := label_problem(truth, labels, is_new=False)) is not None:
            raise InvalidFile(f"{file}, id {request}: {problem}; --new-labels takes it all the same")


def _answers(settings: Settings, task: str, ids: Set[str]) -> dict[str, Label]:
    """The answers that clients have got, by id: a label, also where an error came after it."""
    reader = Reader(settings, settings.topics.labels, from_start=True)
    found: dict[str, Label] = {}
    for label, _ in read_records(reader, LABEL):
        if label.task == task and label.id in ids and label.label is not None:
            found[label.id] = label
    return found
