"""Data flow one way through the folders of models/, and names say where a model lies."""

from __future__ import annotations

import re

import pytest
from crm_kpis.published.write import TAG
from crm_kpis.raw.contract import PROJECT_DIR
from crm_kpis.yaml_files import parse_yaml

MODELS = PROJECT_DIR / "models"
# The folders of models/ in the order in which data flow, each with those that it reads. All may
# read seeds and settings.
READS = {
    "staging": {"raw"},
    "calendar": {"staging"},
    "dimensions": {"staging", "calendar"},
    "rejections": {"raw", "personal", "staging", "calendar", "dimensions"},
    "facts": {"staging", "calendar", "dimensions"},
    "intermediate": {"staging", "calendar", "dimensions", "facts"},
    "measures": {"calendar", "facts", "intermediate"},
    "kpis": {"calendar", "rejections", "facts", "intermediate", "measures"},
    "comparisons": {"calendar", "kpis", "snapshots"},
    "evaluation": {"calendar", "kpis", "comparisons"},
    "next_steps": {"calendar", "dimensions", "facts", "intermediate", "evaluation"},
}
AREAS = {"sales", "marketing", "customers", "service", "team", "roll_out"}
# Macros that one engine has instead of another begin so.
_ENGINES = ("duckdb__", "default__")
# The first words of the names of a folder's models. int_ is a step on the way, which is not published.
PREFIXES = {
    "staging": ("stg_", "rejected_rows"),
    "dimensions": ("dim_",),
    "facts": ("fct_", "int_"),
    "intermediate": ("int_",),
    "measures": ("measures", "int_"),
}


@pytest.fixture(scope="module")
def manifest(compiled):
    return compiled.manifest


@pytest.fixture(scope="module")
def models(manifest):
    return {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}


def _folder(manifest, key: str) -> str:
    """The folder of a model below models/; of a source its name."""
    kind = key.partition(".")[0]
    return manifest["sources"][key]["source_name"] if kind == "source" else manifest["nodes"][key]["fqn"][1]


def test_each_folder_reads_the_ones_before_it():
    earlier = {"raw", "personal", "snapshots"}
    for folder, read in READS.items():
        assert read <= earlier, folder
        earlier.add(folder)
    # models/settings declares sources alone.
    assert set(READS) == {path.name for path in MODELS.iterdir() if path.is_dir()} - {"settings"}


def test_models_read_what_their_folder_may_read(manifest, models):
    against = [
        f"{node['name']} reads {read}"
        for key, node in models.items()
        for read in node["depends_on"]["nodes"]
        if not read.startswith(("seed.", "source.crm_kpis.settings."))
        and _folder(manifest, read) not in READS[_folder(manifest, key)] | {_folder(manifest, key)}
    ]
    assert not against


def test_all_that_a_folder_may_read_is_read(manifest, models):
    read = {
        (_folder(manifest, key), _folder(manifest, name))
        for key, node in models.items()
        for name in node["depends_on"]["nodes"]
        if not name.startswith("seed.")
    }
    assert not {(folder, other) for folder, others in READS.items() for other in others} - read


def test_names_begin_with_the_prefix_of_their_folder(models):
    for node in models.values():
        assert node["name"].startswith(PREFIXES.get(node["fqn"][1], "")), node["original_file_path"]
        assert node["fqn"][1] in ("facts", "intermediate", "measures") or not node["name"].startswith("int_")


def test_what_is_published_is_a_fact_or_above_and_no_step(models):
    for node in models.values():
        is_published = TAG in node["tags"]
        if node["name"].startswith(("fct_", "dim_")):
            assert is_published, node["name"]
        if node["name"].startswith(("stg_", "int_", "measures")):
            assert not is_published, node["name"]


def test_long_folders_have_a_folder_for_each_area(models):
    for folder in ("facts", "intermediate", "measures"):
        found = {tuple(node["fqn"][2:-1]) for node in models.values() if node["fqn"][1] == folder}
        assert found <= {(), *((area,) for area in AREAS)}, folder


def test_models_are_described_in_the_yaml_named_after_their_folder(models):
    for node in models.values():
        folder = (PROJECT_DIR / node["original_file_path"]).parent
        assert node["patch_path"].endswith(f"{folder.name}/_{folder.name}.yml"), node["name"]


def test_unit_tests_lie_in_the_folder_of_their_model(manifest, models):
    paths = {node["name"]: node["original_file_path"] for node in models.values()}
    for test in manifest["unit_tests"].values():
        folder = paths[test["model"]].rpartition("/")[0]
        assert test["original_file_path"] == f"{folder}/_unit_tests.yml", test["name"]


def test_unit_tests_give_the_rows_of_their_inputs(manifest):
    """Of an input without rows dbt takes the seed's file, and does not see when that changes."""
    for test in manifest["unit_tests"].values():
        for given in test["given"]:
            assert given["rows"] is not None, (test["name"], given["input"])
            assert given["fixture"] is None, (test["name"], given["input"])


def test_every_yaml_file_is_named_after_what_it_holds():
    names = {"_sources.yml", "_unit_tests.yml", "_exposures.yml"}
    for path in MODELS.rglob("*.yml"):
        assert path.name in names | {f"_{path.parent.name}.yml"}, path
        keys = set(parse_yaml(path.read_text(encoding="utf-8"))) - {"version", "anchors"}
        assert keys <= {path.stem[1:] if path.name in names else "models"}, path


def test_rows_of_yaml_are_at_most_140_characters_wide():
    for path in [*MODELS.rglob("*.yml"), *(PROJECT_DIR / "seeds").rglob("*.yml")]:
        wide = [n for n, row in enumerate(path.read_text("utf-8").splitlines(), start=1) if len(row) > 140]
        assert not wide, (path, wide)


def test_macro_files_list_their_macros_at_the_head():
    for path in (PROJECT_DIR / "macros").rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        names = [name for name in re.findall(r"{%-? macro (\w+)", text) if not name.startswith(_ENGINES)]
        head = " ".join(text.partition("#}")[0].split())
        assert len(names) < 3 or head.endswith(f"Macros: {', '.join(names)}."), path
