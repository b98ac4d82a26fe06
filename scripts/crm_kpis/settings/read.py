"""Reads a settings directory: settings.yml and the CSV files, each value checked and typed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from crm_kpis.errors import InputError, first_line
from crm_kpis.raw import csv_file
from crm_kpis.settings.cells import parse_cell
from crm_kpis.settings.checks import check_key, check_tables
from crm_kpis.settings.declaration import KEYS_FILE, Row, Setting, Settings, SettingsTable, read_declaration
from crm_kpis.settings.logo import read_logo
from crm_kpis.settings.problems import Problems, display, suggest

DIRECTORY = "settings"
# What people keep beside their settings.
_NOTES = (".md", ".txt")


def find_settings_dir(*directories: Path | None) -> Path | None:
    """The first settings directory in a company's project or a raw directory; None where there is none."""
    found = (directory / DIRECTORY for directory in directories if directory)
    return next((settings for settings in found if settings.is_dir()), None)


def read_settings(directory: Path | None) -> Settings:
    """Read and check a settings directory.

    Args:
        directory: The directory; None for the defaults.

    Raises:
        InputError: The directory can't be read, or a setting can't be used; its message has every problem.
    """
    declaration = read_declaration()
    if directory is None:
        return Settings(None, declaration.defaults)
    problems = Problems(directory)
    entries = _list_entries(directory)
    values = declaration.defaults
    given: dict[str, int] = {}
    of_keys = Problems(directory)
    if KEYS_FILE in entries:
        given_values, given = _read_keys(entries[KEYS_FILE], declaration.keys, of_keys)
        values |= given_values
    logo = _take_logo(values, entries, given, of_keys)
    _refuse_unknown_files(entries, [*declaration.file_names, *logo], problems)
    problems.messages += of_keys.messages
    rows = {
        name: tuple(_read_table(entries[table.file_name], table, problems))
        for name, table in declaration.tables.items()
        if table.file_name in entries
    }
    settings = Settings(
        directory,
        values,
        given,
        rows,
        tuple(entries[name] for name in (*declaration.file_names, *logo) if name in entries),
    )
    check_tables(settings, problems)
    problems.raise_if_any()
    return settings


def _list_entries(directory: Path) -> dict[str, Path]:
    if not directory.is_dir():
        raise InputError(f"The settings directory {directory} does not exist. Check the path.")
    try:
        return {
            entry.name: entry
            for entry in sorted(directory.iterdir())
            if not entry.name.startswith((".", "~"))
        }
    except OSError as error:
        raise InputError(f"The settings directory {directory} can't be read: {error.strerror}.") from error


def _take_logo(
    values: dict[str, Any], entries: dict[str, Path], given: dict[str, int], problems: Problems
) -> list[str]:
    """Put the logo itself in place of its file's name, which is returned; nothing where there is none."""
    name = values["company_logo"]
    if name is None:
        return []
    values["company_logo"], complaint = read_logo(name, entries)
    if complaint:
        line = given.get("company_logo")
        problems.add(KEYS_FILE, f"{display(name)}: {complaint}", line=line, column="company_logo")
    return [name]


def _refuse_unknown_files(entries: dict[str, Path], known: list[str], problems: Problems) -> None:
    for name in entries:
        if name not in known and not name.lower().endswith(_NOTES):
            problems.add(name, f"no file of settings has this name. {suggest(name, known)}")


def _read_keys(
    path: Path, keys: dict[str, Setting], problems: Problems
) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        problems.add(KEYS_FILE, f"it can't be read: {error.strerror}.")
        return {}, {}
    except UnicodeDecodeError:
        problems.add(KEYS_FILE, "it is not UTF-8. Save it as UTF-8.")
        return {}, {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or first_line(str(error))
        line = mark.line + 1 if mark else None
        problems.add(KEYS_FILE, f"it is not YAML: {what}. Write each setting as `key: value`.", line=line)
        return {}, {}
    if node is None:
        return {}, {}
    if not isinstance(node, yaml.MappingNode):
        problems.add(KEYS_FILE, "it holds no keys. Write each setting as `key: value`.", line=1)
        return {}, {}
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    loader = yaml.SafeLoader("")
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key not in keys:
            problems.add(
                KEYS_FILE, f"no setting has this name. {suggest(key, list(keys))}", line=line, column=key
            )
            continue
        if key in lines:
            problems.add(
                KEYS_FILE,
                f"the key is there twice, first in line {lines[key]}. Remove one.",
                line=line,
                column=key,
            )
            continue
        lines[key] = line
        try:
            value = loader.construct_object(value_node, deep=True)
        except (yaml.YAMLError, ValueError) as error:
            problems.add(
                KEYS_FILE, f"{first_line(str(error))}. Write it as text, in quotes.", line=line, column=key
            )
            continue
        complaint = check_key(keys[key], value)
        if complaint:
            problems.add(KEYS_FILE, f"{display(value)}: {complaint}", line=line, column=key)
        else:
            values[key] = value.isoformat() if isinstance(value, date) else value
    return values, lines


def _read_table(path: Path, table: SettingsTable, problems: Problems) -> Iterator[Row]:
    try:
        header = csv_file.read_header(path, (column.name for column in table.columns))
        csv_file.scan(path, header)
    except InputError as error:
        problems.add_error(error)
        return
    names = [name.strip().lower() for name in header.columns]
    if not _check_header(names, table, header.line, problems):
        return
    columns = {column.name: column for column in table.columns}
    encoding = "utf-8-sig" if header.encoding == csv_file.UTF8 else header.encoding
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=header.delimiter, strict=True)
        end = 0
        try:
            for fields in reader:
                line, end = end + 1, reader.line_num
                if line <= header.line or not any(field.strip() for field in fields):
                    continue
                if len(fields) != len(names):
                    counts = f"{len(fields)} fields, and the header has {len(names)}"
                    way_out = (
                        "Put a text that holds the delimiter in double quotes."
                        if len(fields) > len(names)
                        else f"Write a {header.delimiter} for each field that stays empty, also at the end."
                    )
                    problems.add(table.file_name, f"the line has {counts}. {way_out}", line=line)
                    continue
                values: dict[str, Any] = dict.fromkeys(columns)
                is_sound = True
                for name, cell in zip(names, fields, strict=True):
                    values[name], complaint = parse_cell(columns[name], cell.strip())
                    if complaint:
                        is_sound = False
                        problems.add(table.file_name, complaint, line=line, column=name)
                yield Row(line, values, is_sound)
        except csv.Error as error:
            problems.add(
                table.file_name, f"it is not CSV: {error}. Correct the quotes.", line=reader.line_num
            )


def _check_header(names: list[str], table: SettingsTable, line: int, problems: Problems) -> bool:
    known = [column.name for column in table.columns]
    complaints = [
        f"no column of {table.file_name} has the name {display(name)}. {suggest(name, known, names)}"
        for name in names
        if name not in known
    ]
    complaints += [
        f"the column {name} is there twice. Remove one." for name in known if names.count(name) > 1
    ]
    complaints += [
        f"there is no column {column.name}, which each row needs. Add it."
        for column in table.columns
        if column.required and column.name not in names
    ]
    for complaint in complaints:
        problems.add(table.file_name, complaint, line=line)
    return not complaints
