"""Files that are not written as the contract has them are read as they are, where the settings say how."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from pathlib import Path

import duckdb
import pytest
from crm_kpis.errors import InputError
from crm_kpis.raw.contract import RawColumn, read_contract
from crm_kpis.raw.formats import RawFormat, read_formats
from crm_kpis.raw.raw_directory import inspect, register
from crm_kpis.settings.read import read_settings
from pipeline import CONTRACT, SAMPLE_DIR, csv_path, read_csv


@pytest.fixture
def settings_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "settings"
    directory.mkdir()
    return directory


@pytest.fixture
def load(raw_dir, settings_dir):
    """Write the settings, and return the chosen columns of a raw table in the order of its lines."""

    def run(table: str, columns: str, **settings: str) -> list[tuple]:
        for name, text in settings.items():
            path = settings_dir / (f"{name}.yml" if name == "settings" else f"{name}.csv")
            path.write_text(text, encoding="utf-8")
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            register(connection, inspect(raw_dir, formats=read_formats(read_settings(settings_dir))))
            return connection.execute(f"select {columns} from raw.{table} order by _row_number").fetchall()

    return run


def rewritten(raw_format: RawFormat, data_type: str, text: str | None) -> str | None:
    sql = raw_format.rewrite("value", RawColumn("x", data_type, required=False))
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(
            f"select {sql} from (select cast(? as varchar) as value)", [text]
        ).fetchone()[0]


# Values: as they came, and as staging gets them. What is in no form that is known stays as it came.
_DAYS = {
    "day_first": {
        "31.01.2026": "2026-01-31",
        " 31/1/2026 ": "2026-01-31",
        "1.2.26": "2026-02-01",
        "1.2.99": "1999-02-01",
        "31-01-2026 14:05:33 Uhr": "2026-01-31T14:05:33",
        "31.01.26, 4:05": "2026-01-31T04:05",
        "31.01.2026 14:05:00+02:00": "2026-01-31 14:05:00+02:00",
        "2026-01-31T10:00:00Z": "2026-01-31T10:00:00Z",
        "01/31/2026": "01/31/2026",
        "31.02.2026": "31.02.2026",
        "31-Jan-2026": "2026-01-31",
        "31-MAR-26 14:05": "2026-03-31T14:05",
        "31. Januar 2026": "2026-01-31",
        " 1. März 2026, 4:05 Uhr": "2026-03-01T04:05",
        "3 Dez. 2026": "2026-12-03",
        "Jan 31, 2026": "2026-01-31",
        "31. Juno 2026": "31. Juno 2026",
        "31-Foo-2026": "31-Foo-2026",
        "morgen": "morgen",
    },
    "month_first": {
        "01/31/2026": "2026-01-31",
        "1/2/26 2:05 PM": "2026-01-02T14:05:00",
        "1/2/2026 12:05 am": "2026-01-02T00:05:00",
        "31/01/2026": "31/01/2026",
        "January 31st, 2026": "2026-01-31",
        "Jan 1, 2026 2:05 PM": "2026-01-01T14:05:00",
        "31-Jan-2026": "2026-01-31",
    },
    "excel": {
        "46053": "2026-01-31",
        "46053,0": "2026-01-31",
        "46053,5": "2026-01-31T12:00:00",
        "46053.25": "2026-01-31T06:00:00",
        "2026-01-31": "2026-01-31",
        "17": "17",
    },
    "year_first": {
        "2026/1/31": "2026-1-31",
        "2026.01.31 14:05": "2026-01-31 14:05",
        " 20260131": "2026-01-31",
        "20260131T14:05": "2026-01-31T14:05",
        "2026-01-31": "2026-01-31",
        "2026-01-31T10:00:00Z": "2026-01-31T10:00:00Z",
        "202601311": "202601311",
        "31.01.2026": "31.01.2026",
    },
}
_NUMBERS = {
    "comma": {
        "1.234,56": "1234.56",
        "-1.234": "-1234",
        "1 234,5": "1234.5",
        "1\u202f234,5": "1234.5",
        "1'234,5": "1234.5",
        "1.234-": "-1234",
        "7": "7",
        # Either of the two: 1.250 would be 1250.
        "12.50": "12.50 (decimal dot)",
        "0.125": "0.125 (decimal dot)",
        "12.34,5": "12.34,5",
        "12,50 EUR": "12,50 EUR",
    },
    "dot": {"1,234.56": "1234.56", "1,234": "1234", "1234.5": "1234.5", "12,34": "12,34"},
}


@pytest.mark.parametrize("date_format", _DAYS)
def test_days_and_times(date_format: str):
    found = {
        text: rewritten(RawFormat(date_format=date_format), "timestamp", text) for text in _DAYS[date_format]
    }
    assert found == _DAYS[date_format]
    assert rewritten(RawFormat(date_format=date_format), "date", None) is None
    assert rewritten(RawFormat(date_format=date_format), "text", "31.01.2026") == "31.01.2026"


@pytest.mark.parametrize("mark", _NUMBERS)
def test_numbers(mark: str):
    assert {
        text: rewritten(RawFormat(decimal_mark=mark), "decimal", text) for text in _NUMBERS[mark]
    } == _NUMBERS[mark]


def test_times_of_a_time_zone_are_read_in_it():
    berlin = RawFormat(date_format="day_first", time_zone="Europe/Berlin")
    # Summer and winter time; what has an offset is in no other zone; a day is that day there.
    assert rewritten(berlin, "timestamp", "01.07.2026 12:00") == "2026-07-01T10:00:00.000000"
    assert rewritten(berlin, "timestamp", "01.01.2026 12:00") == "2026-01-01T11:00:00.000000"
    assert rewritten(berlin, "timestamp", "2026-07-01T12:00:00Z") == "2026-07-01T12:00:00Z"
    assert rewritten(berlin, "timestamp", "2026-07-01 12:00:00+05") == "2026-07-01 12:00:00+05"
    assert rewritten(berlin, "timestamp", "31.01.2026") == "2026-01-31"
    assert rewritten(berlin, "date", "31.01.2026") == "2026-01-31"
    assert rewritten(berlin, "timestamp", "morgen") == "morgen"


def test_a_row_for_all_tables_and_one_of_a_table(load, write_csv):
    write_csv("orders.csv", "order_id;account_id;ordered_at;amount", "o1;a1;31.01.2026;1.234,50")
    write_csv("exchange_rates.csv", "currency,valid_from,rate", "USD,31.01.2026,0.925")
    formats = "raw_table,date_format,decimal_mark\n,day_first,comma\nexchange_rates,,dot\n"
    assert load("orders", "ordered_at, amount", raw_formats=formats) == [("2026-01-31", "1234.50")]
    assert load("exchange_rates", "valid_from, rate") == [("2026-01-31", "0.925")]


def test_names_and_words(load, write_csv, raw_dir, settings_dir):
    write_csv(
        "deals.csv",
        "Nr;Angelegt;Phase;Währung",
        "D1;2026-01-31; GEWONNEN ;€",
        "D2;2026-01-31;O'pen;EUR",
        "D3;x;neu;",
    )
    found = load(
        "deals",
        "deal_id, created_at, status, currency",
        raw_columns="raw_table,column_name,name_in_file\ndeals,deal_id,Nr\ndeals,created_at,angelegt\n"
        "deals,status,Phase\ndeals,currency,Währung\n",
        value_words="raw_table,column_name,word,accepted_value\ndeals,status,Gewonnen,won\ndeals,status,o'pen,open\n"
        ",currency,€,EUR\n",
    )
    assert found == [
        ("D1", "2026-01-31", "won", "EUR"),
        ("D2", "2026-01-31", "open", "EUR"),
        ("D3", "x", "neu", None),
    ]
    # What was said is no surprise.
    assert inspect(raw_dir, formats=read_formats(read_settings(settings_dir))).warnings == ()
    write_csv("deals.csv", "Nummer;Angelegt;Phase", "D1;2026-01-31;won")
    with pytest.raises(
        InputError, match=r"no column 'Nr', which raw_columns\.csv .* names as deals\.deal_id"
    ):
        load("deals", "deal_id")


def test_one_column_of_a_file_may_be_two_of_the_contract(load, write_csv):
    write_csv("deals.csv", "deal_id,Stage,Close Date", "D1,Closed Won,2026-01-31", "D2,Offer,2026-03-01")
    found = load(
        "deals",
        "deal_id, status, stage, closed_at, expected_close_on",
        raw_columns="raw_table,column_name,name_in_file\ndeals,created_at,close date\ndeals,status,stage\n"
        "deals,closed_at,Close Date\ndeals,expected_close_on,Close Date\n",
        value_words="raw_table,column_name,word,accepted_value\ndeals,status,closed won,won\n"
        "deals,status,offer,open\n",
    )
    assert found == [
        ("D1", "won", "Closed Won", "2026-01-31", "2026-01-31"),
        ("D2", "open", "Offer", "2026-03-01", "2026-03-01"),
    ]


def test_parquet_is_read_by_the_same_settings(load, write_parquet):
    write_parquet(
        "deals.parquet",
        "select 'D1' as deal_id, '31.01.2026' as created_at, timestamp '2026-07-01 12:00:00' as closed_at,"
        " 3 as status, 12.5 as amount",
    )
    found = load(
        "deals",
        "created_at, cast(closed_at as varchar), status, cast(amount as varchar)",
        settings="reporting_time_zone: Europe/Berlin\n",
        raw_formats="raw_table,date_format,decimal_mark,time_zone\ndeals,day_first,comma,Europe/Berlin\n",
        value_words="raw_table,column_name,word,accepted_value\ndeals,status,3,won\n",
    )
    assert found == [("2026-01-31", "2026-07-01 10:00:00", "won", "12.5")]


def test_encodings_and_the_delimiter_line(load, write_csv):
    text = 'sep=;\r\nuser_id;name\r\nU1;"Zoë\r\n€"\r\nU2;ß\r\n'
    rows = [("U1", "Zoë\r\n€", 3), ("U2", "ß", 5)]
    columns = "user_id, name, _row_number"
    write_csv("users.csv", data=text.encode("utf-16"))
    assert load("users", columns) == rows
    write_csv("users.csv", data=text.encode("cp1252"))
    with pytest.raises(
        InputError, match=r"(?s)not UTF-8: line 3.*\n  raw_table,encoding\n  users,windows-1252"
    ):
        load("users", columns)
    formats = "raw_table,encoding\nusers,windows-1252\n"
    assert load("users", columns, raw_formats=formats) == rows
    # The mark comes before the setting.
    write_csv("users.csv", data=codecs.BOM_UTF8 + text.encode())
    assert load("users", columns, raw_formats=formats) == rows
    write_csv("users.csv", data=text.encode("utf-16-le"))
    with pytest.raises(InputError, match=r"(?s)NUL byte.*\n  raw_table,encoding\n  users,utf-16-le"):
        load("users", columns, raw_formats="raw_table,encoding\n")
    assert load("users", columns, raw_formats="raw_table,encoding\nusers,utf-16-le\n") == rows


def test_a_file_that_is_not_in_its_encoding_is_refused(load, write_csv):
    write_csv("users.csv", data=b"user_id;name\nU1;\x81\n")
    with pytest.raises(InputError, match=r"users\.csv is not in windows-1252, as it is said to be: .*0x81"):
        load("users", "name", raw_formats="raw_table,encoding\nusers,windows-1252\n")


def test_large_and_compressed_files_of_another_encoding(load, raw_dir):
    lines = ["user_id;name", *(f"U{number};ü{number}" for number in range(30_000))]
    (raw_dir / "users.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode("cp1252")))
    found = load("users", "user_id, name, _row_number", raw_formats="raw_table,encoding\n,windows-1252\n")
    assert found == [(f"U{number}", f"ü{number}", number + 2) for number in range(30_000)]


WRONG = {
    "no such table": (
        "raw_formats",
        "raw_table,encoding\ndeal,utf-16\n",
        "'deal' is no table of the raw contract. Did you mean deals?",
    ),
    "no such zone": ("raw_formats", "raw_table,time_zone\ndeals,Berlin\n", "no time zone has this name"),
    "no zone to report in": (
        "raw_formats",
        "raw_table,time_zone\ndeals,Europe/Berlin\n",
        "settings.yml has no reporting_time_zone",
    ),
    "two rows for all": ("raw_formats", "raw_table,encoding\n,utf-16\n,utf-8\n", "twice"),
    "no such column": (
        "raw_columns",
        "raw_table,column_name,name_in_file\ndeals,betrag,Betrag\n",
        "'betrag' is no column of deals.",
    ),
    "the name in the file first": (
        "raw_columns",
        "raw_table,column_name,name_in_file\ndeals,Betrag,amount\n",
        "'Betrag' is no column of deals. But amount is: the two have changed places.",
    ),
    "one name for two": (
        "raw_columns",
        "raw_table,column_name,name_in_file\ndeals,deal_id,Nr\ndeals,amount,nr\n",
        "'nr' is deal_id, of text, too (line 2), and amount is of numbers. Correct one.",
    ),
    "no accepted value": (
        "value_words",
        "raw_table,column_name,word,accepted_value\ndeals,status,Gewonnen,gewonnen\n",
        "'gewonnen' is no accepted value of status.",
    ),
    "a word for a number": (
        "value_words",
        "raw_table,column_name,word,accepted_value\ndeals,amount,viel,100\n",
        "amount is no text. Words are for columns of text and for booleans.",
    ),
    "a word for no column": (
        "value_words",
        "raw_table,column_name,word,accepted_value\n,stadt,Berlin,B\n",
        "'stadt' is no column of any raw table.",
    ),
}


@pytest.mark.parametrize(("file", "text", "message"), WRONG.values(), ids=WRONG)
def test_settings_that_can_not_be_used(settings_dir: Path, file: str, text: str, message: str):
    (settings_dir / f"{file}.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(message)):
        read_settings(settings_dir)


# The sample as a German export


_ISO = re.compile(r"(\s*)(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d:\d\d)Z)?(\s*)")
_NUMBER = re.compile(r"(\s*-?)(\d+)(?:\.(\d+))?(\s*)")
_WORDS = {"won": "Gewonnen", "lost": "Verloren", "open": "Offen"}


def _in_german(column: RawColumn, text: str) -> str:
    if column.name == "status" and column.accepts:
        return _WORDS.get(text, text)
    if column.data_type in ("date", "timestamp") and (match := _ISO.fullmatch(text)):
        before, year, month, day, time, after = match.groups()
        return f"{before}{day}.{month}.{year}{' ' + time if time else ''}{after}"
    if column.data_type in ("decimal", "integer") and (match := _NUMBER.fullmatch(text)):
        before, whole, part, after = match.groups()
        grouped = f"{int(whole):,}".replace(",", ".") if not whole.startswith("0") else whole
        return f"{before}{grouped}{',' + part if part else ''}{after}"
    return text


@pytest.mark.slow
def test_the_sample_as_a_german_export_gives_the_same_rows(compiled, tmp_path, settings_dir):
    formats, names = ["raw_table,encoding,date_format,decimal_mark", ",,day_first,comma"], []
    for table in read_contract():
        file = read_csv(csv_path(SAMPLE_DIR, table.name))
        columns = {column.name: column for column in table.columns}
        written = io.StringIO(newline="")
        written.write("sep=;\r\n")
        writer = csv.writer(written, delimiter=";", lineterminator="\r\n")
        header = [f"Spalte {name}" if name in columns else name for name in file.header]
        writer.writerow(header)
        for fields in file.rows.values():
            pairs = zip(file.header, fields, strict=True)
            writer.writerow(
                [_in_german(columns[name], text) if name in columns else text for name, text in pairs]
            )
        names += [f"{table.name},{name},Spalte {name}" for name in file.header if name in columns]
        try:
            data = written.getvalue().encode("cp1252")
            formats.append(f"{table.name},windows-1252,,")
        except UnicodeEncodeError:
            data = written.getvalue().encode("utf-16")
        (tmp_path / f"{table.name}.csv").write_bytes(data)
    assert len(formats) > 5
    (settings_dir / "raw_formats.csv").write_text("\n".join(formats), encoding="utf-8")
    (settings_dir / "raw_columns.csv").write_text(
        "\n".join(["raw_table,column_name,name_in_file", *names]), encoding="utf-8"
    )
    (settings_dir / "value_words.csv").write_text(
        "raw_table,column_name,word,accepted_value\n"
        + "".join(f"deals,status,{word},{value}\n" for value, word in _WORDS.items()),
        encoding="utf-8",
    )
    staged = {f"stg_{table}" for table in CONTRACT}
    queries = {}
    for raw_dir, settings in ((SAMPLE_DIR, None), (tmp_path, settings_dir)):
        with compiled.run(raw_dir, only=compiled.with_inputs(*staged), settings=settings) as warehouse:
            for model in sorted(staged):
                rows = warehouse.execute(
                    f"select * exclude (_row_number) from main.{model} order by all"
                ).fetchall()
                queries.setdefault(model, []).append(rows)
    for model, (expected, found) in queries.items():
        assert found == expected, model
        assert expected
