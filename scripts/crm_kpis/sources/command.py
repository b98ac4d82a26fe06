"""The options of the command line that name sources. What is slow to import is not imported here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_PLACES = ("--database", "--schema", "--landed", "--time-zone")
# Where the context keeps the sources in the order in which they were given.
META = "crm_kpis.sources"


class CommandWithSources(click.Command):
    """A command with --source, which may be given several times: the place that follows belongs to it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the options of sources out of the arguments, in their order, which click would lose."""
        given: list[dict[str, str]] = []
        rest: list[str] = []
        arguments = iter(args)
        for argument in arguments:
            name, equals, value = argument.partition("=")
            if name not in ("--source", *_PLACES):
                rest.append(argument)
                continue
            if not equals:
                value = next(arguments, "")
            if not value:
                raise click.BadOptionUsage(name, f"Option '{name}' requires an argument.", ctx)
            if name == "--source":
                given.append({"vendor": value})
            elif not given:
                raise click.BadOptionUsage(name, f"{name} belongs behind a --source.", ctx)
            elif name[2:].replace("-", "_") in given[-1]:
                raise click.BadOptionUsage(
                    name, f"{name} is given twice for --source {given[-1]['vendor']}.", ctx
                )
            else:
                given[-1][name[2:].replace("-", "_")] = value
        ctx.meta[META] = given
        return super().parse_args(ctx, rest)


def source_options() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The decorator that adds the options of sources to a command of the class CommandWithSources."""
    options = [
        click.option(
            "--source",
            "sources",
            expose_value=False,
            multiple=True,
            metavar="VENDOR",
            help="Read a vendor's tables as a loader landed them: hubspot, salesforce, ...; may be repeated.",
        ),
        click.option(
            "--database",
            expose_value=False,
            metavar="FILE",
            help="The DuckDB file that holds the tables of --source, or postgresql://USER@HOST/DATABASE.",
        ),
        click.option("--schema", expose_value=False, metavar="NAME", help="The schema in --database."),
        click.option(
            "--landed",
            expose_value=False,
            metavar="DIR",
            help="The directory that holds the tables of --source, as Parquet or CSV.",
        ),
        click.option(
            "--time-zone",
            expose_value=False,
            metavar="ZONE",
            help="The time zone of --source, where it is the vendor's own CSV export: Europe/Berlin.",
        ),
        click.option(
            "--mapping",
            type=click.Path(path_type=Path),
            help="A YAML file with your own columns: hubspot: {deal: {amount: my_amount}}.",
        ),
        click.option(
            "--mapping-dir",
            type=click.Path(path_type=Path),
            help="A directory with your own <vendor>/<table>.sql in place of ours.",
        ),
        click.option(
            "--match",
            multiple=True,
            metavar="COLUMN=COLUMN",
            help="How accounts of two sources meet: zendesk.organization.external_id=hubspot.company.id.",
        ),
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
