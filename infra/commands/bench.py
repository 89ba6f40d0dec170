"""`understudy bench`: the figures of the README, a subcommand for each group. `infra.bench` measures them."""

from pathlib import Path
from typing import Annotated

import typer

from infra.bench.corpora import data_folder, likely_folder
from infra.bench.report import LEAST_RUNS
from infra.bench.request import BenchRequest
from infra.bench.shad0wllm.environment import NAME as SHAD0WLLM_NAME
from infra.bench.tracer.environment import NAME as TRACER_NAME
from infra.console.benchmark import run_benchmark, show
from infra.console.examples import examples
from infra.console.output import AsJson
from streams.latency_settings import Latency

commands = typer.Typer()
bench = typer.Typer(help="Measure; each figure has a reference from the same run.", no_args_is_help=True)
commands.add_typer(bench, name="bench")

Data = Annotated[
    Path | None, typer.Option(help="Folder with banking77_{train,test}.jsonl and their .minilm.f16.npy.")
]
Runs = Annotated[int, typer.Option(min=LEAST_RUNS, help="Number of runs; medians are shown.")]
Tracer = Annotated[bool, typer.Option(help="Measure TRACER too, in an environment of its own.")]
Shad0wllm = Annotated[
    bool, typer.Option(help="Measure shad0wllm too, in an environment of its own, with torch.")
]
Only = Annotated[list[str], typer.Option(help="Kind of policy to measure; may be given several times.")]

Sizes = Annotated[
    list[int], typer.Option(min=2, help="Number of traces to fit on; may be given several times.")
]
Workers = Annotated[int, typer.Option(min=1, help="Processes that fit at the same time.")]
Out = Annotated[Path | None, typer.Option(help="Keep each fit in this file, and continue from it.")]


@bench.command(epilog=examples("bench policy", "bench policy --json"))
def policy(
    data: Data = None,
    runs: Runs = 5,
    only: Only = [],  # noqa: B006 - typer copies it
    tracer: Tracer = True,
    json: AsJson = False,
) -> None:
    """CPU that it takes to score a row, at batches of 1, 32 and 256."""
    show(run_benchmark("policy", BenchRequest(str(data_folder(data)), runs, tuple(only), tracer)), json)


@bench.command(epilog=examples("bench fit --quick", "bench fit --traces 500 --only text --rival-orders 0"))
def fit(
    data: Data = None,
    orders: Annotated[int, typer.Option(min=1, help="Orders of rows; their mean is shown.")] = 5,
    rival_orders: Annotated[
        int, typer.Option(min=0, help="Orders that other libraries are fitted on too; 0 for none.")
    ] = 5,
    traces: Sizes = [],  # noqa: B006 - typer copies it
    runs: Runs = LEAST_RUNS,
    only: Only = [],  # noqa: B006 - typer copies it
    tracer: Tracer = True,
    shad0wllm: Shad0wllm = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the timing of cold and warm fits.")
    ] = False,
    workers: Workers = 1,
    out: Out = None,
    json: AsJson = False,
) -> None:
    """Coverage and time of fits of Banking77, with many and with few traces."""
    wanted = {TRACER_NAME: tracer, SHAD0WLLM_NAME: shad0wllm}
    request = BenchRequest(
        str(data_folder(data)),
        runs,
        tuple(only),
        quick=quick,
        draws=orders,
        rival_draws=rival_orders,
        without=tuple(name for name, is_wanted in wanted.items() if not is_wanted),
        sizes=tuple(traces),
        workers=workers,
        out=None if out is None else str(out),
    )
    show(run_benchmark("fit", request), json)


@bench.command(epilog=examples("bench scope", "bench scope --json"))
def scope(
    data: Data = None,
    only: Only = [],  # noqa: B006 - typer copies it
    tracer: Tracer = True,
    json: AsJson = False,
) -> None:
    """Share of another service's requests that a policy answers, and what its gate against novelty costs."""
    show(run_benchmark("scope", BenchRequest(str(data_folder(data)), only=tuple(only), tracer=tracer)), json)


@bench.command(epilog=examples("bench growth", "bench growth --json"))
def growth(
    data: Data = None,
    most: Annotated[int, typer.Option(min=1_000, help="Largest number of traces.")] = 100_000,
    only: Only = [],  # noqa: B006 - typer copies it
    json: AsJson = False,
) -> None:
    """Time and memory of a fit, cold and warm, as traces grow in number."""
    show(run_benchmark("growth", BenchRequest(str(data_folder(data)), only=tuple(only), most=most)), json)


