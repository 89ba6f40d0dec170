"""encoders: list the encoders behind addresses that workers have met, and forget one that was changed."""

from typing import Annotated

import typer

from infra.console.examples import examples
from infra.console.output import AsJson, line, note, result
from infra.serve.servers import ask_redis, client_settings
from streams.state.encoder_references import EncoderReferences

commands = typer.Typer()

encoders = typer.Typer(
    help="List the encoders behind addresses that workers have met, and forget one that was changed.",
    no_args_is_help=True,
)
commands.add_typer(encoders, name="encoders")


@encoders.command("list", epilog=examples("encoders list", "encoders list --json"))
def encoders_list(json: AsJson = False) -> None:
    """Show the ids of the encoders, and how many numbers a vector of each has."""
    found = ask_redis(client_settings(), EncoderReferences, EncoderReferences.dimensions)
    if json:
        result({"encoders": [{"id": name, "dimension": found[name]} for name in sorted(found)]})
        return
    for name in sorted(found):
        line(f"{name}  {found[name]:,} numbers")
    if not found:
        line("no encoders behind addresses: no worker has opened one yet")


@encoders.command("forget", epilog=examples("encoders forget probe:llama@6f1d0c2b9a8e7f35"))
def encoders_forget(
    name: Annotated[str, typer.Argument(metavar="ID", help="As `encoders list` shows it.")],
) -> None:
    """Forget how an encoder's vectors were; the next worker to open it takes it as it is then.

    Policies that were fitted with the old model read the new one's vectors from then on, so pause their tasks
    or roll them back before, unless the two models differ in speed alone.
    """
    if not ask_redis(client_settings(), EncoderReferences, lambda references: references.forget(name)):
        note(f"there is no encoder {name}; `understudy encoders list` shows them")
        raise typer.Exit(1)
    note(f"{name} is forgotten: workers open it again within a minute, whatever its vectors are")
