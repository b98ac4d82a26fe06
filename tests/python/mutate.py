"""Makes random changes of one line in the SQL, runs the tests that could see them, and says which survive.

A test is worth what it notices. A mutation that no test sees is either a missing test or no change at all (an
equivalent one): which of the two, a person has to say.

The project is parsed and the sample is built once; then each mutation is made in memory. The tests are run in
the order of their cost, until one fails: dbt's unit tests of the models that the line is part of, as queries;
the data tests of the sample's tables that come out otherwise; tests in Python, which compute the same in
another way.

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
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.run.build import BuildOptions
from crm_kpis.sql import quote_text
from dbt.cli.main import dbtRunner
from dbt_common.clients.jinja import get_environment
from dbt_common.exceptions import DbtBaseException, DbtRuntimeError
from jinja2 import TemplateError
from mutations import Mutation, find_mutations
from pipeline import SAMPLE_DIR, Build, CompiledProject, build, build_compiled, connect_warehouse
from unit_test_queries import LONGEST_SECONDS, UnitTest, UnitTestRecorder, passes

# Tests in Python of a model and all before it: a second computation of each KPI and of each comparison.
_TESTS_OF_MODELS = {
    "kpi_values": ("independent", "coverage", "pipeline", "hostile_values"),
    "kpi_evaluation": ("usual_change", "evaluation"),
}
# Against scipy, from the macros alone.
_TESTS_OF_MACROS = ("statistics", "significance")
# All tables take half a minute. Who runs a join without its condition sees that it doesn't end.
_LONGEST_REBUILD_SECONDS = 90
# DuckDB says so of SQL that has no meaning. No test is needed to see that.
_NO_SQL = re.compile(r"(Parser|Binder|Catalog) Error")
# What Jinja and dbt raise of code that makes no SQL.
_NO_JINJA = (DbtBaseException, TemplateError, ArithmeticError, LookupError, TypeError, ValueError)
_STAGES = ("unit", "data", "python")


@dataclass(frozen=True)
class Verdict:
    """What came of a mutation.

    Attributes:
        test: The test that failed; "" for SQL without a meaning; None: the mutation survives.
        kind: What kind of test that is: unit test, build, data test or Python test.
        changed: Of a survivor: the tables of the sample that come out otherwise.
    """

    test: str | None
    kind: str = ""
    changed: tuple[str, ...] = ()


class Suite:
    """The tests that could see a mutation.

    Args:
        directory: An empty directory for all that is built.
        mutations: Those that are going to be judged.
        until: The last tests to run: `unit`, `data` or `python`, which take a minute or two.
    """

    def __init__(self, directory: Path, mutations: list[Mutation], *, until: str) -> None:
        self._directory, self._until = directory, until
        self._sample = build(directory / "sample")
        if self._sample.status:
            raise SystemExit(f"The project can't be built:\n{self._sample.all_output}")
        os.environ.update(BuildOptions(SAMPLE_DIR, self._sample.output, as_of=None).environment)
        self._compiled = CompiledProject(self._sample)
        self._open = ExitStack()
        self._failing_anyway: list[str] = []
        self._manifest: Any = None
        self._manifest = self._invoke("parse")
        self._unit_tests = self._record_unit_tests(mutations)

    def judge(self, mutation: Mutation) -> Verdict:
        """Run the tests, the cheapest first, until one fails."""
        parsed, attribute, changed_code = self._find_parsed(mutation)
        code, nodes, compiled = getattr(parsed, attribute), self._find_nodes(parsed), []
        setattr(parsed, attribute, changed_code)
        try:
            get_environment().parse(changed_code)
            failed = self._run_unit_tests(set(nodes))
            if failed is None and self._until != "unit":
                compiled = self._invoke("compile", "--select", *nodes) if nodes else []
        except _NO_JINJA:
            return Verdict("")
        finally:
            setattr(parsed, attribute, code)
        if failed is not None:
            return Verdict(failed, "unit test" if failed else "")
        if self._until == "unit":
            return Verdict(None)
        return self._judge_sample(
            mutation, {result.node.name: result.node.compiled_code for result in compiled}
        )

    def _record_unit_tests(self, mutations: list[Mutation]) -> list[tuple[UnitTest, str]]:
        """The unit tests of what is mutated, the fastest first, and their queries before that."""
        parsed = {id(found): found for found, *_ in map(self._find_parsed, mutations)}
        models = {name for found in parsed.values() for name in self._find_nodes(found)}
        recorder = UnitTestRecorder(self._manifest.nodes)
        if models:
            with recorder.record() as keep:
                selected = (f"test_type:unit,{name}" for name in sorted(models))
                self._invoke("test", "--select", *selected, callback=keep)
        tests = recorder.read(self._warehouse)
        return [(test, test.render()) for test in tests]

    def _run_unit_tests(self, models: set[str]) -> str | None:
        """The first unit test of these models that fails; "" for SQL without a meaning; None: all pass."""
        for test, before in self._unit_tests:
            query = test.render() if test.model.name in models else before
            try:
                if query != before and not passes(self._warehouse, query):
                    return test.name
            except duckdb.InterruptException:
                return f"{test.name}, which takes more than {LONGEST_SECONDS} s"
            except duckdb.Error as error:
                message = str(error).partition("\n")[0]
                return "" if _NO_SQL.search(message) else f"{test.name}: {message}"
        return None

    def _judge_sample(self, mutation: Mutation, compiled: dict[str, str | None]) -> Verdict:
        sql = {name: code for name, code in compiled.items() if code and code != self._sql.get(name)}
        try:
            changed, failed = self._rebuild(sql)
        except duckdb.InterruptException:
            return Verdict(f"that takes more than {_LONGEST_REBUILD_SECONDS} s", "build")
        except duckdb.Error as error:
            message = str(error).partition("\n")[0]
            return Verdict("") if _NO_SQL.search(message) else Verdict(message, "build")
        if failed:
            return Verdict(failed, "data test")
        failed = (
            self._run_python_tests(mutation, sql, rebuilds=bool(changed)) if self._until == "python" else ""
        )
        return Verdict(failed, "Python test") if failed else Verdict(None, changed=tuple(changed))

    def _find_parsed(self, mutation: Mutation) -> tuple[Any, str, str]:
        """What dbt has parsed of a line: the model or macro, its attribute with the code, the code after."""
        lines = (PROJECT_DIR / mutation.path).read_text("utf-8").splitlines(keepends=True)
        text, start = "".join(lines), sum(map(len, lines[: mutation.line - 1]))
        models = (node for node in self._manifest.nodes.values() if node.resource_type == "model")
        candidates = [
            *((model, "raw_code") for model in models),
            *((macro, "macro_sql") for macro in self._manifest.macros.values()),
        ]
        for node, attribute in candidates:
            if node.package_name != "crm_kpis" or node.original_file_path != mutation.path:
                continue
            code = getattr(node, attribute)
            begin = text.index(code)
            if begin <= start < begin + len(code):
                position = start - begin
                # The last line of the code may have lost its end.
                rest = code[position + len(mutation.before) :]
                return node, attribute, f"{code[:position]}{mutation.after}{rest}"
        raise LookupError(f"dbt has parsed nothing of {mutation}")

    def _find_nodes(self, parsed: Any) -> list[str]:
        """The names of models and data tests that are made from it, by other macros, too."""
        reached, more = {parsed.unique_id}, {parsed.unique_id}
        while more:
            macros = self._manifest.macros.items()
            more = {key for key, macro in macros if reached & set(macro.depends_on.macros)} - reached
            reached |= more
        return sorted(
            node.name
            for key, node in self._manifest.nodes.items()
            if node.resource_type in ("model", "test")
            and (key in reached or reached & set(node.depends_on.macros))
        )

    @cached_property
    def _sql(self) -> dict[str, str]:
        """The SQL of models and data tests by name."""
        return {name: model.sql for name, model in self._compiled.models.items()} | self._compiled.data_tests

    @cached_property
    def _inputs(self) -> dict[str, set[str]]:
        """What models and data tests read, by name."""
        nodes = self._compiled.manifest["nodes"]
        return {
            node["name"]: {nodes[key]["name"] for key in node["depends_on"]["nodes"] if key in nodes}
            for node in nodes.values()
            if node["resource_type"] in ("model", "test")
        }

    @cached_property
    def _warehouse(self) -> duckdb.DuckDBPyConnection:
        """A copy of the sample's warehouse for the unit tests, which read what they are not given."""
        file = shutil.copyfile(self._sample.warehouse, self._directory / "unit_tests.duckdb")
        return self._open.enter_context(connect_warehouse(str(file)))

    @cached_property
    def _before(self) -> Path:
        """A copy of the sample's warehouse, which dbt holds open."""
        return shutil.copyfile(self._sample.warehouse, self._directory / "before.duckdb")

    def _rebuild(self, sql: dict[str, str]) -> tuple[list[str], str]:
        """Build what changes on a copy of the sample's warehouse, and run the data tests of it.

        Returns:
            The tables that come out otherwise, and the data test that fails, or "".
        """
        file = self._directory / "mutated.duckdb"
        shutil.copyfile(self._before, file)
        changed: list[str] = []
        with connect_warehouse(str(file)) as connection, _interrupted(connection):
            connection.execute(f"attach {quote_text(str(self._before))} as before (read_only)")
            for name, model in self._compiled.models.items():
                if name in sql or self._inputs[name].intersection(changed):
                    kind, query = "view" if model.is_view else "table", sql.get(name, model.sql)
                    connection.execute(f"create or replace {kind} {model.relation} as {query}")
                    if _differs(connection, name):
                        changed.append(name)
            # Those of examples, which a run leaves out, are compiled where they change.
            severities = self._compiled.severities
            tests = self._compiled.data_tests | {name: sql[name] for name in sql.keys() & severities.keys()}
            for name, query in tests.items():
                if severities[name] != "error":
                    continue
                if name in sql or self._inputs[name].intersection(changed):
                    found = connection.execute(f"from ({query}) limit 1").fetchall()
                    if found:
                        return changed, name
        return changed, ""

    def _run_python_tests(self, mutation: Mutation, sql: dict[str, str], *, rebuilds: bool) -> str:
        """The test in Python that fails with the mutation, but not without it, or ""."""
        path = self._copy / mutation.path
        text = path.read_text("utf-8")
        lines = text.splitlines(keepends=True)
        lines[mutation.line - 1] = mutation.after
        mutated = self._write_build("mutated.json", self._build(sql, rebuilds=rebuilds))
        while True:
            path.write_text("".join(lines), "utf-8")
            failed = self._run_pytest(mutated, self._find_python_tests(mutation, set(sql)))
            path.write_text(text, "utf-8")
            if not failed:
                return ""
            sample = self._write_build("sample.json", self._sample)
            if not self._run_pytest(sample, [failed]):
                return failed.removeprefix(f"{self._copy}/")
            self._failing_anyway.append(failed)

    def _find_python_tests(self, mutation: Mutation, models: set[str]) -> list[str]:
        """The tests that name the file, then those of what is made from it."""
        while True:
            more = {name for name, read in self._inputs.items() if read & models} - models
            if not more:
                break
            models |= more
        others = [test for model, tests in _TESTS_OF_MODELS.items() if model in models for test in tests]
        if mutation.path.startswith("macros/"):
            others += _TESTS_OF_MACROS
        folder = self._copy / "tests" / "python"
        about = re.compile(rf"\b{Path(mutation.path).stem}\b")
        named = [
            path.stem.removeprefix("test_")
            for path in sorted(folder.glob("test_*.py"))
            if about.search(path.read_text("utf-8"))
        ]
        return [str(folder / f"test_{name}.py") for name in dict.fromkeys([*named, *others])]

    def _write_build(self, name: str, made: Build) -> Path:
        file = self._directory / name
        file.write_text(json.dumps(asdict(made), default=str), "utf-8")
        return file

    def _run_pytest(self, sample_build: Path, tests: list[str]) -> str:
        """The first test that fails, or ""."""
        if not tests:
            return ""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        command += ["-m", "statistics or not slow"]
        deselected = [f"--deselect={test}" for test in self._failing_anyway]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CRM_KPIS")}
        environment["PYTHONPATH"] = str(self._copy / "scripts")
        environment["CRM_KPIS_SAMPLE_BUILD"] = str(sample_build)
        done = subprocess.run(
            [*command, *deselected, *tests],
            cwd=self._copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode in (0, 5):  # 5: no test was left
            return ""
        # The name of a test may hold blanks: its parameters are part of it.
        failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
        if not failed:
            raise SystemExit(f"No test failed, but pytest:\n{done.stdout}{done.stderr}")
        return failed[1]

    @cached_property
    def _copy(self) -> Path:
        """A copy of the project for what reads its files."""
        project = self._directory / "project"
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
            cwd=PROJECT_DIR,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in listed.stdout.splitlines():
            if (PROJECT_DIR / name).is_file():
                (project / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT_DIR / name, project / name)
        return project

    def _build(self, sql: dict[str, str], *, rebuilds: bool) -> Build:
        """The build of the sample with the changed SQL, whose tables are the same unless it rebuilds them."""
        output = self._directory / "mutated"
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(self._sample.output, output)
        manifest = json.loads((output / "dbt_target" / "manifest.json").read_text("utf-8"))
        for node in manifest["nodes"].values():
            if node["name"] in sql:
                node["compiled_code"] = sql[node["name"]]
        (output / "dbt_target" / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        same = Build(output, self._sample.status, self._sample.stdout, self._sample.stderr)
        if not rebuilds:
            return same
        rebuilt = self._directory / "rebuilt"
        shutil.rmtree(rebuilt, ignore_errors=True)
        return build_compiled(same, rebuilt)

    def _invoke(self, command: str, *arguments: str, callback: Callable[[Any], None] | None = None) -> Any:
        """What comes of a command of dbt, whose events the callback gets."""
        options = {
            "--project-dir": PROJECT_DIR,
            "--profiles-dir": PROJECT_DIR,
            "--target-path": self._directory / "dbt_target",
            "--partial-parse-file-path": PROJECT_DIR / "target" / "crm_kpis" / "partial_parse.msgpack",
            "--log-level": "none",
            "--log-level-file": "none",
        }
        flags = [str(part) for option in options.items() for part in option]
        runner = dbtRunner(self._manifest, [callback] if callback else [])
        outcome = runner.invoke([command, "--quiet", *flags, *arguments])
        if not outcome.success:
            failed = [result for result in outcome.result or [] if result.status in ("error", "fail")]
            messages = "\n".join(f"{result.node.name}: {result.message}" for result in failed)
            raise outcome.exception or DbtRuntimeError(f"dbt {command} fails:\n{messages}")
        return outcome.result


@contextmanager
def _interrupted(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupt what the connection still does when a rebuild should be over."""
    timer = threading.Timer(_LONGEST_REBUILD_SECONDS, connection.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _differs(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a table has other rows than before."""
    now, before = f"from warehouse.main.{name}", f"from before.main.{name}"
    query = f"from (({now} except all {before}) union all ({before} except all {now})) limit 1"
    return bool(connection.execute(query).fetchall())


def main() -> int:
    """Make the mutations and print what came of each; the status is 1 if too many survive."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--number", type=int, default=10, help="of mutations (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the choice (default: another one each time)")
    parser.add_argument("--path", default="", help="a regular expression that is found in path:line")
    parser.add_argument(
        "--until", default="python", choices=_STAGES, help="the last tests (default: %(default)s)"
    )
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed  # noqa: S311 - nothing is kept secret
    possible = choose_mutations(options.path, random.Random(seed))  # noqa: S311
    print(f"{len(possible):,} mutations are possible. Seed {seed}.", flush=True)
    kinds: Counter[str] = Counter()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        # Some make no SQL, and are not counted.
        chosen = possible[: 2 * options.number]
        suite = Suite(Path(directory), chosen, until=options.until)
        for mutation in chosen:
            if kinds.total() == options.number:
                break
            began = time.monotonic()
            verdict = suite.judge(mutation)
            if verdict.test != "":
                kinds[verdict.kind] += 1
                print(f"{_describe(mutation, verdict)} ({time.monotonic() - began:.1f} s)", flush=True)
    judged, survivors = kinds.total(), kinds.pop("", 0)
    killers = ", ".join(f"{number} by a {kind}" for kind, number in kinds.most_common())
    # Where one in twenty survives, two of ten do so every twelfth night: that tells nothing new.
    allowed = max(2, judged // 20)
    print(f"{judged - survivors} of {judged} were killed ({killers}); {allowed} may survive.")
    print(f"It took {time.monotonic() - start:.0f} s.")
    return int(survivors > allowed)


def choose_mutations(pattern: str, rng: random.Random) -> list[Mutation]:
    """The mutations in a random order: one of each kind in a line, since there are many other dates.

    Args:
        pattern: A regular expression that must be found in their path:line.
        rng: What chooses.
    """
    places: dict[tuple[str, int, str], list[Mutation]] = {}
    for mutation in find_mutations(PROJECT_DIR):
        if re.search(pattern, f"{mutation.path}:{mutation.line}"):
            places.setdefault((mutation.path, mutation.line, mutation.kind), []).append(mutation)
    chosen = [rng.choice(mutations) for mutations in places.values()]
    rng.shuffle(chosen)
    return chosen


def _describe(mutation: Mutation, verdict: Verdict) -> str:
    if verdict.test:
        return f"killed    {mutation}, by {verdict.kind} {verdict.test}"
    changed = f"{len(verdict.changed)} tables of the sample change: {', '.join(verdict.changed[:5])}"
    return f"survived  {mutation}; {changed if verdict.changed else 'no table of the sample changes'}"


if __name__ == "__main__":
    sys.exit(main())