@bench.command(epilog=examples("bench validity", "bench validity --traces 500 --repeated 0.5 --workers 2"))
def validity(
    data: Data = None,
    draws: Annotated[int, typer.Option(min=0, help="Draws in each cell.")] = 40,
    noisy_draws: Annotated[
        int, typer.Option(min=0, help="Draws with each teacher who errs or can't be learned.")
    ] = 5,
    tracer_draws: Annotated[int, typer.Option(min=0, help="Draws of each size for TRACER too.")] = 0,
    traces: Sizes = [],  # noqa: B006 - typer copies it
    repeated: Annotated[
        list[float],
        typer.Option(min=0, max=1, help="Share of texts sent twice; may be given several times."),
    ] = [],  # noqa: B006 - typer copies it
    snips: Annotated[bool, typer.Option("--snips", help="Measure on Snips too.")] = False,
    workers: Workers = 1,
    out: Out = None,
    beside: Annotated[
        Path | None, typer.Option(help="Show the figures of this file, which another release has kept, too.")
    ] = None,
    only: Only = [],  # noqa: B006 - typer copies it
    json: AsJson = False,
) -> None:
    """How often a target that passed the gate is missed on new rows, over many draws."""
    request = BenchRequest(
        str(data_folder(data)),
        only=tuple(only),
        draws=draws,
        rival_draws=tracer_draws,
        noisy_draws=noisy_draws,
        sizes=tuple(traces),
        repeated=tuple(repeated),
        snips=snips,
        workers=workers,
        out=None if out is None else str(out),
        beside=None if beside is None else str(beside),
    )
    show(run_benchmark("validity", request), json)


@bench.command(epilog=examples("bench route", "bench route --json"))
def route(data: Data = None, runs: Runs = LEAST_RUNS, json: AsJson = False) -> None:
    """Throughput of a routing worker on a real Kafka, compared with a bare loop and stock Faust."""
    folder = likely_folder(None) if data is None else data_folder(data)
    show(run_benchmark("route", BenchRequest(str(folder), runs)), json)


@bench.command(epilog=examples("bench processes", "bench processes --json"))
def processes(data: Data = None, runs: Runs = LEAST_RUNS, json: AsJson = False) -> None:
    """Throughput of 1, 2 and 4 routers of one host over 8 partitions, on a real Kafka."""
    folder = likely_folder(None) if data is None else data_folder(data)
    show(run_benchmark("processes", BenchRequest(str(folder), runs)), json)


@bench.command(epilog=examples("bench latency", "bench latency --rate 50 --only exactly_once --latency low"))
def latency(
    data: Data = None,
    runs: Runs = LEAST_RUNS,
    rate: Annotated[
        list[int], typer.Option(min=1, max=20_000, help="Requests a second; may be given several times.")
    ] = [],  # noqa: B006 - typer copies it
    only: Annotated[
        list[str], typer.Option(help="exactly_once or at_least_once; may be given several times.")
    ] = [],  # noqa: B006 - typer copies it
    latency: Annotated[
        list[Latency], typer.Option(help="Value of the setting `latency`; may be given several times.")
    ] = [Latency.BALANCED],  # noqa: B006
    json: AsJson = False,
) -> None:
    """Milliseconds from request to label, by rate and delivery mode, beside a bare Kafka loop."""
    folder = likely_folder(None) if data is None else data_folder(data)
    levels = tuple(level.value for level in latency)
    request = BenchRequest(str(folder), runs, tuple(only), sizes=tuple(rate), levels=levels)
    show(run_benchmark("latency", request), json)


@bench.command(epilog=examples("bench encoders", "bench encoders --json"))
def encoders(runs: Runs = LEAST_RUNS, json: AsJson = False) -> None:
    """Latency of a task that needs no encoder beside one whose encoder hangs, on a real Kafka."""
    show(run_benchmark("encoders", BenchRequest(runs=runs)), json)


@bench.command(epilog=examples("bench probes", "bench probes --traces 500"))
def probes(
    data: Data = None,
    traces: Annotated[int, typer.Option(min=200, help="Traces to fit on; half as many test.")] = 1_500,
    out: Annotated[
        Path | None,
        typer.Option(metavar="PREFIX", help="Keep the states in PREFIX.*.npz, or read them there."),
    ] = None,
    json: AsJson = False,
) -> None:
    """What a policy answers that reads a small LLM's hidden states, beside text and MiniLM vectors."""
    kept = None if out is None else str(out)
    show(run_benchmark("probes", BenchRequest(str(data_folder(data)), sizes=(traces,), out=kept)), json)


@bench.command(epilog=examples("bench criteria", "bench criteria --texts 48"))
def criteria(
    texts: Annotated[int, typer.Option(min=8, help="Texts that each contestant reads in a run.")] = 24,
    runs: Runs = LEAST_RUNS,
    json: AsJson = False,
) -> None:
    """What a small LLM takes to read a text for three tasks, with a prompt each and with one for all."""
    show(run_benchmark("criteria", BenchRequest(runs=runs, sizes=(texts,))), json)


