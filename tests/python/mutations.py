"""Changes of one line that a slip of the hand would make in the SQL of models and macros."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_JINJA_COMMENT = re.compile(r"{#.*?#}", re.DOTALL)
# Spark's own, where DuckDB has one, too.
_SPARK_MACRO = re.compile(r"{%-? macro (?:default|spark)__(\w+)\(.*?endmacro -?%}", re.DOTALL)
_DATE = re.compile(r"\b\w+_(?:on|at|start|end|from|until)\b")
# A row becomes a column: of one value the least is the greatest. One row has a place, one is of a side, one
# is the total, one the mix of all segments.
_NO_PIVOT = (
    r"(?!value\) filter \(where measure = |[\w.]+\) filter \(where [\w.]*(?:place|number|rank|side) = "
    r"|case when (?:segment_by = 'all'|segment is null) then )"
)
# Each kind of change: what it finds and what it puts in its place. SQL is lower case, with a clause a line.
_KINDS: dict[str, tuple[str, str]] = {
    "a comparison without its end": (r" (<|>)= ", r" \1 "),
    "a comparison with its end": (r" (<|>) ", r" \1= "),
    "the opposite": (r" = ", " <> "),
    "its opposite": (r" <> ", " = "),
    "null for not null": (r" is not null\b", " is null"),
    "not null for null": (r" is null\b", " is not null"),
    "a filter gone": (r" ?filter \(where [^()]*\)", ""),
    "a condition gone": (r"^( *)where .*$", r"\1where true"),
    "one condition fewer": (r"^ *and .*\n", ""),
    "or for and": (r" and ", " or "),
    "a left join": (r"\binner join\b", "left join"),
    "an inner join": (r"\bleft join\b", "inner join"),
    "minus for plus": (r" \+ ", " - "),
    "plus for minus": (r" - ", " + "),
    "rows for values": (r"\bcount\((?!\*|distinct)[^()]*\)", "count(*)"),
    "duplicates, too": (r"\bcount\(distinct ", "count("),
    "the greatest": (rf"\bmin\({_NO_PIVOT}", "max("),
    "the least": (rf"\bmax\({_NO_PIVOT}", "min("),
    "a default gone": (r"\bcoalesce\(([\w.]+), (?:'[^']*'|[^()'])+\)", r"\1"),
    "upside down": (r" desc\b", " asc"),
}
# Partitions by a condition are those by its opposite.
_PARTITION = re.compile(r"\bpartition by [\w.]+$")
_INNER_JOIN = re.compile(r"^( *)inner join (\w+)(?: as (\w+))?(?: on .*)?$")
_COMPARES = "(?:=|<>|<|>|<=|>=|like|between)"
# What is more than a comparison of two columns may be true of NULL.
_NO_COMPARISON = re.compile(r"[(){}]|\b(?:or|case|exists|distinct|is null)\b")


@dataclass(frozen=True)
class Mutation:
    """A change of one line.

    Attributes:
        path: The file, relative to the project.
        line: The number of the line.
        kind: What is done to it.
        before: The line, with its end.
        after: The line that takes its place.
    """

    path: str
    line: int
    kind: str
    before: str
    after: str

    def __str__(self) -> str:
        after = self.after.strip() or "(nothing)"
        return f"{self.path}:{self.line} {self.kind}: `{self.before.strip()}` -> `{after}`"


def mutate_line(line: str, dates: set[str]) -> Iterator[tuple[str, str]]:
    """Yield each change of a line as its kind and the changed line.

    Args:
        line: The line, with its end.
        dates: The date columns of its file.
    """
    code = line.partition("--")[0]
    if not code.strip() or "{#" in code:
        return
    for kind, (pattern, replacement) in _KINDS.items():
        for match in re.finditer(pattern, code, re.MULTILINE):
            if "null" in kind and _PARTITION.search(code[: match.start()]):
                continue
            yield kind, code[: match.start()] + match.expand(replacement) + code[match.end() :]
    for match in _DATE.finditer(code):
        suffix = match[0].rpartition("_")[2]
        # A name after `as` is the column's own.
        if not code[: match.start()].endswith(" as "):
            for other in sorted(dates - {match[0]}):
                if other.endswith(suffix):
                    yield "another date", code[: match.start()] + other + code[match.end() :]


def find_mutations(project: Path) -> list[Mutation]:
    """All changes of the models and macros that could be made, but for what only Spark runs."""
    found = []
    for path in sorted([*project.glob("models/**/*.sql"), *project.glob("macros/**/*.sql")]):
        name, text = str(path.relative_to(project)), path.read_text("utf-8")
        code = _without_what_is_not_run(text)
        dates = set(_DATE.findall(code))
        lines = zip(text.splitlines(keepends=True), code.splitlines(keepends=True), strict=False)
        for number, (line, left) in enumerate(lines, start=1):
            if line == left:
                found += [
                    Mutation(name, number, kind, line, after)
                    for kind, after in mutate_line(line, dates)
                    if not (kind == "a left join" and is_partner_required(code.splitlines()[number - 1 :]))
                ]
    return found


def is_partner_required(lines: list[str]) -> bool:
    """Whether a later condition compares a column of the joined table, which a left join would leave NULL.

    Args:
        lines: The line of the join and those after it, without comments.
    """
    join = _INNER_JOIN.match(lines[0])
    if not join:
        return False
    indent, table = len(join[1]), join[3] or join[2]
    clauses: list[list[str]] = []
    condition, nested_below = "", 1000
    for line in lines[1:]:
        depth, text = len(line) - len(line.lstrip()), line.strip()
        if depth > nested_below:
            continue
        nested_below = depth if text.endswith("(") else 1000
        if depth == indent and text:
            clause = re.match(r"(inner join .* on |inner join|where|(?:left|cross) join)", text)
            if not clause:
                break
            condition = "" if "left" in clause[1] or "cross" in clause[1] else clause[1].split()[0]
            clauses.append([])
            text = text[clause.end() :]
        elif depth < indent and text:
            break
        # A condition a line: below `where` one step in, below the `on` of a join two.
        if condition and depth <= indent + (4 if condition == "where" else 8):
            clauses[-1].append(text)
    return any(_is_clause_required(" ".join(clause), table) for clause in clauses)


def _is_clause_required(clause: str, table: str) -> bool:
    """Whether the conditions of one `on` or `where` are not true where the table's columns are NULL."""
    alternatives = re.split(r"(?:^| )or ", clause)
    return all(
        any(_is_comparison(part.strip(), table) for part in re.split(r"(?:^| )(?:and|on) ", alternative))
        for alternative in alternatives
    )


def _is_comparison(condition: str, table: str) -> bool:
    """Whether it is not true where the table's columns are NULL."""
    side = rf"[^=<>]*\b{table}\.\w+[^=<>]*"
    compared = rf"{side} {_COMPARES} .+|.+ {_COMPARES} {side}|(?:not )?{table}\.\w+|{table}\.\w+ is not null"
    return bool(re.fullmatch(compared, condition)) and not _NO_COMPARISON.search(condition)


def _without_what_is_not_run(text: str) -> str:
    """The text with blank lines in place of comments and of macros that only Spark runs."""
    code = _JINJA_COMMENT.sub(_blank, text)
    return _SPARK_MACRO.sub(lambda macro: _blank(macro) if f"duckdb__{macro[1]}(" in code else macro[0], code)


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")
