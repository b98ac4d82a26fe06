"""What a raw directory may hold, what of it is refused, and what becomes of it in the warehouse."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import polars
import pytest
from crm_kpis.errors import InputError
from crm_kpis.raw import csv_file
from crm_kpis.raw.contract import RawColumn, read_contract
from crm_kpis.raw.raw_directory import check_readable, inspect, register
from crm_kpis.sql import quote_identifier, quote_path, quote_text

USERS = [column.name for table in read_contract() if table.name == "users" for column in table.columns]


@pytest.fixture
def warehouse(tmp_path):
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


@pytest.fixture
def load(raw_dir, warehouse):
    """Register the raw directory; returns the chosen columns of a table, in the order of its lines."""

    def run(table="users", columns="user_id, name, _row_number"):
        register(warehouse, inspect(raw_dir))
        return warehouse.execute(f"select {columns} from raw.{table} order by _row_number").fetchall()

    return run


def describe(connection, table):
    return {name: kind for name, kind, *_ in connection.execute(f"describe raw.{table}").fetchall()}


# The contract


def test_contract_has_the_tables_of_the_sources_file():
    tables = {table.name: table for table in read_contract()}
    assert len(tables) == 20
    required = {column.name for column in tables["costs"].columns if column.must_be_there}
    assert required == {"incurred_on", "purpose", "amount"}


def test_an_id_that_no_other_table_names_may_be_left_out():
    """All keys of one column are such ids, or other tables name them."""
    referenced = {column.references for table in read_contract() for column in table.columns}
    for table in read_contract():
        numbered = [column.name for column in table.columns if column.or_row_number]
        if table.name == "order_items":
            assert numbered == ["line_number"]
        elif len(table.key) == 1:
            assert numbered == ([] if table.name in referenced else list(table.key))
        else:
            assert not numbered


# CSV that is read


def test_each_table_has_the_columns_of_the_contract_in_its_order(write_csv, raw_dir, warehouse):
    write_csv("users.csv", "name,user_id", "Ann,U1")
    register(warehouse, inspect(raw_dir))
    for table in read_contract():
        expected = dict.fromkeys((column.name for column in table.columns), "VARCHAR")
        assert describe(warehouse, table.name) == expected | {"_row_number": "BIGINT"}
    assert list(describe(warehouse, "users")) == [*USERS, "_row_number"]
    assert warehouse.execute("select count(*) from raw.deals").fetchall() == [(0,)]


def test_a_csv_file_becomes_a_table_and_a_parquet_file_a_view(write_csv, write_parquet, raw_dir, warehouse):
    write_csv("users.csv", "user_id", "U1")
    write_parquet("products.parquet", "select 'P1' as product_id")
    register(warehouse, inspect(raw_dir))
    kinds = dict(
        warehouse.execute(
            "select table_name, table_type from information_schema.tables where table_schema = 'raw'"
        ).fetchall()
    )
    assert (kinds["users"], kinds["products"], kinds["deals"]) == ("BASE TABLE", "VIEW", "BASE TABLE")


def test_registering_again_replaces_tables_by_views_and_back(write_csv, write_parquet, raw_dir, load):
    write_csv("users.csv", "user_id", "U1")
    assert load(columns="user_id") == [("U1",)]
    (raw_dir / "users.csv").unlink()
    write_parquet("users.parquet", "select 'U2' as user_id")
    assert load(columns="user_id") == [("U2",)]
    (raw_dir / "users.parquet").unlink()
    write_csv("users.csv", "user_id", "U3")
    assert load(columns="user_id") == [("U3",)]


def test_files_are_listed_with_format_size_and_rows(write_csv, write_parquet, raw_dir, load, warehouse):
    csv = write_csv("users.csv", "user_id", "U1", "U2")
    parquet = write_parquet("products.parquet", "select 'P' || range as product_id from range(5)")
    load()
    os.utime(csv, (1_767_225_600, 1_767_225_600))
    load()
    written = warehouse.execute("select loaded_at from raw._files where table_name = 'users'").fetchall()
    assert written == [(datetime(2026, 1, 1),)]
    files = warehouse.execute("select * exclude (loaded_at) from raw._files order by table_name").fetchall()
    assert files == [
        ("products", "products.parquet", "parquet", parquet.stat().st_size, 5),
        ("users", "users.csv", "csv", csv.stat().st_size, 2),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_from_the_header(write_csv, load, delimiter):
    write_csv("users.csv", *(delimiter.join(row) for row in [("user_id", "name"), ("U1", "Ann"), ("U2", "")]))
    assert load() == [("U1", "Ann", 2), ("U2", None, 3)]


def test_a_quoted_name_may_hold_other_delimiters(write_csv, load):
    write_csv("users.csv", 'user_id;"a,b,c,d";"name"', 'U1;x,y;"Ann; ""A"""')
    assert load() == [("U1", 'Ann; "A"', 2)]


