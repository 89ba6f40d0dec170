"""explain: what became of one request, and why."""

from typing import Annotated

import typer

from infra.console.examples import examples
from infra.console.output import AsJson, line, note, result
from infra.console.policy_options import TaskArgument, encodable_text
from infra.console.request_lines import explain_request, explanation_report, request_lines
from infra.serve.request_search import search_request
from infra.serve.servers import client_settings

commands = typer.Typer()


@commands.command(epilog=examples("explain shop ticket-4711", "explain shop ticket-4711 --json"))
def explain(
    task: TaskArgument,
    request: Annotated[str, typer.Argument(metavar="ID", help="Id of a request.", callback=encodable_text)],
    json: AsJson = False,
) -> None:
    """Show what became of one request, and why: label, score, threshold, version, audit and trace.

    Looks at the newest 50,000 messages of each topic. Exit status 1: none of them is about the request.
    """
    found = search_request(client_settings(), task, request)
    if not found.is_known:
        looked = ", ".join(f"{count:,} of {topic}" for topic, count in found.looked_at.items())
        note(
            f"nothing is known of request {request!r} of task {task}: it is not among the newest messages "
            f"({looked}); `understudy consume labels --from-start --no-follow` prints all labels"
        )
        raise typer.Exit(1)
    explained = explain_request(task, request, found)
    if json:
        result(explanation_report(explained))
        return
    for text in request_lines(explained):
        line(text)
