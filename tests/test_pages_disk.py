"""The section on disk at the foot of Results."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from greenai_core.examples import first_experiment
from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.store import artifacts, disk

FRAME = str(Path(__file__).resolve().parents[1] / "pages" / "main.py")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started."""
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)


@pytest.fixture
def loose(own_store: Path) -> None:
    """Two models that no record names, and a data set whose name is no markdown."""
    for name in ("one", "two"):
        artifacts.write(f"models/{name}.onnx", b"x" * 1536)
        os.utime(own_store / "artifacts" / "models" / f"{name}.onnx", (1.6e9, 1.6e9))
    folder = own_store / "data" / "my_*own*"
    folder.mkdir(parents=True)
    (folder / "image.png").write_bytes(b"12345")


@pytest.fixture
def read_only() -> Iterator[None]:
    """A dashboard that others can reach."""
    before = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    yield
    config.set_option("server.address", before)


def opened() -> AppTest:
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.switch_page("results.py").run()
    app.session_state["disk"] = True
    app.run()
    assert not app.exception, app.exception
    return app


def rows(app: AppTest) -> dict[str, list[str]]:
    """The cells of the table by its first column."""
    (table,) = [item.value for item in app.get("table") if "Unreferenced" in item.value.columns]
    return {row[0]: row[1:] for row in table.to_numpy().tolist()}


def words(app: AppTest) -> str:
    return "\n".join(str(item.value) for kind in ("markdown", "caption", "info", "error") for item in app.get(kind))


def clearing(app: AppTest) -> list[tuple[str, bool]]:
    return [(button.label, button.disabled) for button in app.button if button.key == "clear"]


def test_nothing_is_looked_up_before_the_section_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "usage", lambda: 1 / 0)
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.switch_page("results.py").run()
    assert not app.exception


def test_an_empty_store_says_so_and_offers_nothing() -> None:
    app = opened()
    assert "Nothing but the database yet" in words(app)
    assert not app.get("table") and not clearing(app)


def test_kinds_sizes_and_the_cap_are_shown(loose: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_CHECKPOINTS_CAP_MB", "10")
    artifacts.write("checkpoints/k/history.json", b"x" * 1024**2)
    app = opened()
    assert rows(app)["Deployed models"] == ["2", "3.00 KB", "3.00 KB"]
    assert rows(app)["Prefix checkpoints"] == ["1", "1.00 MB", "none"]
    assert rows(app)[r"Data set my\_\*own\*"] == ["1", "5.00 B", "never cleared"]
    (bar,) = app.get("progress")
    assert bar.value == 10 and "1.00 MB of 10.0 MB" in bar.text


def test_data_alone_is_nothing_to_clear(own_store: Path) -> None:
    (own_store / "data").mkdir()
    (own_store / "data" / "archive.zip").write_bytes(b"12345")
    app = opened()
    assert "Nothing is unreferenced." in words(app) and not clearing(app)


def test_clearing_is_asked_for_and_not_done_by_one_click(loose: None) -> None:
    app = opened()
    assert clearing(app) == [("Clear 2 unreferenced files (3.00 KB)", False)]
    app.button(key="clear").click().run()
    assert not app.exception
    assert {"clear-confirmed", "clear-not"} <= {button.key for button in app.button}
    assert "2 files (3.00 KB) will be gone for good" in words(app)
    assert artifacts.exists("models/one.onnx")


def test_who_may_only_look_sees_why(loose: None, read_only: None) -> None:
    app = opened()
    assert clearing(app) == [("Clear 2 unreferenced files (3.00 KB)", True)]
    assert "This dashboard is read-only" in words(app)


def test_a_live_job_is_given_as_the_reason_why_checkpoints_stay(loose: None) -> None:
    queue.submit([first_experiment()], access=Access.local())
    assert "Checkpoints and resume snapshots stay while a job waits" in words(opened())


def test_files_that_cannot_be_listed_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    files, _ = artifacts._locate("x")

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(files), "find", refuse)
    app = opened()
    assert "cannot be listed" in words(app)
