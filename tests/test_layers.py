"""Imports go one way, and what only shows results never loads torch (2.5 s and 225 MB)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "greenai_core"
PAGES = ROOT / "pages"


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def belongs(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("path", modules(CORE), ids=name)
def test_the_core_knows_no_page(path: Path) -> None:
    assert not [module for module in imported(path) if belongs(module, ("streamlit", "pages"))]


@pytest.mark.parametrize(
    "path", [*modules(CORE / "techniques"), *modules(CORE / "models"), *modules(CORE / "datasets")], ids=name
)
def test_an_entry_knows_neither_run_nor_jobs_nor_store(path: Path) -> None:
    forbidden = ("greenai_core.run", "greenai_core.jobs", "greenai_core.store", "streamlit")
    assert not [module for module in imported(path) if belongs(module, forbidden)]


@pytest.mark.parametrize("path", modules(PAGES), ids=name)
def test_a_page_is_short_and_does_no_computing(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 150
    computing = ("torch", "torchvision", "numpy", "sklearn", "sqlalchemy", "onnx", "onnxruntime", "moocore")
    assert not [module for module in imported(path) if belongs(module, computing)]


def test_the_dashboard_is_a_door_and_no_room() -> None:
    assert len((ROOT / "app.py").read_text("utf-8").splitlines()) <= 30


def loaded_by(code: str) -> set[str]:
    """Run `code` in a fresh process; returns the heavy modules that it loaded."""
    script = (
        f"{code}\nimport sys\nprint(*[m for m in ('torch', 'torchvision', 'sklearn', 'streamlit') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


LIGHT = (
    "errors",
    "settings",
    "registry",
    "spec",
    "record",
    "progress",
    "units",
    "forms",
    "draft",
    "wording",
    "examples",
    "deploy",
    "values",
    "jobs.access",
    "jobs.queue",
    "jobs.control",
    "jobs.dependencies",
    "jobs.attempt",
    "jobs.sweeps",
    "jobs.supervisor",
    "jobs.warm",
    "jobs.previews",
    "energy.meter",
    "layer_sizes",
    *(
        f"{file.parent.name}.{file.stem}"
        for package in ("analysis", "charts", "store")
        for file in sorted((ROOT / "greenai_core" / package).glob("*.py"))
    ),
)


def test_what_only_shows_results_loads_no_torch() -> None:
    imports = "\n".join(f"import greenai_core.{module}" for module in LIGHT)
    assert loaded_by(imports) == set()


def test_the_catalogue_and_the_check_of_a_spec_load_no_torch() -> None:
    code = """
from greenai_core import forms, registry
from greenai_core.draft import Draft
from greenai_core.examples import first_experiment
registry.catalog()
Draft.of_spec(first_experiment()).specs()
[forms.fields(kind, name) for kind in registry.KINDS for name in registry.names(kind)]
"""
    assert loaded_by(code) == set()


@pytest.mark.parametrize("page", ["overview", "explore", "results", "launch", "jobs"])
def test_a_page_loads_no_torch(page: str) -> None:
    code = f"""
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(PAGES / "main.py")!r}, default_timeout=60).run()
if {page!r} not in ("overview", "launch"):
    app.switch_page({f"{page}.py"!r}).run()
assert not app.exception, app.exception
"""
    if page == "launch":  # its preview starts a process of its own, which loads torch; the page itself must not
        code = "import pages.components.spec_form, pages.components.price_tag"
    assert loaded_by(code) == {"streamlit"}
