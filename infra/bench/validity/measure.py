"""`bench validity`: how often a target that passed the gate is missed on new rows, over many splits.

A draw is a corpus, a teacher, a number of traces and a seed: a uniform sample to learn from, all other rows
to judge on, the teacher's labels on both. The noisy teacher gives 8 % of all rows another label, so that no
policy can agree with it on more than 92 %, and a higher target passes wrongly.

What to expect. For any target, a fit lets it pass although its policy does not meet it with probability at
most delta. A policy that does meet it is called a violation with probability at most .05, for that
is the level of the exact test on the finite rows that it is entries on. So over F fits, each entries at one
target, where it passes C times, the violations number on average at most

    delta F  +  .05 C

and delta F of them are what the gate itself allows. Fits that share rows, and targets that share a fit,
are not independent: the bound on the average holds all the same; one on the spread would not.

Two teachers can't be learned from: the corpus' own labels, shuffled, and a coin. There, no target from
.80 up should pass.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from infra.bench.corpora import (
    BANKING77,
    SNIPS,
    STATIC,
    Split,
    embed_split,
    open_encoder,
    whole_banking77,
    whole_snips,
)
from infra.bench.kinds import chosen_kinds
from infra.bench.process import print_progress
from infra.bench.report import Report, report
from infra.bench.request import BenchRequest
from infra.bench.tracer import rival
from infra.bench.tracer.environment import NAME, tracer_if_wanted
from infra.bench.trial import Contestant, Trial, run_trial
from infra.bench.validity.counts import figures, tables
from infra.bench.validity.draws import DrawCell, draw, learnable, unlearnable
from infra.bench.validity.results_log import FitRow, ResultsLog, Task
from infra.errors import MissingData, TracerUnavailable


def measure(request: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `infra.bench.corpora`; InvalidFile,
    UnusableOutput: `infra.bench.validity.results_log`.
    """
    pools, encoder_notes = _pools(Path(request.folder))
    python, absence_notes = tracer_if_wanted(request.tracer)
    contestants: dict[str, Contestant] = {
        kind.name: partial(run_trial, kind) for kind in chosen_kinds(request.only)
    }
    ours = tuple(contestants)
    if python is not None:
        contestants[NAME] = partial(rival.fit_tracer, python)
    all_tasks = tasks(ours, pools, request.draws, request.tracer_draws if python else 0)
    log = ResultsLog(None if request.out is None else Path(request.out))
    failed = _run_all(
        [task for task in all_tasks if task not in log], contestants, pools, log, request.workers
    )
    entries = log.of(all_tasks)
    return report(figures(entries), tables(entries), (*encoder_notes, *absence_notes, *failed))


def tasks(ours: Sequence[str], pools: Mapping[str, Split], draws: int, tracer_draws: int) -> list[Task]:
    """All fits: each kind of ours on every draw whose corpus has what it reads, TRACER on the first of them.

    TRACER gets a tenth as many draws of labels that can't be learned.
    """
    cells = learnable(list(pools), draws)
    with_vectors = [cell for cell in cells if pools[cell.corpus].rows.embeddings is not None]
    unlearnable_cells = unlearnable(BANKING77, draws)
    ours_tasks = [(name, cell) for cell in cells for name in ours if name == "text" or cell in with_vectors]
    ours_tasks += [(name, cell) for cell in unlearnable_cells for name in ours]
    tracer_cells = [
        *with_vectors[:tracer_draws],
        *(cell for cell in unlearnable_cells if cell.seed < tracer_draws // 10),
    ]
    return [*ours_tasks, *((NAME, cell) for cell in tracer_cells)]


def _pools(folder: Path) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Rows by name of the corpus; and a sentence about what is missing."""
    pools = {BANKING77: whole_banking77(folder)}
    try:
        pools[SNIPS] = whole_snips(folder)
        pools[SNIPS] = embed_split(pools[SNIPS], open_encoder(STATIC, folder))
    except MissingData as problem:
        print_progress(str(problem))
        return pools, (str(problem),)
    return pools, ()


def _run_all(
    todo: Sequence[Task],
    contestants: Mapping[str, Contestant],
    pools: Mapping[str, Split],
    log: ResultsLog,
    workers: int,
) -> tuple[str, ...]:
    """Fit them all, and log each as it is done. Returns a sentence for each failure of TRACER's."""
    failed: list[str] = []
    executor = ProcessPoolExecutor(workers, get_context("spawn"))
    try:
        waiting = {
            executor.submit(_run_task, contestants[name], pools[cell.corpus], cell): (name, cell)
            for name, cell in todo
        }
        for count, done in enumerate(as_completed(waiting), 1):
            name, cell = waiting[done]
            print_progress(
                f"{count:,} of {len(todo):,}: {name} on {cell.size:,} of {cell.corpus}, {cell.teacher}"
            )
            try:
                log.add(FitRow(name, cell, done.result()))
            except TracerUnavailable as problem:
                failed.append(str(problem))
    finally:
        executor.shutdown(cancel_futures=True)
    return tuple(failed)


def _run_task(contestant: Contestant, pool: Split, cell: DrawCell) -> Trial:
    return contestant(*draw(cell, pool))