def test_a_byte_order_mark_is_no_part_of_the_first_name(write_csv, raw_dir, load):
    write_csv("users.csv", data="\ufeffuser_id,name\nU1,Zoë\n".encode())
    assert load() == [("U1", "Zoë", 2)]
    assert inspect(raw_dir).warnings == ()


def test_gzip_is_read(raw_dir, load):
    (raw_dir / "users.csv.gz").write_bytes(gzip.compress(b"user_id,name\nU1,Ann\n\nU2,Bo\n"))
    assert load() == [("U1", "Ann", 2), ("U2", "Bo", 4)]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_lines_are_counted_as_an_editor_counts_them(write_csv, load, line_end):
    lines = [
        "",
        "user_id,name",  # line 2
        "U1,Ann",
        "",
        'U2,"Bo',  # line 5
        'or ""B""',
        'of ""X"""',
        'U3, "Cy"',  # line 8
        'U4,5" Di',
        "",
        "",
        'U5,"',  # line 12
        '"',
        "U6,Fay",  # line 14
    ]
    write_csv("users.csv", data=line_end.join(lines).encode())
    assert load() == [
        ("U1", "Ann", 3),
        ("U2", line_end.join(["Bo", 'or "B"', 'of "X"']), 5),
        ("U3", "Cy", 8),
        ("U4", '5" Di', 9),
        ("U5", line_end, 12),
        ("U6", "Fay", 14),
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_blank_lines_count_where_nothing_is_quoted(write_csv, load, line_end):
    lines = ["user_id,name", "", "U1,Ann", "", "", "U2,Bo", ""]
    write_csv("users.csv", data=line_end.join(lines).encode())
    assert load() == [("U1", "Ann", 3), ("U2", "Bo", 6)]


def test_a_blank_line_below_the_header_counts(write_csv, load):
    write_csv("users.csv", "user_id,name", "", "U1,Ann", "U2,Bo")
    assert load() == [("U1", "Ann", 3), ("U2", "Bo", 4)]


def test_values_with_a_bare_line_feed_are_read_where_lines_end_in_cr_lf(write_csv, load):
    write_csv("users.csv", data=b'user_id,name\r\nU1,"Ann\nB."\r\nU2,"C\rd"\r\nU3,\r\n')
    assert load() == [("U1", "Ann\nB.", 2), ("U2", "C\rd", 4), ("U3", None, 5)]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoted", [False, True])
def test_lines_are_right_in_a_large_file(write_csv, load, quoted, line_end):
    rows, line, lines = [], 2, ["user_id,name"]
    for number in range(60_000):  # many chunks, most of them without a line end in a value
        name = f'"{number}{line_end}"' if number % 20_011 == 7 else "x" * 40
        rows.append((str(number), line))
        lines.append(f'"{number}","{name.strip(chr(34))}"' if quoted else f"{number},{name}")
        if number % 30_011 == 11:
            lines.append("")
        line += 1 + name.count("\n") + (lines[-1] == "")
    write_csv("users.csv", data=(line_end.join(lines) + line_end).encode())
    assert load(columns="user_id, _row_number") == rows


def test_the_scan_agrees_with_the_slower_walk_over_the_records(write_csv):
    texts = ["a", "", '"a"', '"a,b"', '"a""b"', '"a\nb"', '"\n"', '""', '5" x', ' "a" ', '"a\r\n\r\n"', '"é"']
    chance = random.Random(1)  # noqa: S311 - the same on every run
    for line_end in ("\n", "\r\n"):
        for _ in range(300):
            rows = [",".join(chance.choices(texts, k=2)) for _ in range(chance.randint(0, 12))]
            rows = [chance.choice([row, row, row, ""]) for row in rows]
            path = write_csv("users.csv", data=line_end.join(["user_id,name", *rows]).encode())
            header = csv_file.read_header(path, ["user_id", "name"])
            scan = csv_file.scan(path, header)
            starts = [line for line, _ in csv_file._records(path, header)]
            offsets = dict(scan.line_offsets)
            offset, found = 0, []
            for record in range(1, scan.record_count + 1):
                offset = offsets.get(record, offset)
                found.append(record + offset)
            assert found == starts, path.read_bytes()


def test_an_empty_field_is_null_and_others_stay_as_they_are(write_csv, load):
    write_csv("users.csv", "user_id,name,email,team", 'U1,,""," x "')
    assert load(columns="user_id, name, email, team") == [("U1", None, None, " x ")]


def test_a_header_without_rows_is_an_empty_table(write_csv, load):
    write_csv("users.csv", data=b"user_id,name")
    assert load() == []


def test_one_column_suffices(write_csv, load):
    write_csv("users.csv", "user_id", "U1", "", '"U', '2"', "U3")
    assert load() == [("U1", None, 2), (None, None, 3), ("U\n2", None, 4), ("U3", None, 6)]


@pytest.mark.parametrize("quote", ["", '"'])
def test_very_long_lines_are_read(write_csv, load, quote):
    long = "x" * 5_000_000
    write_csv("users.csv", "user_id,name", "U1,a", f"U2,{quote}{long}{quote}", "U3,b")
    assert load(columns="user_id, length(name), _row_number") == [
        ("U1", 1, 2),
        ("U2", 5_000_000, 3),
        ("U3", 1, 4),
    ]


def test_a_delimiter_at_the_end_of_lines_is_no_field(write_csv, load):
    write_csv("users.csv", "user_id,name", "U1,Ann,", "U2,Bo,")
    assert load() == [("U1", "Ann", 2), ("U2", "Bo", 3)]


def test_names_match_in_any_case_and_the_warning_says_so(write_csv, raw_dir, load):
    write_csv("users.csv", "USER_ID, Name ,shoe_size,,", "U1,Ann,42,,")
    assert load() == [("U1", "Ann", 2)]
    path = raw_dir / "users.csv"
    assert inspect(raw_dir).warnings == (
        f"{path}: reads the column 'USER_ID' as user_id, ' Name ' as name.",
        f"{path}: no column of the contract, not read: shoe_size, (column 4, unnamed), (column 5, unnamed)."
        " If one of them is email, team, department, manager_id, hired_on, left_on,"
        " map it in raw_columns.csv of the settings.",
    )


def test_the_exact_name_wins_over_one_in_another_case(write_csv, raw_dir, load):
    write_csv("users.csv", "User_ID,user_id", "wrong,U1")
    assert load() == [("U1", None, 2)]
    assert "not read: User_ID" in inspect(raw_dir).warnings[0]


def test_missing_optional_columns_are_listed(write_csv, raw_dir):
    write_csv("users.csv", "user_id,name,team", "U1,Ann,A")
    (file,) = inspect(raw_dir).files
    assert file.missing_columns == ("email", "department", "manager_id", "hired_on", "left_on")


def test_unknown_files_are_named_and_hidden_ones_ignored(write_csv, raw_dir):
    write_csv("users.csv", "user_id")
    write_csv("Deals.CSV", "deal_id")
    write_csv("notes.txt", "x")
    write_csv(".DS_Store", "x")
    (raw_dir / "old").mkdir()
    assert inspect(raw_dir).warnings == (
        f"{raw_dir / 'Deals.CSV'} is not read: rename it deals.csv.",
        f"{raw_dir}: no raw table, not read: notes.txt, old.",
    )


def test_a_file_that_looks_like_a_table_is_told_how_to_be_read(write_csv, raw_dir):
    for name in (
        "deal.csv",
        "orders_2026.csv.gz",
        "Accounts.xlsx",
        "leads.txt",
        "costs_old.csv",
        "costs.csv",
    ):
        write_csv(name, "cost_id,incurred_on,purpose,amount")
    said = (
        f"{raw_dir / 'Accounts.xlsx'} is not read: save its sheet as CSV in UTF-8, accounts.csv.",
        f"{raw_dir / 'deal.csv'} is not read: rename it deals.csv if it holds that table.",
        f"{raw_dir / 'orders_2026.csv.gz'} is not read: rename it orders.csv.gz if it holds that table.",
        # There are costs, and text is no CSV.
        f"{raw_dir}: no raw table, not read: costs_old.csv, leads.txt.",
    )
    assert inspect(raw_dir).warnings[:4] == said
    (raw_dir / "costs.csv").unlink()
    (raw_dir / "costs_old.csv").unlink()
    with pytest.raises(InputError) as caught:
        inspect(raw_dir)
    assert str(caught.value).splitlines()[1:4] == list(said[:3])


def test_of_several_files_of_a_table_parquet_is_read(write_csv, write_parquet, raw_dir, load):
    write_csv("users.csv", "user_id", "from csv")
    write_csv("users.csv.gz", "no gzip at all")
    assert inspect(raw_dir).warnings == (f"{raw_dir}: users.csv is read, not users.csv.gz.",)
    write_parquet("users.parquet", "select 'from parquet' as user_id")
    assert inspect(raw_dir).warnings == (f"{raw_dir}: users.parquet is read, not users.csv or users.csv.gz.",)
    assert load(columns="user_id") == [("from parquet",)]


def test_a_relative_directory_is_relative_to_the_current_one(write_csv, raw_dir, warehouse, monkeypatch):
    write_csv("users.csv", "user_id", "U1")
    monkeypatch.chdir(raw_dir.parent)
    raw_directory = inspect(Path(raw_dir.name))
    assert raw_directory.path == raw_dir
    monkeypatch.chdir("/")
    register(warehouse, raw_directory)
    assert warehouse.execute("select user_id from raw.users").fetchall() == [("U1",)]


def test_no_character_of_the_directory_is_a_wildcard(tmp_path, warehouse):
    for name in ("a*", "ab", "b?", "bc", "[cd]", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "users.csv").write_text(f"user_id\n{name}\n")
        query = f"copy (select '{name}' as product_id) to '{tmp_path / 'products.parquet'}' (format parquet)"
        duckdb.execute(query)
        (tmp_path / "products.parquet").rename(tmp_path / name / "products.parquet")
    for name in ("a*", "b?", "[cd]"):
        register(warehouse, inspect(tmp_path / name))
        assert warehouse.execute("select user_id from raw.users").fetchall() == [(name,)]
        assert warehouse.execute("select product_id from raw.products").fetchall() == [(name,)]


def test_quoting_doubles_the_quotes():
    assert quote_identifier('a"b') == '"a""b"'
    assert quote_text("a'b") == "'a''b'"


def test_a_parquet_column_that_can_not_be_read_is_named(raw_dir, write_parquet):
    path = write_parquet(
        "users.parquet", "select 'U' || range as user_id, 'x' || range as name from range(999)"
    )
    check_readable(inspect(raw_dir))
    with duckdb.connect() as connection:
        query = "select path_in_schema, coalesce(dictionary_page_offset, data_page_offset)"
        pages = dict(connection.execute(f"{query} from parquet_metadata({quote_path(path)})").fetchall())
    data = bytearray(path.read_bytes())
    data[pages["name"] : pages["name"] + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(
        InputError, match=r"users\.parquet: the column 'name' can't be read: .*Write the file"
    ):
        check_readable(inspect(raw_dir))


def test_a_time_that_overflows_is_named(raw_dir):
    times = polars.Series([2**62], dtype=polars.Datetime("ms"))
    polars.DataFrame({"user_id": ["U1"], "left_on": times}).write_parquet(raw_dir / "users.parquet")
    with pytest.raises(InputError, match=r"users\.parquet: the column 'left_on' can't be read: "):
        check_readable(inspect(raw_dir))


# CSV that is refused

BAD_HEADERS = {
    "nothing": (b"", "is empty (0 bytes)"),
    "blank lines": (b"\n  \r\n\n", "is empty. Give it a header"),
    "only a byte order mark": (b"\xef\xbb\xbf\n", "is empty. Give it a header"),
    "gzip": (
        gzip.compress(b"user_id\n"),
        "is compressed with gzip, not CSV. Give it a name that ends in .csv.gz",
    ),
    "xlsx": (b"PK\x03\x04 and so on", "is a ZIP archive or an Excel workbook"),
    "xls": (b"\xd0\xcf\x11\xe0 and so on", "is an Excel workbook"),
    "a sign-in page": (
        b"<!DOCTYPE html>\n<title>Sign in",
        "is a web page, not CSV. Look into it: it may be a sign-in",
    ),
    "an error": (b'{"error": "rate limit"}\n', "is JSON, not CSV. Look into it: it may be an error"),
    "git-lfs": (
        b"version https://git-lfs.github.com/spec/v1\n",
        "a file that git-lfs keeps, not CSV. Fetch it",
    ),
    "parquet": (b"PAR1 and so on", "is a Parquet file, not CSV. Give it a name that ends in .parquet"),
    "UTF-16 without mark": ("user_id,name\n".encode("utf-16-le"), "holds a NUL byte in line 1"),
    "Latin-1 name": ("\nuser_id,größe\n".encode("latin-1"), "is not UTF-8: line 2 holds the byte 0xF6"),
    "no required column": (b"id,name\nU1,Ann\n", "has no column user_id, which the table users needs"),
    "a column twice": (b"user_id,name,name\n", "more than one column named name"),
    "two that could be it": (b"USER_ID,User_Id\n", "'USER_ID' and 'User_Id', which could both be user_id"),
    "open quote": (b'user_id,"name\nU1,Ann\n', "line 1 opens a quote that is never closed"),
    "a name of two lines": (b'user_id,"na\nme"\n', "A header must be on one line"),
    "CR alone": (b"user_id,name\rU1,Ann\r", "Line ends must be LF or CR LF"),
    "100,000 columns": (
        ",".join(["user_id", *(f"c{number}" for number in range(100_000))]).encode(),
        "has 100,001 columns, and at most 10,000 are read",
    ),
    "another delimiter": (b"user_id:name\nU1:Ann\n", "has no column user_id"),
}


@pytest.mark.parametrize(("data", "message"), BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_file_with_a_bad_header_is_refused_at_once(write_csv, raw_dir, data, message):
    path = write_csv("users.csv", data=data)
    with pytest.raises(InputError) as caught:
        inspect(raw_dir)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


BAD_ROWS = {
    "Latin-1": (
        "user_id,name\nU1,Ann\nU2,Zoë\n".encode("latin-1"),
        "is not UTF-8: line 3 holds the byte 0xEB",
    ),
    "two files in one": (
        b"user_id,name\nU1,Ann\n\xef\xbb\xbfuser_id,name\nU2,Bo\n",
        "has a byte order mark at the start of line 3, where a second file seems to begin",
    ),
    "NUL": (b"user_id,name\nU1,Ann\nU2,\0\n", "holds a NUL byte in line 3"),
    "too few fields": (b"user_id,name\nU1,Ann\n\nU2\nU3,Cy\n", "line 4 has 1 fields, the header has 2"),
    "too many fields": (b'user_id,name\nU1,"A\nnn"\nU2,Bo,x\n', "line 4 has 3 fields, the header has 2"),
    "too few among delimiters at the end": (b"user_id,name\nU1,Ann,\nU2\n", "line 3 has 1 fields"),
    "a line of blanks": (b"user_id,name\nU1,Ann\n   \n", "line 3 has 1 fields, the header has 2"),
    "open quote": (b'user_id,name\nU1,Ann\nU2,"Bo\nU3,Cy\n', "line 3 opens a quote that is never closed"),
    "open quote before others": (
        b'user_id,name\nU1,Ann\nU2,"Bo\nU3,"Cy"\n',
        'line 3 goes on behind a closing quote: within quotes, " is written ""',
    ),
    "backslash before quote": (
        b'user_id,name\nU1,"A \\"nn\\""\nU2,Bo\n',
        "line 2 goes on behind a closing quote",
    ),
    "LF among CR LF": (
        b"user_id,name\r\nU1,Ann\r\nU2,Bo\nU3,Cy\r\n",
        "line 3 ends in LF, the header in CR LF",
    ),
    "CR LF among LF": (b"user_id,name\nU1,Ann\nU2,Bo\r\nU3,Cy\n", "line 3 ends in CR LF, the header in LF"),
    "CR alone": (b"user_id,name\nU1,A\rnn\n", "line 2 holds a carriage return (CR) outside of quotes"),
}


@pytest.mark.parametrize("name", ["users.csv", "users.csv.gz"])
@pytest.mark.parametrize(("data", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_file_with_a_bad_row_is_refused_with_its_line(write_csv, load, data, message, name):
    path = write_csv(name, data=gzip.compress(data) if name.endswith(".gz") else data)
    with pytest.raises(InputError) as caught:
        load()
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_conversion_that_a_message_names_works(write_csv, raw_dir, load, suffix):
    data = "user_id,name\nU1,Zoë\n".encode("cp1252")
    path = write_csv(f"users.csv{suffix}", data=gzip.compress(data) if suffix else data)
    with pytest.raises(InputError) as caught:
        load()
    command = str(caught.value).splitlines()[0].split("for example: ")[1]
    subprocess.run(command, shell=True, cwd=raw_dir, check=True)  # noqa: S602
    (raw_dir / f"utf8_{path.name}").replace(path)
    assert load() == [("U1", "Zoë", 2)]


@pytest.mark.parametrize(
    "data",
    [b"user_id\nU1\n", gzip.compress(os.urandom(50_000))[:-30_000], b"\x1f\x8b\x08\x00garbage, not gzip"],
)
def test_what_is_no_whole_gzip_is_refused(write_csv, raw_dir, warehouse, data):
    write_csv("users.csv.gz", data=data)
    with pytest.raises(InputError, match=r"users\.csv\.gz (is no gzip file|is not UTF-8|holds a NUL)"):
        register(warehouse, inspect(raw_dir))


def test_gzip_that_breaks_off_is_refused(write_csv, raw_dir, warehouse):
    whole = gzip.compress(b"user_id,name\n" + os.urandom(40_000).hex().encode())
    write_csv("users.csv.gz", data=whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is no gzip file, or a broken one"):
        register(warehouse, inspect(raw_dir))


def test_an_endless_record_is_refused(write_csv, raw_dir, warehouse, monkeypatch):
    monkeypatch.setattr(csv_file, "LONGEST_RECORD", 2 << 20)
    write_csv("users.csv", "user_id,name", "U1,Ann", 'U2,"Bo', *(["x" * 99] * 30_000), "U3,Cy")
    with pytest.raises(InputError, match="the record that starts on line 3 is longer than 2 MiB"):
        register(warehouse, inspect(raw_dir))


def test_an_endless_line_is_refused(write_csv, raw_dir, warehouse, monkeypatch):
    monkeypatch.setattr(csv_file, "LONGEST_RECORD", 2 << 20)
    write_csv("users.csv", "user_id,name", "U1," + "x" * (4 << 20))
    with pytest.raises(InputError, match="has a line of over 2 MiB"):
        register(warehouse, inspect(raw_dir))


def test_rows_that_duckdb_loses_are_noticed(write_csv, raw_dir, warehouse, monkeypatch):
    write_csv("users.csv", "user_id,name", "U1,Ann")
    whole = csv_file.scan
    monkeypatch.setattr(
        csv_file, "scan", lambda *arguments: csv_file.CsvScan(2, whole(*arguments).line_offsets, 10)
    )
    with pytest.raises(InputError, match="2 records are in the file, but DuckDB reads 1"):
        register(warehouse, inspect(raw_dir))


@pytest.mark.parametrize("row", [b"U2", "U2,Zoë".encode("latin-1")], ids=["by DuckDB", "by the scan"])
def test_a_refused_file_leaves_what_was_registered_before(write_csv, raw_dir, warehouse, load, row):
    write_csv("users.csv", "user_id,name", "U1,Ann")
    load()
    write_csv("users.csv", data=b"user_id,name\n" + row)
    with pytest.raises(InputError):
        register(warehouse, inspect(raw_dir))
    assert warehouse.execute("select user_id from raw.users").fetchall() == [("U1",)]


# Parquet


def test_types_that_staging_can_cast_stay(write_parquet, load, warehouse):
    write_parquet(
        "deals.parquet",
        "select 7 as deal_id, timestamptz '2026-01-02 03:04:05+02' as created_at, 'won' as status,"
        " timestamp_ns '2026-01-02 03:04:05.123456789' as closed_at, date '2026-01-05' as expected_close_on,"
        " 12.34::decimal(9, 2) as amount, 0.5::double as probability",
    )
    (row,) = load("deals", "deal_id, created_at::varchar")
    assert row == (7, "2026-01-02 01:04:05+00")
    types = describe(warehouse, "deals")
    assert types["deal_id"] == "INTEGER"
    assert types["created_at"] == "TIMESTAMP WITH TIME ZONE"
    assert types["closed_at"] == "TIMESTAMP_NS"
    assert types["amount"] == "DECIMAL(9,2)"
    assert list(types)[-1] == "_row_number"


def test_other_types_become_text(write_parquet, load, warehouse):
    write_parquet(
        "users.parquet",
        "select '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid as user_id, encode('Zoë') as name,"
        " '\\xFFx'::blob as email, {'a': 1, 'b': 'x'} as team, [1, 2] as department,"
        " map {'k': 1} as manager_id, 'b'::enum('a', 'b') as hired_on",
    )
    columns = "user_id, name, email, team, department, manager_id, hired_on"
    assert load(columns=columns) == [
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "Zoë", "\\xFFx", "{'a': 1, 'b': x}", "[1, 2]", "{k=1}", "b")
    ]
    assert {describe(warehouse, "users")[name] for name in columns.split(", ")} == {"VARCHAR"}


def test_the_number_of_a_row_stands_for_an_id_that_the_file_lacks(write_csv, write_parquet, load):
    write_csv("order_items.csv", "order_id,quantity", "o1,1", '"o\n2",1', "o2,1")
    write_parquet(
        "costs.parquet", "select '2026-01-31' as incurred_on, 'other' as purpose, 5 as amount from range(2)"
    )
    # A line break is in the row before the last one.
    expected = [("o1", "2", 2), ("o\n2", "3", 3), ("o2", "5", 5)]
    assert load("order_items", "order_id, line_number, _row_number") == expected
    assert load("costs", "cost_id, _row_number") == [("1", 1), ("2", 2)]


def test_columns_that_a_parquet_file_lacks_have_the_types_of_the_contract(write_parquet, load, warehouse):
    write_parquet(
        "activities.parquet", "select 'A1' as activity_id, 'call' as activity_type, now() as occurred_at"
    )
    load("activities", "activity_id")
    types = describe(warehouse, "activities")
    assert types["duration_minutes"] == "DECIMAL(18,4)"
    assert types["is_automated"] == "BOOLEAN"
    assert types["due_at"] == "TIMESTAMP"
    assert types["channel"] == "VARCHAR"


def test_rows_are_numbered_by_their_position(write_parquet, load, warehouse):
    write_parquet("users.parquet", "select 'U' || range as user_id from range(1, 300001)")
    load(columns="1")
    wrong = "select count(*) from raw.users where user_id <> 'U' || _row_number"
    assert warehouse.execute(wrong).fetchall() == [(0,)]


def test_nested_and_odd_columns_do_not_shift_names(write_parquet, raw_dir, load):
    write_parquet(
        "users.parquet",
        """select {'name': {'user_id': 1}} as "it's", [{'x': 1}] as "a""b", 'U1' as "User_ID",
        'Ann' as name""",
    )
    assert load() == [("U1", "Ann", 1)]
    assert "not read: it's, a\"b. If one of them is email, " in inspect(raw_dir).warnings[1]


def test_a_parquet_file_without_rows_is_an_empty_table(write_parquet, load, warehouse):
    write_parquet("users.parquet", "select 'U1' as user_id where false")
    assert load() == []
    assert warehouse.execute("select row_count from raw._files").fetchall() == [(0,)]


BAD_PARQUET = {
    "no magic": (b"user_id,name\nU1,Ann\n", "is no Parquet file, or was not written to its end"),
    "broken off": (b"PAR1" + b"x" * 50, "is no Parquet file, or was not written to its end"),
    "garbage": (b"PAR1" + b"x" * 50 + b"PAR1", "can't be read as Parquet"),
    "encrypted": (b"PARE" + b"x" * 50 + b"PARE", "is encrypted"),
    "two bytes": (b"PA", "is no Parquet file"),
    "nothing": (b"", "is empty (0 bytes)"),
}


@pytest.mark.parametrize(("data", "message"), BAD_PARQUET.values(), ids=BAD_PARQUET)
def test_what_is_no_parquet_is_refused(write_csv, raw_dir, data, message):
    path = write_csv("users.parquet", data=data)
    with pytest.raises(InputError) as caught:
        inspect(raw_dir)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_a_parquet_file_without_a_required_column_is_refused(write_parquet, raw_dir):
    write_parquet("users.parquet", "select 1 as id")
    with pytest.raises(InputError, match="has no column user_id"):
        inspect(raw_dir)


def test_a_column_named_as_duckdbs_own_is_refused(write_parquet, raw_dir, warehouse):
    write_parquet("users.parquet", "select 'U1' as user_id, 1 as file_row_number")
    with pytest.raises(InputError, match=r"users\.parquet .*file_row_number"):
        register(warehouse, inspect(raw_dir))


def test_a_directory_of_parquet_parts_is_refused(raw_dir):
    (raw_dir / "users.parquet").mkdir()
    with pytest.raises(InputError, match=r"is not a file\. Put all rows of a table into one file"):
        inspect(raw_dir)


# Directories that are refused


def test_a_directory_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist"):
        inspect(tmp_path / "nowhere")


def test_a_file_in_place_of_the_directory_is_refused(write_csv):
    with pytest.raises(InputError, match=r"users\.csv is a file\. Give the directory"):
        inspect(write_csv("users.csv", "user_id"))


@pytest.mark.parametrize("name", [None, "notes.txt", "Users.csv"])
def test_a_directory_without_a_raw_table_is_refused(write_csv, raw_dir, name):
    if name:
        write_csv(name, "user_id")
    with pytest.raises(InputError, match=r"holds no raw table\. .* users"):
        inspect(raw_dir)


def test_a_broken_link_is_refused(raw_dir):
    (raw_dir / "users.csv").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"users\.csv can't be read: No such file"):
        inspect(raw_dir)


def test_all_files_are_judged_at_once_with_the_lines_that_map_them(write_csv, raw_dir):
    deals = write_csv("deals.csv", "Vorgang,Angelegt am,Status", "D1,2026-01-05,won")
    users = write_csv("users.csv", "Kürzel,Name", "U1,Ann")
    write_csv("products.csv", "product_id", "P1")
    tickets = write_csv("tickets.csv", data="Ticket,Eröffnet\n1,2026-01-05\n".encode("cp1252"))
    accounts = write_csv("accounts.csv", data=b"")
    with pytest.raises(InputError) as caught:
        inspect(raw_dir)
    message = str(caught.value).splitlines()
    starts = (
        f"{accounts} is empty (0 bytes). ",
        f"{users} has no column user_id, which the table users needs (required: user_id; optional: name, ",
        f"{deals} has no columns deal_id, created_at, which the table deals needs (required: deal_id, ",
        f"{tickets} is not UTF-8: line 1 holds the byte 0xF6. ",
    )
    found = {start: [line for line in message[:4] if line.startswith(start)] for start in starts}
    assert all(len(lines) == 1 for lines in found.values()), message
    assert message[4:] == [
        "Or leave the file as it is, and write into raw_columns.csv of the settings:",
        "  raw_table,column_name,name_in_file",
        "  users,user_id,<its name in the file>",
        "  deals,deal_id,<its name in the file>",
        "  deals,created_at,<its name in the file>",
        "Or leave the file as it is, and write into raw_formats.csv of the settings:",
        "  raw_table,encoding",
        "  tickets,windows-1252",
    ]


def test_an_own_column_that_the_file_lacks_is_an_error(write_csv, raw_dir):
    write_csv("users.csv", "user_id,ofice", "U1,Berlin")
    own = tuple(
        replace(
            table,
            columns=(*table.columns, RawColumn("office", "text", required=False, is_own=True)),
        )
        if table.name == "users"
        else table
        for table in read_contract()
    )
    message = "has no column office, which own_columns.csv .* for users.*The file has: user_id, ofice"
    with pytest.raises(InputError, match=message):
        inspect(raw_dir, own)
