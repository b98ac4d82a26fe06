"""What must be known of a CSV file before DuckDB loads it: its dialect, and where its records start.

DuckDB parses the fields. It guesses dialects wrongly, counts records where a person counts lines, and with
unlucky options drops rows without a word; so the dialect is found here, from the header, and the records are
counted here, by a scan that knows only line ends and quotes.
"""

from __future__ import annotations

import gzip
import io
import re
import shlex
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from crm_kpis.errors import InputError, first_line

DELIMITERS = (",", ";", "\t", "|")
UTF8 = "utf-8"
# A longer record is an unclosed quote or no CSV at all.
LONGEST_RECORD = 64 << 20
_LONGEST_HEADER = 1 << 20
# Small, so that a quote here and there leaves most chunks without one.
_CHUNK = 1 << 14
_UTF8_BOM = b"\xef\xbb\xbf"
_INNER_BOM = re.compile(rb"(?:\A|\n)\xef\xbb\xbf")
_BLANK_LINES = (b"\n", b"\r\n")
_WEB_PAGE = ("is a web page", "Look into it: it may be a sign-in page or an error of the export.")
_NOT_CSV = {
    b"\x1f\x8b": ("is compressed with gzip", "Give it a name that ends in .csv.gz."),
    b"PK\x03\x04": ("is a ZIP archive or an Excel workbook", "Unzip it, or save the sheet as CSV UTF-8."),
    b"\xd0\xcf\x11\xe0": ("is an Excel workbook", "Save the sheet as CSV UTF-8."),
    b"PAR1": ("is a Parquet file", "Give it a name that ends in .parquet."),
    b"(\xb5\x2f\xfd": ("is compressed with zstd", "Decompress it."),
    b"BZh": ("is compressed with bzip2", "Decompress it."),
    **dict.fromkeys((b"<!DOCTYPE", b"<!doctype", b"<html", b"<HTML", b"<?xml"), _WEB_PAGE),
    **dict.fromkeys((b'{"', b'[{"'), ("is JSON", "Look into it: it may be an error of the export.")),
    b"version https://git-lfs": ("stands for a file that git-lfs keeps", "Fetch it: git lfs pull."),
}
_LONGEST_START = max(map(len, _NOT_CSV))
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# What Excel writes and reads: the delimiter of the lines that follow.
_DELIMITER_LINE = re.compile(r'"?sep=([^"\w\s]|\t)"?\s*', re.IGNORECASE)

# A quoted field from behind its opening quote: the group is its closing quote, empty where there is none.
_QUOTED_REST = rb'[^"]*(?:""[^"]*)*("?)'
_REST_OF_QUOTED = re.compile(_QUOTED_REST)
_QUOTED_FIELD = re.compile(r' *"([^"]*(?:""[^"]*)*)" *')


class EncodingError(InputError):
    """A file is not in the encoding in which it is read.

    Attributes:
        likely: The encoding in which it probably is.
    """

    def __init__(self, message: str, likely: str) -> None:
        """Make the error."""
        super().__init__(message)
        self.likely = likely


@dataclass(frozen=True)
class CsvHeader:
    """The dialect of a CSV file.

    Attributes:
        columns: The names in the header, as they stand.
        delimiter: One of DELIMITERS, or what a line sep= says.
        line: The line of the header; the first line is 1.
        ends_in_crlf: Whether the header's line ends in CR LF.
        encoding: The encoding, as Python names it.
    """

    columns: tuple[str, ...]
    delimiter: str
    line: int
    ends_in_crlf: bool
    encoding: str = UTF8


@dataclass(frozen=True)
class CsvScan:
    """The records of a CSV file below its header.

    Attributes:
        record_count: How many records there are.
        line_offsets: (first record, offset) pairs, in order: from that record on, counted from 1, the line at
            which record n starts is n + offset.
        longest_record: No record is longer than so many bytes.
    """

    record_count: int
    line_offsets: tuple[tuple[int, int], ...]
    longest_record: int


