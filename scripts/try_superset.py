"""Set up Apache Superset on the published marts, make a dashboard by its REST API and run each chart's query.

    .venv/bin/python scripts/try_superset.py --directory DIRECTORY [--output output] [--port 8088] [--keep]

The directory keeps Superset's environment (0.9 GB from PyPI) and an empty database of it, so the second time
is quick. With --keep the server goes on until it is interrupted: http://localhost:8088, user admin, and the
password that is printed. Exit status: 0 every chart has rows; 1 one has none, or an error.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from crm_kpis.published.connect import FILE_NAME, SCHEMA

PACKAGES = ["apache-superset==6.1.*", "duckdb-engine", "rich", "cachetools", "flask-caching<2.4"]
_LONGEST_START_S = 300


def _chart(dataset: str, name: str, viz_type: str, **query: Any) -> dict[str, Any]:
    return {"dataset": dataset, "name": name, "viz_type": viz_type, "query": query}


def _is(column: str, value: str | bool) -> dict[str, Any]:
    return {"col": column, "op": "==", "val": value}


def _aggregate(function: str, column: str) -> dict[str, Any]:
    return {
        "expressionType": "SIMPLE",
        "column": {"column_name": column},
        "aggregate": function,
        "label": f"{function}({column})",
    }


CHARTS = (
    _chart(
        "kpi_values",
        "Close rate by month",
        "echarts_timeseries_line",
        columns=[
            {
                "columnType": "BASE_AXIS",
                "sqlExpression": "period_start",
                "label": "period_start",
                "expressionType": "SQL",
                "timeGrain": "P1M",
            }
        ],
        metrics=[_aggregate("MAX", "kpi_value")],
        filters=[_is("kpi_id", "close_rate"), _is("period_grain", "month"), _is("segment_by", "all")],
    ),
    _chart(
        "kpi_values",
        "All KPIs of the last year that is over",
        "table",
        columns=["kpi_id", "period_name"],
        metrics=[_aggregate("MAX", "kpi_value"), _aggregate("SUM", "sample_size")],
        filters=[_is("period_grain", "year"), _is("segment_by", "all"), _is("is_complete", True)],
        orderby=[[_aggregate("MAX", "kpi_value"), False]],
    ),
    _chart("kpi_catalogue", "KPIs by area", "pie", columns=["area"], metrics=["count"]),
    _chart(
        "fct_deals",
        "Amount won by owner",
        "echarts_timeseries_bar",
        columns=["owner_id"],
        metrics=[_aggregate("SUM", "amount"), "count"],
        filters=[_is("is_won", True)],
    ),
    _chart("fct_deals", "Deals, row by row", "table", columns=["deal_id", "created_on", "amount", "is_won"]),
    _chart("runs", "Published at", "big_number_total", metrics=[_aggregate("MAX", "published_at")]),
)


class Superset:
    """The REST API of a Superset that somebody is logged in to."""

    def __init__(self, url: str, password: str) -> None:
        """Log in as admin."""
        self._url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._headers = {"Referer": url}
        login = {"username": "admin", "password": password, "provider": "db", "refresh": True}
        self._headers["Authorization"] = (
            f"Bearer {self.call('POST', 'security/login', login)['access_token']}"
        )
        self._headers["X-CSRFToken"] = self.call("GET", "security/csrf_token/")["result"]

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the API and return its answer.

        Raises:
            RuntimeError: It refused, with what it said.
        """
        data = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(  # noqa: S310 - the URL is our own
            f"{self._url}/api/v1/{path}", data=data, method=method, headers=self._headers | kind
        )
        try:
            with self._opener.open(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error


def main() -> int:
    """Set up Superset, make the dashboard and print what each chart's query returned."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--directory", type=Path, required=True, help="where Superset is set up")
    parser.add_argument(
        "--output", type=Path, default=Path("output"), help="the output directory of crm-kpis run"
    )
    parser.add_argument("--port", type=int, default=8088)
    parser.add_argument("--keep", action="store_true", help="go on serving until interrupted")
    arguments = parser.parse_args()
    published = (arguments.output / FILE_NAME).resolve()
    if not published.exists():
        print(f"Error: {published} is missing. Run crm-kpis run first.", file=sys.stderr)
        return 2
    directory = arguments.directory.resolve()
    environment, password = set_up(directory)
    with (directory / "server.log").open("w", encoding="utf-8") as log:
        command = [_program(directory, "superset"), "run", "--port", str(arguments.port), "--with-threads"]
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603
        try:
            superset = _wait_for(f"http://localhost:{arguments.port}", password)
            succeeded = make_dashboard(superset, published)
            if arguments.keep:
                print(
                    f"http://localhost:{arguments.port}/dashboard/list/ (admin, {password}). Ctrl-C ends it."
                )
                server.wait()
        finally:
            server.terminate()
            server.wait()
    return 0 if succeeded else 1


def set_up(directory: Path) -> tuple[dict[str, str], str]:
    """Install Superset with an empty database of its own; the second time, only empty the database.

    Returns:
        The environment variables to run it with, and the password of its user admin.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config, database = directory / "superset_config.py", directory / "superset.db"
    empty, password = directory / "empty.db", directory / "password"
    variables = {
        "SUPERSET_CONFIG_PATH": str(config),
        "SUPERSET_HOME": str(directory),
        "FLASK_APP": "superset",
    }
    environment = os.environ | variables
    if not empty.exists():
        if not Path(_program(directory, "superset")).exists():
            venv.create(directory / "environment", with_pip=True)
            _run(_program(directory, "python"), "-m", "pip", "install", "--quiet", *PACKAGES)
        config.write_text(
            f"SECRET_KEY = {secrets.token_urlsafe(42)!r}\n"
            f"SQLALCHEMY_DATABASE_URI = {'sqlite:///' + str(database)!r}\n"
            "TALISMAN_ENABLED = False\n",
            encoding="utf-8",
        )
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(12), encoding="utf-8")
        database.unlink(missing_ok=True)
        _initialize(_program(directory, "superset"), password.read_text(encoding="utf-8"), environment)
        shutil.copyfile(database, empty)
    shutil.copyfile(empty, database)
    return environment, password.read_text(encoding="utf-8")


