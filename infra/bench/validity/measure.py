"""`bench validity`: how often a target that passed the gate is missed on new rows, over many draws.

A draw is a corpus, a teacher, a number of traces, a share of repeats and a seed: a uniform sample to learn
from, other rows to judge on, the teacher's labels on both. A row that is sent twice is there twice, as under
another id, and never among those judged. One fit tests all targets.

A target is missed where it passed the gate and agreement on the answered rows that are judged is below it.
The gate promises that for any target this happens in at most delta of all fits, were agreement known exactly;
here it is an estimate from some thousand rows. So each policy is also put behind a gate that tests thresholds
on as many fresh rows, and judged on the same rows: what an ideal gate shows in this measure.

A miss is significant where the exact test of `models.evaluate` rejects, at the level .05. Over F fits, each
counted at one target, where it passes C times, the significant misses number on average at most

    delta F  +  .05 C

The noisy teacher gives 8 % of all rows another label, so that no policy can agree with it on more than 92 %.
Two teachers can't be learned from: the corpus' own labels, shuffled, and a coin. There, no target from
.80 up should pass.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
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
from infra.bench.kinds import KINDS, chosen_kinds
from infra.bench.logged_fits import Work, run_fits
from infra.bench.report import Report, report
from infra.bench.request import BenchRequest
from infra.bench.results_log import DrawCell, FitRow, ResultsLog, Task
from infra.bench.tracer import rival
from infra.bench.tracer.environment import NAME, TRACER
from infra.bench.validity.counts import figures, tables
from infra.bench.validity.draws import REPEATED, SIZES, learnable, unlearnable
from infra.bench.validity.fits import FitResults, fit_kind, fit_rival
from infra.errors import MissingData

FitDraw = Callable[[Split, DrawCell], FitResults]
"""Fits a contestant on a draw from the pool."""


def measure(request: BenchRequest) -> Report:
    """Raises:
    InvalidFile, MissingData: see `infra.bench.corpora`, or a draw needs more rows than there are;
    InvalidFile, UnusableOutput: `infra.bench.results_log`.
    """
    pools = _pools(Path(request.folder), request.snips)
    python, absence_notes = TRACER.interpreter_if_wanted(request.tracer and request.rival_draws > 0)
    kinds = chosen_kinds(request.only or [kind.name for kind in KINDS])
    contestants: dict[str, FitDraw] = {kind.name: partial(fit_kind, kind) for kind in kinds}
    all_tasks = tasks(list(contestants), list(pools), request, python is not None)
    if python is not None:
        contestants[NAME] = partial(fit_rival, partial(rival.fit_tracer, python))
    _check_draws(all_tasks, pools)

    def works(task: Task) -> Work:
        name, cell = task
        return partial(_fit_row, contestants[name], pools[cell.corpus])

    log = ResultsLog(None if request.out is None else Path(request.out))
    beside = ResultsLog(None if request.beside is None else Path(request.beside))
    failed = run_fits(all_tasks, works, log, request.workers)
    entries = log.of(all_tasks)
    before = beside.matching(all_tasks)
    return report(figures(entries), tables(entries, before), (*absence_notes, *failed))


def tasks(ours: Sequence[str], corpora: Sequence[str], request: BenchRequest, tracer: bool) -> list[Task]:
    """All fits of the request; TRACER on the first draws of each size, without repeats."""
    sizes, repeated = request.sizes or SIZES, request.repeated or REPEATED
    cells = learnable(corpora, sizes, repeated, request.draws, request.noisy_draws)
    cells += unlearnable(BANKING77, request.noisy_draws)
    result = [(name, cell) for cell in cells for name in ours]
    if tracer:
        result += [(NAME, cell) for cell in learnable(corpora, sizes, (0.0,), request.rival_draws, 0)]
    return result


def _pools(folder: Path, snips: bool) -> dict[str, Split]:
    """Rows by name of the corpus."""
    pools = {BANKING77: whole_banking77(folder)}
    if snips:
        pools[SNIPS] = embed_split(whole_snips(folder), open_encoder(STATIC, folder))
    return pools


def _check_draws(all_tasks: Sequence[Task], pools: Mapping[str, Split]) -> None:
    for _, cell in all_tasks:
        if cell.size + 2 > len(pools[cell.corpus]):
            raise MissingData(
                f"{cell.corpus} has {len(pools[cell.corpus]):,} rows, too few to draw {cell.size:,} traces "
                "and to judge on others: name smaller sizes by --traces"
            )


def _fit_row(fit_draw: FitDraw, pool: Split, task: Task) -> FitRow:
    name, cell = task
    trial, fresh = fit_draw(pool, cell)
    return FitRow(name, cell, trial, fresh)