def read_header(path: Path, known_columns: Iterable[str], encoding: str | None = None) -> CsvHeader:
    """Read the header of a CSV file and find its delimiter: the one under which most columns are known.

    A first line `sep=;`, as Excel writes it, names the delimiter and is no header.

    Args:
        path: The file; decompressed with gzip if its name ends in .gz.
        known_columns: The names that the header may hold, in any case.
        encoding: The encoding where no byte order mark says it; None: UTF-8.

    Raises:
        InputError: The file is empty, no CSV, in another encoding, or its header can't be read.
    """
    with open_csv(path) as file:
        encoding = _find_encoding(path, file.read(_LONGEST_START), encoding or UTF8)
    delimiters: tuple[str, ...] = DELIMITERS
    with open_csv(path, encoding) as file:
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST_HEADER), b""), start=1):
            bare = line.removeprefix(_UTF8_BOM)
            named = _DELIMITER_LINE.fullmatch(bare.decode(errors="replace"))
            if named and delimiters == DELIMITERS:
                delimiters = (named[1],)
            elif bare.strip():
                header = _parse_header(path, line, number, known_columns, delimiters)
                return replace(header, encoding=encoding)
    raise InputError(f"{path} is empty. Give it a header line with the names of its columns, or remove it.")


def scan(path: Path, header: CsvHeader) -> CsvScan:
    """Read the whole file once, to check its bytes and to find out where its records start.

    A record whose quote is never closed is not counted: DuckDB refuses it.

    Raises:
        InputError: The file is not UTF-8, its line ends differ, or a line is endless.
    """
    opening, whole_lines = _opening_quote(header.delimiter), _whole_lines(header.delimiter)
    records, line_number, longest = 0, header.line, 0
    record_start, record_size, in_quotes = 0, 0, False
    offsets: list[tuple[int, int]] = []

    def note_records(start: int, count: int) -> None:
        nonlocal records
        offset = start - (records + 1)
        if not offsets or offsets[-1][1] != offset:
            offsets.append((records + 1, offset))
        records += count

    for chunk in _chunks_after_header(path, header):
        _check_bytes(path, chunk, line_number)
        position = 0
        while position < len(chunk):
            if not in_quotes:
                # The pattern matches nothing, too, so that there is always a match.
                match = None if _is_plain(chunk) else whole_lines.match(chunk, position)
                end = match.end() if match else len(chunk)
                if end > position:
                    lines = chunk[position:end]
                    _check_line_ends(path, lines, line_number, header)
                    count = lines.count(b"\n") + (not lines.endswith(b"\n"))
                    note_records(line_number + 1, count)
                    line_number += count
                    longest = max(longest, len(lines))
                    position = end
                    continue
            # A blank line, or one on which a quoted field with a line end starts, goes on or ends.
            line = chunk[position : chunk.find(b"\n", position) + 1 or len(chunk)]
            position += len(line)
            line_number += 1
            if not in_quotes:
                if _is_skipped(line, header):
                    continue
                record_start, record_size = line_number, 0
            record_size += len(line)
            in_quotes = _ends_in_quotes(line, in_quotes, opening)
            if not in_quotes:
                _check_line_ends(path, line, line_number - 1, header)
                note_records(record_start, 1)
                longest = max(longest, record_size)
    return CsvScan(records, tuple(offsets), longest)


def find_bad_record(path: Path, header: CsvHeader) -> str | None:
    """Describe the first record that does not fit the header, with its line; None if all do.

    Slower than the scan by far: for files that DuckDB refused.
    """
    for line, record in _records(path, header):
        if len(record) > LONGEST_RECORD:
            return (
                f"the record that starts on line {line} is longer than {LONGEST_RECORD >> 20} MiB: "
                "its quote is probably not closed"
            )
        try:
            fields = split_record(record.decode().rstrip("\r\n"), header.delimiter)
        except ValueError as error:
            return f"line {line} {error}"
        if len(fields) == len(header.columns) + 1 and not fields[-1]:
            continue  # DuckDB takes a delimiter at the end of the line for its end
        if len(fields) != len(header.columns):
            return f"line {line} has {len(fields)} fields, the header has {len(header.columns)}"
    return None


def split_record(record: str, delimiter: str) -> list[str]:
    """Split a record into its fields.

    >>> split_record('1,"a ""b"", c",', ",")
    ['1', 'a "b", c', '']

    Raises:
        ValueError: A quote is not closed, text follows a closing quote, or a bare field holds a CR.
    """
    fields, position = [], 0
    while True:
        quoted = _QUOTED_FIELD.match(record, position)
        if quoted:
            end = quoted.end()
            fields.append(quoted[1].replace('""', '"'))
            if end < len(record) and record[end] != delimiter:
                raise ValueError('goes on behind a closing quote: within quotes, " is written ""')
        else:
            end = record.find(delimiter, position)
            end = len(record) if end < 0 else end
            field = record[position:end]
            if field.lstrip(" ").startswith('"'):
                raise ValueError("opens a quote that is never closed")
            if "\r" in field:
                raise ValueError("holds a carriage return (CR) outside of quotes")
            fields.append(field)
        if end == len(record):
            return fields
        position = end + 1