def _initialize(superset: str, password: str, environment: dict[str, str]) -> None:
    admin = ["--username", "admin", "--firstname", "A", "--lastname", "B", "--email", "admin@localhost"]
    _run(superset, "db", "upgrade", env=environment)
    _run(superset, "fab", "create-admin", *admin, "--password", password, env=environment)
    _run(superset, "init", env=environment)


def make_dashboard(superset: Superset, published: Path) -> bool:
    """Make database, datasets, charts and dashboard; run each chart's query.

    Returns:
        Whether each has rows.
    """
    engine_parameters = {"engine_params": {"connect_args": {"read_only": True}}}
    database = superset.call(
        "POST",
        "database/",
        {
            "database_name": "CRM KPIs",
            "sqlalchemy_uri": f"duckdb:///{published}",
            "extra": json.dumps(engine_parameters),
        },
    )["id"]
    datasets = {
        name: superset.call("POST", "dataset/", {"database": database, "schema": SCHEMA, "table_name": name})[
            "id"
        ]
        for name in sorted({chart["dataset"] for chart in CHARTS})
    }
    for name, dataset in datasets.items():
        columns = superset.call("GET", f"dataset/{dataset}")["result"]["columns"]
        described = sum(bool(column["description"]) for column in columns)
        print(f"dataset {name}: {len(columns)} columns, {described} with their comment")
    dashboard = superset.call("POST", "dashboard/", {"dashboard_title": "CRM KPIs", "published": True})["id"]
    rows = {chart["name"]: _run_chart(superset, chart, datasets, dashboard) for chart in CHARTS}
    for name, count in rows.items():
        print(f"chart {name}: {count}")
    return all(isinstance(count, int) and count > 0 for count in rows.values())


def _run_chart(
    superset: Superset, chart: dict[str, Any], datasets: dict[str, int], dashboard: int
) -> int | str:
    source = {"id": datasets[chart["dataset"]], "type": "table"}
    form = {"datasource": f"{source['id']}__table", "viz_type": chart["viz_type"]}
    query = {"row_limit": 1000, "metrics": [], "filters": [], "columns": [], **chart["query"]}
    context = {
        "datasource": source,
        "queries": [query],
        "form_data": form,
        "result_format": "json",
        "result_type": "full",
    }
    made = {
        "slice_name": chart["name"],
        "viz_type": chart["viz_type"],
        "datasource_id": source["id"],
        "datasource_type": "table",
        "dashboards": [dashboard],
        "params": json.dumps(form | query),
        "query_context": json.dumps(context),
    }
    try:
        chart_id = superset.call("POST", "chart/", made)["id"]
        result = superset.call("GET", f"chart/{chart_id}/data/?force=true")["result"][0]
    except RuntimeError as error:
        return f"failed: {error}"
    return result["error"] or result["rowcount"]


def _wait_for(url: str, password: str) -> Superset:
    deadline = time.monotonic() + _LONGEST_START_S
    while True:
        try:
            return Superset(url, password)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(2)


def _program(directory: Path, name: str) -> str:
    return str(directory / "environment" / "bin" / name)


def _run(*command: str, env: dict[str, str] | None = None) -> None:
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode:
        sys.exit(f"{' '.join(command[:4])} failed:\n{result.stderr[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
