"""dead-letters: list what could not be processed, show a message whole, and send messages again."""

import sys
from dataclasses import replace
from typing import Annotated

import typer

from infra.console.examples import examples
from infra.console.letter_lines import (
    letter_summary,
    replay_line,
    replay_summary,
    table_lines,
    whole_letter,
)
from infra.console.output import AsJson, customers_data, line, note, result
from infra.console.policy_options import task_name
from infra.console.since_option import Since
from infra.serve.forgotten_requests import forgotten_requests
from infra.serve.servers import client_settings, redis_connection
from streams.dead_letters.letters import LetterFilter, Position, index_letters, read_letter, read_letters
from streams.dead_letters.replay_run import run_replay
from streams.settings import Role
from streams.wording import counted

commands = typer.Typer()

dead_letters = typer.Typer(help="List what could not be processed, and send it again.", no_args_is_help=True)
commands.add_typer(dead_letters, name="dead-letters")


def _position(text: str) -> Position:
    try:
        return Position.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Reason = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Only those whose reason has this text in it.")
]
Stage = Annotated[Role | None, typer.Option(help="Only those that this role gave up on.")]
Task = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only those of this task.", callback=task_name)
]
One = Annotated[
    Position,
    typer.Argument(metavar="POSITION", parser=_position, help="Partition and offset, such as 2:17."),
]
Some = Annotated[
    list[Position] | None,
    typer.Argument(
        metavar="POSITION", parser=_position, help="Only these; by default all that were not replayed."
    ),
]


@dead_letters.command(
    "list", epilog=examples("dead-letters list", "dead-letters list --stage learn --since 2h --json")
)
def dead_letters_list(
    reason: Reason = None,
    stage: Stage = None,
    task: Task = None,
    since: Since = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were replayed since.")] = False,
    json: AsJson = False,
) -> None:
    """Show position, time, stage, reason, task and id of each, oldest first."""
    settings, wanted = client_settings(), LetterFilter(reason, stage, task, since)
    index = index_letters(settings)
    found = [
        replace(letter, value=None, headers=[])  # many letters fit into memory without their messages
        for letter in read_letters(settings, index)
        if wanted.suits(letter) and (every or letter.position not in index.replayed)
    ]
    found.sort(key=lambda letter: (letter.at, letter.position))
    if json:
        replayed = [letter.position in index.replayed for letter in found]
        result(
            {
                "letters": [
                    letter_summary(letter) | {"replayed": again}
                    for letter, again in zip(found, replayed, strict=True)
                ]
            }
        )
        return
    for text in table_lines(found, index.replayed) if found else ():
        line(text)
    note(counted(len(found), "dead letter"))


@dead_letters.command("show", epilog=examples("dead-letters show 2:17", "dead-letters show 2:17 --raw"))
def dead_letters_show(
    position: One,
    raw: Annotated[bool, typer.Option("--raw", help="Print the message's bytes and nothing else.")] = False,
) -> None:
    """Print one as JSON: why and where it failed, its key, headers and value.

    Exit status 1 where there is none at this position, and with --raw where it holds no message.
    """
    letter = read_letter(client_settings(), position)
    if letter is None:
        note(f"there is no dead letter at {position}; `understudy dead-letters list` shows the positions")
        raise typer.Exit(1)
    if not raw:
        customers_data(whole_letter(letter))
    elif letter.value is None:
        note(f"the dead letter at {position} holds no message: it was too large, or texts are masked")
        raise typer.Exit(1)
    else:
        sys.stdout.buffer.write(letter.value)
        sys.stdout.buffer.flush()


@dead_letters.command(
    "replay",
    epilog=examples(
        "dead-letters replay --stage learn --since 2h",
        "dead-letters replay --stage learn --since 2h --yes",
        "dead-letters replay 2:17 2:18 --yes",
    ),
)
def dead_letters_replay(
    positions: Some = None,
    reason: Reason = None,
    stage: Stage = None,
    task: Task = None,
    since: Since = None,
    yes: Annotated[bool, typer.Option("--yes", help="Send; without it nothing is sent.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also what failed again after 3 replays, was replayed before, or has a label by now.",
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Send messages again to the topic that they came from; without --yes, say what would be sent.

    Where the teacher failed, the request is asked again from the start, and its label supersedes the error.
    What is to be forgotten is not sent, and texts are masked as the settings say. Exit status 1 where
    nothing matches, or something is refused.
    """
    settings, wanted = client_settings(), LetterFilter(reason, stage, task, since, frozenset(positions or ()))
    done, refused, summaries = 0, 0, []
    for replay in run_replay(
        settings, forgotten_requests(settings), redis_connection, wanted, force=force, send=yes
    ):
        done += replay.refusal is None
        refused += replay.refusal is not None
        if json:
            summaries.append(replay_summary(replay))
        else:
            line(replay_line(replay, yes))
    if json:
        result({"sent": yes, "replays": summaries})
    note(_summary(done, refused, yes))
    if refused or not done:
        raise typer.Exit(1)


def _summary(sent: int, refused: int, yes: bool) -> str:
    if not sent and not refused:
        return "no dead letter matches"
    if yes:
        return f"{sent:,} sent, {refused:,} refused"
    return f"{sent:,} would be sent, {refused:,} refused; nothing was sent: add --yes"
