"""audit-pack: write what a version's certificate rests on into one archive, and recompute it from there."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from infra.audit_pack.archive import read_archive, write_archive
from infra.audit_pack.collect import collect_pack
from infra.audit_pack.verify import verify_pack
from infra.console.examples import examples
from infra.console.output import AsJson, line, note, result
from infra.console.policy_options import TaskArgument, printable_text
from infra.serve.servers import client_settings

commands = typer.Typer()

audit_pack = typer.Typer(
    help="Write what a certificate rests on into one file, and recompute it from there.", no_args_is_help=True
)
commands.add_typer(audit_pack, name="audit-pack")


@audit_pack.command("write", epilog=examples("audit-pack write shop --out shop.zip"))
def audit_pack_write(
    task: TaskArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Archive to write.")],
    version: Annotated[
        str | None,
        typer.Option(
            "--version", metavar="VERSION", help="By default the live one.", callback=printable_text
        ),
    ] = None,
    with_texts: Annotated[
        bool, typer.Option("--with-texts", help="Also the texts of the audited requests.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="`report.html` of its fit, to be put in.")
    ] = None,
) -> None:
    """Write the audits, graph, manifest, history, events and config of a version into one archive."""
    page = None if report is None else report.read_bytes()
    pack = asyncio.run(collect_pack(client_settings(), task, version, page, with_texts=with_texts))
    digest = write_archive(out, pack.files)
    if pack.rows != pack.counted:
        note(
            f"the topic holds {pack.rows:,} audits, and the certificate counts {pack.counted:,}: some "
            "are not counted yet, or the topic keeps them no longer; the pack will not verify"
        )
    line(f"{out}: {pack.note.version} of {task}, {pack.rows:,} audits")
    line(f"SHA-256 {digest}: give it to the reviewer by another way than the file")


@audit_pack.command("verify", epilog=examples("audit-pack verify shop.zip"))
def audit_pack_verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive of `audit-pack write`.")],
    json: AsJson = False,
) -> None:
    """Recompute the certificate from the audits in the archive; needs no server.

    Exit status 1: something is not as the archive says.
    """
    files, digest = read_archive(file)
    found = verify_pack(files)
    if json:
        result({"file": str(file), "sha256": digest, "equal": not found.problems, "found": found})
    else:
        counts, pack, claim = found.counts, found.note, found.claim
        line(f"{pack.version} of {pack.task}, SHA-256 of the archive {digest}")
        line(
            f"{counts.agreements:,} of {counts.audits:,} audits agree; they prove {found.bound:.4f} at an "
            f"error probability of {found.delta:.4g}, the target is {claim.target:g}"
        )
        state = "certified" if claim.certified else "not certified"
        for problem in found.problems:
            line(f"NOT EQUAL {problem}")
        if not found.problems:
            line(f"equal: {state}, with a bound of {claim.bound:.4f}, as is claimed")
    if found.problems:
        raise typer.Exit(1)