@bench.command(epilog=examples("bench rebalance", "bench rebalance --runs 3"))
def rebalance(runs: Runs = 5, json: AsJson = False) -> None:
    """How long partitions stand still while a second router joins, by each group protocol of Kafka."""
    show(run_benchmark("rebalance", BenchRequest(runs=runs)), json)


@bench.command(epilog=examples("bench idle", "bench idle --minutes 2"))
def idle(
    runs: Runs = LEAST_RUNS,
    minutes: Annotated[float, typer.Option(min=0.05, help="For so long each run looks on.")] = 0.5,
    json: AsJson = False,
) -> None:
    """CPU, memory, threads and wake-ups of each role while nothing happens, on a real Kafka and Redis."""
    show(run_benchmark("idle", BenchRequest(runs=runs, minutes=minutes)), json)


@bench.command(epilog=examples("bench guarantee", "bench guarantee --json"))
def guarantee(
    streams: Annotated[
        int, typer.Option(min=10, help="Simulated streams; and a tenth as many lives of a task.")
    ] = 2000,
    json: AsJson = False,
) -> None:
    """How often a certificate or an alarm is false, and how many audits it takes, on simulated audits."""
    show(run_benchmark("guarantee", BenchRequest(streams=streams)), json)


@bench.command(epilog=examples("bench drift", "bench drift --json"))
def drift(
    data: Data = None,
    runs: Annotated[
        int, typer.Option(min=1, help="Number of runs, each with another order of the rows.")
    ] = 1,
    only: Annotated[
        list[str], typer.Option(help="Drift to measure: swapped, new or model; may be given several times.")
    ] = [],  # noqa: B006 - typer copies it
    json: AsJson = False,
) -> None:
    """Effects of drift on the whole system on a real Kafka and Redis, with audits and without."""
    show(run_benchmark("drift", BenchRequest(str(data_folder(data)), runs, tuple(only))), json)


@bench.command(epilog=examples("bench teacher", "bench teacher --only hanging"))
def teacher(
    data: Data = None,
    only: Annotated[
        list[str],
        typer.Option(help="Scenario to measure, such as backlog or storm; may be given several times."),
    ] = [],  # noqa: B006 - typer copies it
    json: AsJson = False,
) -> None:
    """The whole system behind a teacher that is slow, hangs, or whose worker is killed."""
    show(run_benchmark("teacher", BenchRequest(str(data_folder(data)), only=tuple(only))), json)


@bench.command(epilog=examples("bench faults", "bench faults --only kafka"))
def faults(
    only: Annotated[
        list[str],
        typer.Option(help="Fault to measure, such as kafka or slow; may be given several times."),
    ] = [],  # noqa: B006 - typer copies it
    json: AsJson = False,
) -> None:
    """A gateway while Kafka, Redis, an LLM or its clients fail."""
    show(run_benchmark("faults", BenchRequest(only=tuple(only))), json)


@bench.command(epilog=examples("bench gateway", "bench gateway --only answered --no-tracer"))
def gateway(
    data: Data = None,
    runs: Runs = LEAST_RUNS,
    only: Annotated[
        list[str],
        typer.Option(
            help="answered, passed-on, same-stream, tracer or shad0wllm; may be given several times."
        ),
    ] = [],  # noqa: B006 - typer copies it
    tracer: Tracer = True,
    shad0wllm: Shad0wllm = True,
    json: AsJson = False,
) -> None:
    """Calls a second and latencies of the gateway over HTTP, beside a constant and two rivals' servers."""
    without = () if shad0wllm else ("shad0wllm",)
    request = BenchRequest(str(data_folder(data)), runs, tuple(only), tracer, without=without)
    show(run_benchmark("gateway", request), json)


@bench.command(epilog=examples("bench dashboard", "bench dashboard --minutes 10"))
def dashboard(
    runs: Runs = LEAST_RUNS,
    minutes: Annotated[float, typer.Option(min=0.1, help="For so long 20 watchers watch.")] = 3.0,
    json: AsJson = False,
) -> None:
    """Time, bytes, CPU and memory of the dashboard with 200 tasks and 20 watchers; its page in Chromium."""
    show(run_benchmark("dashboard", BenchRequest(runs=runs, minutes=minutes)), json)


@bench.command(epilog=examples("bench chaos", "bench chaos --faults 15 --longest 8 --seed 7"))
def chaos(
    faults: Annotated[int, typer.Option(min=1, help="Faults to inject.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the plan of faults; the same seed, the same plan.")] = 1,
    minutes: Annotated[float, typer.Option(min=0.1, help="No fault begins later than this.")] = 60.0,
    longest: Annotated[
        float, typer.Option(min=2, help="Longest time that a server or an endpoint fails, in seconds.")
    ] = 60.0,
    json: AsJson = False,
) -> None:
    """Random faults under a stream: is anything lost, doubled, miscounted, or certified without proof?"""
    show(
        run_benchmark("chaos", BenchRequest(faults=faults, seed=seed, minutes=minutes, longest=longest)),
        json,
    )
