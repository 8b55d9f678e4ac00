"""The section on what techniques promise and keep, by itself."""

from __future__ import annotations

import random

import pytest
from streamlit.testing.v1 import AppTest

from greenai_core.record import Record
from greenai_core.store import artifacts, records
from greenai_core.store.database import writing
from pages.components import zipped
from tests.analysis.test_promised import CUT, INT8, MASKED, made


def _section() -> None:
    """A page by itself: Streamlit runs this text without what stands around it."""
    from greenai_core.analysis.explore import Filters
    from pages.components import data, promised

    asked = data.asked(Filters("digits"))
    view = data.explore(asked)
    assert view is not None
    promised.section(asked, view)


def opened(*stored: Record, **query: str) -> AppTest:
    with writing() as connection:
        records.insert(connection, *stored)
    app = AppTest.from_function(_section, default_timeout=30)
    app.query_params.update(query)
    app.run()
    assert not app.exception, app.exception
    return app


def words(app: AppTest) -> str:
    text = "\n".join(str(item.value) for kind in ("markdown", "caption", "info", "error") for item in app.get(kind))
    return text.replace("\\", "")


def with_file(record: Record, content: bytes) -> Record:
    uri = f"models/{record.run_id}.onnx"
    artifacts.write(uri, content)
    return record.model_copy(update={"provenance": {**record.provenance, "model_uri": uri}})


def test_the_answer_comes_first_and_every_recipe_is_in_the_table() -> None:
    app = opened(made(), made(MASKED, nonzero_params=119_988), made(INT8, size_bytes=1_200_000), made(CUT))
    assert app.markdown[0].value.startswith("Of 3 techniques that promise a number, so many keep it")
    assert app.markdown[0].value.endswith("joules per prediction. :gray-badge[○ estimated]")
    (table,) = app.dataframe
    assert list(table.value["Technique"]) == ["magnitude_pruning", "l1_channel_pruning", "static_quantization"]
    assert "The file holds all 1,199,882 weights, of which 119,988 are not zero." in words(app)


def test_stored_files_are_zipped_once_and_those_of_the_bank_are_missing_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []

    def counted(content: bytes) -> int:
        sizes.append(len(content))
        return len(content)

    monkeypatch.setattr(zipped, "zipped_bytes", counted)
    noise = random.Random(0)
    dense = with_file(made(), noise.randbytes(4000))
    masked = with_file(made(MASKED, nonzero_params=119_988), noise.randbytes(500))
    app = opened(dense, masked, made(INT8, size_bytes=1_200_000))
    (table,) = app.dataframe
    by = table.value.set_index("Technique")
    assert by.loc["magnitude_pruning", "Zipped (times)"] == 8.0
    assert by["Zipped (times)"].isna().tolist() == [False, True]
    assert "Zipped: Unknown: its file is not stored here." in by.loc["static_quantization", "Why not"]
    app.run()
    assert sorted(sizes) == [500, 4000]


def test_a_file_that_is_stored_later_is_zipped_then() -> None:
    noise = random.Random(1)
    dense = with_file(made(), noise.randbytes(4000))
    masked = made(MASKED, nonzero_params=119_988)
    app = opened(dense, masked)
    assert app.dataframe[0].value["Zipped (times)"].isna().all()
    with writing() as connection:
        records.insert(connection, with_file(masked, noise.randbytes(500)))
    app.run()
    assert not app.exception
    assert app.dataframe[0].value["Zipped (times)"].notna().all()


def test_a_link_restores_the_figure_that_is_drawn() -> None:
    app = opened(made(), made(MASKED), real="Latency")
    assert app.get("button_group")[0].value == "Latency"


def test_runs_measured_elsewhere_are_offered_and_said() -> None:
    app = opened(made(), made(MASKED), made(host="elsewhere"), made(CUT, host="elsewhere"))
    (choice,) = [box for box in app.selectbox if box.label == "Measured on"]
    assert len(choice.options) == 2
    assert "Left out: 2 runs not timed, or timed under other conditions." in words(app)
    before = list(app.dataframe[0].value["Technique"])
    choice.select_index(1).run()
    assert not app.exception
    after = list(app.dataframe[0].value["Technique"])
    assert before != after
    again = opened(promised_group=app.query_params["promised_group"])
    assert list(again.dataframe[0].value["Technique"]) == after


def test_where_nothing_was_promised_or_timed_that_is_said() -> None:
    assert "Every run here is dense" in words(opened(made()))
    assert "No run here was timed" in words(opened(made(latency_ms=None, energy_per_sample_j=None)))
