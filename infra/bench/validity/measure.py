"""`bench validity`: how often what was certified turns out to be missed, over many resampled splits.

A draw is a corpus, a teacher, a number of traces and a seed: a uniform sample to learn from, all other rows
to judge on, the teacher's labels on both. The noisy teacher gives 8 % of all rows another label, so that no
policy can agree with it on more than 92 %, and a certificate for more than that is wrong.

What may be expected. A fit certifies a target that its policy does not meet with probability at most delta,
whatever the target. A policy that does meet it is called a violation with probability at most .05, for that
is the level of the exact test on the finite rows that it is judged on. So over F fits, each judged at one
target, with C certificates for it, the violations number on average at most

    delta F  +  .05 C

and delta F of them are what the promise itself allows. Fits that share rows, and targets that share a fit,
are not independent: the bound on the average stands all the same; one on the spread would not.

Two teachers can't be learned from: the corpus' own labels, shuffled, and a coin. There, nothing is to be
certified at any target from .80 up.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from infra.bench.banking import Split
from infra.bench.corpora import BANKING77, SNIPS, banking77, snips
from infra.bench.encoded import STATIC, embed_split, open_encoder
from infra.bench.kinds import chosen_kinds
from infra.bench.progress import print_progress
from infra.bench.report import Report, report
from infra.bench.request import BenchRequest
from infra.bench.tracer import rival
from infra.bench.tracer.environment import NAME, tracer_if_wanted
from infra.bench.trial import Contestant, Trial, run_trial
from infra.bench.validity.counts import figures, tables
from infra.bench.validity.draws import DrawCell, draw, learnable, unlearnable
from infra.bench.validity.results_log import Entry, ResultsLog, Task
from infra.errors import MissingData, TracerUnavailable


def measure(order: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `infra.bench.corpora`; InvalidFile,
    UnusableOutput: `infra.bench.validity.results_log`.
    """
    pools, notes = _pools(Path(order.folder))
    python, missing = tracer_if_wanted(order.tracer)
    contestants: dict[str, Contestant] = {
        kind.name: partial(run_trial, kind) for kind in chosen_kinds(order.only)
    }
    ours = tuple(contestants)
    if python is not None:
        contestants[NAME] = partial(rival.fit_tracer, python)
    wanted = tasks(ours, pools, order.draws, order.tracer_draws if python else 0)
    ledger = ResultsLog(None if order.out is None else Path(order.out))
    failed = _run([task for task in wanted if task not in ledger], contestants, pools, ledger, order.workers)
    judged = ledger.of(wanted)
    return report(figures(judged), tables(judged), (*notes, *missing, *failed))


def tasks(ours: Sequence[str], pools: Mapping[str, Split], draws: int, tracer_draws: int) -> list[Task]:
    """Everything to fit: each of ours on every draw whose corpus has what it reads, TRACER on the first.

    Of what can't be learned TRACER gets a tenth as many.
    """
    cells = learnable(list(pools), draws)
    fair = [cell for cell in cells if pools[cell.corpus].rows.embeddings is not None]
    hopeless = unlearnable(BANKING77, draws)
    found = [(name, cell) for cell in cells for name in ours if name == "text" or cell in fair]
    found += [(name, cell) for cell in hopeless for name in ours]
    rivals = [*fair[:tracer_draws], *(cell for cell in hopeless if cell.seed < tracer_draws // 10)]
    return [*found, *((NAME, cell) for cell in rivals)]


def _pools(folder: Path) -> tuple[dict[str, Split], tuple[str, ...]]:
    """By name of the corpus; and what is missing, in words."""
    found = {BANKING77: banking77(folder).pool}
    try:
        found[SNIPS] = snips(folder).pool
        found[SNIPS] = embed_split(found[SNIPS], open_encoder(STATIC, folder))
    except MissingData as problem:
        print_progress(str(problem))
        return found, (str(problem),)
    return found, ()


def _run(
    todo: Sequence[Task],
    contestants: Mapping[str, Contestant],
    pools: Mapping[str, Split],
    ledger: ResultsLog,
    workers: int,
) -> tuple[str, ...]:
    """Fit them all, and enter each as it is done. Returns a sentence for each failure of TRACER's."""
    failed: list[str] = []
    executor = ProcessPoolExecutor(workers, get_context("spawn"))
    try:
        waiting = {
            executor.submit(_tried, contestants[name], pools[cell.corpus], cell): (name, cell)
            for name, cell in todo
        }
        for count, done in enumerate(as_completed(waiting), 1):
            name, cell = waiting[done]
            print_progress(
                f"{count:,} of {len(todo):,}: {name} on {cell.size:,} of {cell.corpus}, {cell.teacher}"
            )
            try:
                ledger.add(Entry(name, cell, done.result()))
            except TracerUnavailable as problem:
                failed.append(str(problem))
    finally:
        executor.shutdown(cancel_futures=True)
    return tuple(failed)


def _tried(contestant: Contestant, pool: Split, cell: DrawCell) -> Trial:
    return contestant(*draw(cell, pool))
