"""keys: make, list and revoke the keys with which apps call the gateway."""

from typing import Annotated

import msgspec
import typer

from infra.console.examples import examples
from infra.console.output import AsJson, customers_data, line, note, raw_line, result
from infra.serve.servers import ask_redis, client_settings
from schemas.api_keys import ApiKey, KeyName
from schemas.chat import MODES, Mode
from schemas.config import EVERY_TASK, task_of
from schemas.errors import SchemaError
from streams.clock import unix_ms
from streams.gateway.keys import create_key
from streams.state.api_keys import ApiKeys
from streams.status.sentences import local_time

commands = typer.Typer()

keys = typer.Typer(
    help="Make, list and revoke the keys with which apps call the gateway.", no_args_is_help=True
)
commands.add_typer(keys, name="keys")


@keys.command(
    "create",
    epilog=examples(
        "keys create shop-app --task shop", "keys create trial --mode record", "keys create ann --operate"
    ),
)
def keys_create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people, such as the app's name.")],
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="A task that it may be used for; by default all. May be repeated."),
    ] = None,
    mode: Annotated[
        str, typer.Option(help=f"The most that its calls are given: {', '.join(MODES)}.")
    ] = "serve",
    operate: Annotated[
        bool,
        typer.Option("--operate", help="May change its tasks on the dashboard, and read texts there."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Make a key and print it, this once: only a hash of it is kept."""
    token, key = create_key(_name(name), _tasks(task), _mode(mode), unix_ms(), operate=operate)
    is_first = ask_redis(client_settings(), ApiKeys, lambda store: _add(store, key))
    if json:
        kept = {"id": key.id, "name": key.name, "tasks": key.tasks, "mode": key.mode, "operate": key.operate}
        customers_data({"key": token, **kept})  # all else that looks like a key is masked
    else:
        raw_line(token)
        note(f"{key.id} is the key's id: `understudy keys revoke {key.id}`. Gateways know it within seconds")
    if is_first:
        note(
            "it is the first key: from now on a gateway answers nobody without a key, also on this machine, "
            "and the dashboard shows texts of requests only to keys of `keys create NAME --operate`"
        )


@keys.command("list", epilog=examples("keys list", "keys list --json"))
def keys_list(json: AsJson = False) -> None:
    """Show the keys, without their secrets."""
    found = sorted(
        ask_redis(client_settings(), ApiKeys, ApiKeys.all).values(), key=lambda key: key.created_at
    )
    if json:
        hidden = [
            {name: value for name, value in msgspec.to_builtins(key).items() if name != "hash"}
            for key in found
        ]
        result({"keys": hidden})
        return
    for key in found:
        operates = "  operates" if key.operate else ""
        tasks = ", ".join(key.tasks)
        line(f"{key.id}  {local_time(key.created_at)}  {key.mode:<6}  {key.name}  {tasks}{operates}")
    if not found:
        line("no keys: a gateway answers on loopback only")


@keys.command("revoke", epilog=examples("keys revoke 1f2e3d4c"))
def keys_revoke(
    number: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
) -> None:
    """Revoke a key; gateways refuse it within seconds."""
    settings = client_settings()
    if not ask_redis(settings, ApiKeys, lambda store: store.remove(number)):
        note(f"there is no key {number}; `understudy keys list` shows them")
        raise typer.Exit(1)
    note(f"key {number} is revoked")
    if not ask_redis(settings, ApiKeys, ApiKeys.all):
        note(
            "no key is left: from now on a gateway on loopback answers anybody on its machine, others nobody"
        )


async def _add(store: ApiKeys, key: ApiKey) -> bool:
    """Whether there was no key before."""
    found = await store.all()
    await store.add(key)
    return not found


def _name(given: str) -> str:
    try:
        return msgspec.convert(given, KeyName)
    except msgspec.ValidationError as error:
        hint = "NAME"
        raise typer.BadParameter(
            "letters, digits, dot, dash, underscore; at most 64", param_hint=hint
        ) from error


def _tasks(given: list[str] | None) -> list[str]:
    try:
        return [task_of(name) for name in given or [EVERY_TASK]]
    except SchemaError as error:
        raise typer.BadParameter(str(error), param_hint="--task") from error


def _mode(given: str) -> Mode:
    for mode in MODES:
        if given == mode:
            return mode
    raise typer.BadParameter(f"expected one of {', '.join(MODES)}", param_hint="--mode")