@contextmanager
def open_csv(path: Path, encoding: str = UTF8) -> Iterator[BinaryIO]:
    """Open a CSV file's bytes, decompressed with gzip if its name ends in .gz.

    Args:
        path: The file.
        encoding: The encoding of the file. Another one than UTF-8 is read as UTF-8.

    Raises:
        InputError: The file can't be opened, or, on reading, turns out not to be whole and gzip, or not in
            its encoding.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            if encoding == UTF8:
                yield file  # type: ignore[misc]
                return
            with io.BufferedReader(_Recoded(file, encoding), _CHUNK) as recoded:  # type: ignore[arg-type]
                yield recoded
    except UnicodeError as error:
        raise EncodingError(
            f"{path} is not in {encoding}, as it is said to be: {first_line(str(error))}.", UTF8
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} is no gzip file, or a broken one ({error}). Compress it again, "
            "or give it a name that ends in .csv if it is not compressed."
        ) from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}.") from error


class _Recoded(io.RawIOBase):
    """The bytes of a text file in UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        # With newline="" line ends stay as they are.
        self._text = io.TextIOWrapper(file, encoding=encoding, newline="")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._rest or self._text.read(_CHUNK).encode()
        self._rest = data[len(buffer) :]
        buffer[: len(data) - len(self._rest)] = data[: len(buffer)]
        return len(data) - len(self._rest)


def _find_encoding(path: Path, start: bytes, encoding: str) -> str:
    """The encoding that the first bytes say, else the one that is given."""
    for magic, (what, remedy) in _NOT_CSV.items():
        if start.startswith(magic):
            raise InputError(f"{path} {what}, not CSV. {remedy}")
    if start.startswith(_UTF16_MARKS):
        return "utf-16"
    return UTF8 if start.startswith(_UTF8_BOM) else encoding


def _parse_header(
    path: Path, line: bytes, number: int, known_columns: Iterable[str], delimiters: Sequence[str]
) -> CsvHeader:
    _check_bytes(path, line, number - 1)
    if not line.endswith(b"\n") and len(line) >= _LONGEST_HEADER:
        raise InputError(f"{path} has a first line of over 1 MiB: it is no CSV with a header.")
    text = line.removeprefix(_UTF8_BOM).decode()
    bare = text.removesuffix("\n").removesuffix("\r")
    known = {name.lower() for name in known_columns}
    best: tuple[int, int, tuple[str, ...], str] = (-1, 0, (), "")
    reason = ""
    for delimiter in delimiters:
        try:
            columns = tuple(split_record(bare, delimiter))
        except ValueError as error:
            reason = str(error)
            continue
        known_count = sum(column.strip().lower() in known for column in columns)
        if (known_count, len(columns)) > best[:2]:
            best = (known_count, len(columns), columns, delimiter)
    known_count, _, columns, delimiter = best
    # Under another delimiter than its own, a header with a broken quote is one odd name.
    if not columns or (not known_count and reason and any('"' in column for column in columns)):
        hint = "Line ends must be LF or CR LF." if "\r" in bare else "A header must be on one line."
        raise InputError(f"{path} has a header that can't be read: line {number} {reason}. {hint}")
    return CsvHeader(columns, delimiter, number, text.endswith("\r\n"))


def _chunks_after_header(path: Path, header: CsvHeader) -> Iterator[bytes]:
    """Yield the bytes below the header in chunks of whole lines."""
    with open_csv(path, header.encoding) as file:
        for _ in range(header.line):
            file.readline()
        while chunk := file.read(_CHUNK):
            rest = b"" if chunk.endswith(b"\n") else file.readline(LONGEST_RECORD)
            if len(rest) == LONGEST_RECORD:
                raise InputError(f"{path} has a line of over {LONGEST_RECORD >> 20} MiB: it is no CSV.")
            yield chunk + rest


