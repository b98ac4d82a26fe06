"""Makes random changes of one line in the SQL, runs the tests that could see them, and says which survive.

A test is worth what it notices. A mutation that no test sees is either a missing test or no change at all (an
equivalent one): which of the two, a person has to say.

    python tests/python/mutate.py --number 10 --seed 7
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# What else sees the numbers: a second computation of each KPI, the statistics against scipy, the data tests.
_OTHER_TESTS = ("independent", "statistics", "significance", "pipeline", "evaluation", "hostile_values")
# DuckDB says so of SQL that has no meaning. No test is needed to see that.
_NO_SQL = re.compile(r"(Parser|Binder|Catalog) Error|Compilation Error")
_DATE = re.compile(r"\b\w+_(?:on|at|start|end|from|until)\b")
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
    "the greatest": (r"\bmin\(", "max("),
    "the least": (r"\bmax\(", "min("),
    "a default gone": (r"\bcoalesce\(([\w.]+), (?:'[^']*'|[^()'])+\)", r"\1"),
    "upside down": (r" desc\b", " asc"),
}


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
            yield kind, code[: match.start()] + match.expand(replacement) + code[match.end() :]
    for match in _DATE.finditer(code):
        suffix = match[0].rpartition("_")[2]
        # A name after `as` is the column's own.
        if not code[: match.start()].endswith(" as "):
            for other in sorted(dates - {match[0]}):
                if other.endswith(suffix):
                    yield "another date", code[: match.start()] + other + code[match.end() :]


def find_mutations(project: Path) -> list[Mutation]:
    """All changes of the models and macros that could be made."""
    found = []
    for path in sorted([*project.glob("models/**/*.sql"), *project.glob("macros/**/*.sql")]):
        name = str(path.relative_to(project))
        text = re.sub(
            r"{#.*?#}",
            lambda comment: "\n" * comment[0].count("\n"),
            path.read_text("utf-8"),
            flags=re.DOTALL,
        )
        dates = set(_DATE.findall(text))
        lines = zip(
            path.read_text("utf-8").splitlines(keepends=True), text.splitlines(keepends=True), strict=False
        )
        for number, (line, without_comment) in enumerate(lines, start=1):
            if line == without_comment:
                found += [
                    Mutation(name, number, kind, line, after) for kind, after in mutate_line(line, dates)
                ]
    return found


class Copy:
    """A copy of the project, in which mutations are made one after the other."""

    def __init__(self, directory: Path) -> None:
        self.project, self._output = directory / "project", directory / "output"
        listed = self._run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=PROJECT)
        for name in listed.stdout.splitlines():
            if (PROJECT / name).is_file():
                (self.project / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT / name, self.project / name)
        built = self._run(sys.executable, "-m", "crm_kpis.cli", "run", "--output", self._output)
        if built.returncode:
            raise SystemExit(f"The project can't be built:\n{built.stdout}{built.stderr}")
        manifest = json.loads((self._output / "dbt_target" / "manifest.json").read_text("utf-8"))
        self._macros, self._nodes = manifest["macros"], manifest["nodes"]

    def judge(self, mutation: Mutation) -> str | None:
        """What sees the mutation: a test's name, "" for SQL without a meaning; None if it survives."""
        path = self.project / mutation.path
        text = path.read_text("utf-8")
        lines = text.splitlines(keepends=True)
        lines[mutation.line - 1] = mutation.after
        path.write_text("".join(lines), "utf-8")
        try:
            return self._run_tests(mutation)
        finally:
            path.write_text(text, "utf-8")

    def _run_tests(self, mutation: Mutation) -> str | None:
        models = self._find_models(mutation)
        if models:
            selected = [f"test_type:unit,{name}" for name in models]
            done = self._run(_DBT, "test", "--no-use-colors", "--select", *selected)
            if done.returncode:
                return _find_failed(done, r"(?:Failure|Error) in unit_test (\w+)")
        tests = [f"tests/python/test_{name}.py" for name in _OTHER_TESTS]
        done = self._run(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests)
        return _find_failed(done, r"^(?:FAILED|ERROR) (\S+)") if done.returncode else None

    def _find_models(self, mutation: Mutation) -> list[str]:
        """The models that the file makes, or that read a macro of it, itself or by another one."""
        reached = {key for key, macro in self._macros.items() if _is_of(macro, mutation.path)}
        while True:
            more = {
                key for key, macro in self._macros.items() if reached & set(macro["depends_on"]["macros"])
            }
            if more <= reached:
                break
            reached |= more
        return sorted(
            node["name"]
            for node in self._nodes.values()
            if node["resource_type"] == "model"
            and (_is_of(node, mutation.path) or reached & set(node["depends_on"]["macros"]))
        )

    def _run(self, *command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CRM_KPIS")}
        environment |= {"CRM_KPIS_OUTPUT": str(self._output), "PYTHONPATH": str(self.project / "scripts")}
        return subprocess.run(
            [str(part) for part in command],
            cwd=cwd or self.project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


_DBT = Path(sys.executable).with_name("dbt")


def _find_failed(done: subprocess.CompletedProcess[str], pattern: str) -> str:
    if _NO_SQL.search(done.stdout):
        return ""
    failed = re.search(pattern, done.stdout, re.MULTILINE)
    if not failed:
        raise SystemExit(f"No test failed, but {done.args[0]}:\n{done.stdout}{done.stderr}")
    return failed[1]


def _is_of(node: dict[str, str], path: str) -> bool:
    return node["package_name"] == "crm_kpis" and node["original_file_path"] == path


def main() -> int:
    """Make the mutations and print what came of each; the status is 1 if too many survive."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--number", type=int, default=10, help="of mutations (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the choice (default: another one each time)")
    parser.add_argument("--path", default="", help="a part of the paths of the files to change")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed  # noqa: S311 - nothing is kept secret
    rng = random.Random(seed)  # noqa: S311
    places: dict[tuple[str, int, str], list[Mutation]] = {}
    for mutation in find_mutations(PROJECT):
        if options.path in mutation.path:
            places.setdefault((mutation.path, mutation.line, mutation.kind), []).append(mutation)
    # One of each kind in a line: there are many other dates.
    chosen = [rng.choice(mutations) for mutations in places.values()]
    rng.shuffle(chosen)
    print(f"{len(chosen):,} mutations are possible. Seed {seed}.", flush=True)
    judged, survivors = 0, 0
    with tempfile.TemporaryDirectory() as directory:
        copy = Copy(Path(directory))
        for mutation in chosen:
            if judged == options.number:
                break
            seen_by = copy.judge(mutation)
            if seen_by == "":
                continue
            judged += 1
            survivors += seen_by is None
            print(
                f"survived  {mutation}" if seen_by is None else f"killed    {mutation}, by {seen_by}",
                flush=True,
            )
    allowed = max(1, judged // 20)
    print(f"{judged - survivors} of {judged} were killed; {allowed} may survive.")
    return int(survivors > allowed)


if __name__ == "__main__":
    sys.exit(main())