def _check_bytes(path: Path, chunk: bytes, lines_before: int) -> None:
    if chunk.find(b"\0") >= 0:
        line = lines_before + chunk.count(b"\n", 0, chunk.find(b"\0")) + 1
        raise EncodingError(
            f"{path} holds a NUL byte in line {line}: it is no text, or in UTF-16. "
            f"{_conversion(path, 'UTF-16LE')}",
            "utf-16-le",
        )
    if chunk.isascii():
        return
    mark = _INNER_BOM.search(chunk) if lines_before else None
    if mark:
        line = lines_before + chunk.count(b"\n", 0, mark.start() + 1) + 1
        raise InputError(
            f"{path} has a byte order mark at the start of line {line}, where a second file seems to begin: "
            "two exports were joined. Remove the mark, and the header behind it if there is one."
        )
    try:
        chunk.decode()
    except UnicodeDecodeError as error:
        line = lines_before + chunk.count(b"\n", 0, error.start) + 1
        raise EncodingError(
            f"{path} is not UTF-8: line {line} holds the byte 0x{chunk[error.start]:02X}. "
            f"{_conversion(path, 'WINDOWS-1252')}",
            "windows-1252",
        ) from error


def _conversion(path: Path, encoding: str) -> str:
    source = shlex.quote(path.name)
    if path.suffix == ".gz":
        target = shlex.quote("utf8_" + path.name)
        command = f"gunzip -c {source} | iconv -f {encoding} -t UTF-8 | gzip > {target}"
    else:
        target = shlex.quote("utf8_" + path.name)
        command = f"iconv -f {encoding} -t UTF-8 {source} > {target}"
    return f"Convert it, for example: {command}"


def _opening_quote(delimiter: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?:^|" + re.escape(delimiter).encode() + rb') *"' + _QUOTED_REST)


def _ends_in_quotes(line: bytes, in_quotes: bool, opening: re.Pattern[bytes]) -> bool:
    if b'"' not in line:
        return in_quotes
    position = 0
    if in_quotes:
        rest = _REST_OF_QUOTED.match(line)
        if not rest or not rest[1]:
            return True
        position = rest.end()
    return any(not field[1] for field in opening.finditer(line, position))


def _is_plain(chunk: bytes) -> bool:
    """Whether each line of the chunk is a record: no quotes, no blank lines."""
    return not (b'"' in chunk or chunk.startswith(_BLANK_LINES) or b"\n\n" in chunk or b"\n\r\n" in chunk)


def _whole_lines(delimiter: str) -> re.Pattern[bytes]:
    """Matches, from the start of a line, the lines that are a record each: not blank, all quotes closed.

    Some exports quote every field; this takes a third of the time that it takes to look at each line.
    """
    mark = re.escape(delimiter).encode()
    quoted = rb' *"[^"\n]*(?:""[^"\n]*)*" *'
    field = rb"(?:" + quoted + rb'|(?! *")[^\n' + mark + rb"]*)"
    line = rb"(?!\r?\n|\Z)" + field + rb"(?:" + mark + field + rb")*(?:\r?\n|\Z)"
    return re.compile(rb"(?:" + line + rb")*")


def _is_skipped(line: bytes, header: CsvHeader) -> bool:
    # With one column DuckDB takes a blank line for a record with an empty field.
    return line in _BLANK_LINES and len(header.columns) > 1


def _check_line_ends(path: Path, lines: bytes, lines_before: int, header: CsvHeader) -> None:
    """Refuse records that end in another way than the header: DuckDB would not read them."""
    if lines.count(b"\r\n") == (lines.count(b"\n") if header.ends_in_crlf else 0):
        return
    for number, line in enumerate(io.BytesIO(lines), start=lines_before + 1):
        if line.endswith(b"\n") and line.endswith(b"\r\n") != header.ends_in_crlf:
            here, there = ("LF", "CR LF") if header.ends_in_crlf else ("CR LF", "LF")
            raise InputError(
                f"{path} has two kinds of line ends: line {number} ends in {here}, the header in {there}. "
                f"Write all alike, for example: sed -i 's/\\r$//' {shlex.quote(path.name)}"
            )


def _records(path: Path, header: CsvHeader) -> Iterator[tuple[int, bytes]]:
    """Yield the line at which each record starts and its bytes; what is too long is cut."""
    opening = _opening_quote(header.delimiter)
    lines: list[bytes] = []
    line_number, start, size, in_quotes = header.line, 0, 0, False
    for chunk in _chunks_after_header(path, header):
        for line in io.BytesIO(chunk):
            line_number += 1
            if not in_quotes:
                if _is_skipped(line, header):
                    continue
                start, lines, size = line_number, [], 0
            lines.append(line)
            size += len(line)
            in_quotes = _ends_in_quotes(line, in_quotes, opening)
            if not in_quotes or size > LONGEST_RECORD:
                yield start, b"".join(lines)
                if in_quotes:
                    return
    if in_quotes:
        yield start, b"".join(lines)
