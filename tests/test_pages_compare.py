"""Runs side by side, in Streamlit's own harness: what every tab shows, and what it says where there is nothing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from streamlit.testing.v1 import AppTest

from greenai_core.record import Record
from greenai_core.spec import Spec, digest
from greenai_core.store import artifacts, records
from tests import factory

FRAME = str(Path(__file__).resolve().parents[1] / "pages" / "main.py")
TABS = ["Figures", "Cost of each stage", "Learning curves", "Confusion", "Size by layer"]
FACTS = {
    "normalisation": {"mean": [0.3], "std": [0.2]},
    "input_shape": [1, 28, 28],
    "classes": ["no", "yes"],
    "images": {"val": 360, "test": 100},
}
PRUNED = factory.spec(technique="l1_channel_pruning", sparsity=0.8)


def small_file(outputs: int) -> bytes:
    """One linear layer."""
    import numpy as np

    weights = numpy_helper.from_array(np.ones((outputs, 784), np.float32), "fc.weight")
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Gemm", ["flat", "fc.weight"], ["logits"], "/fc/Gemm", transB=1),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, 28, 28])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", outputs])
    return bytes(helper.make_model(helper.make_graph(nodes, "g", [images], [logits], [weights])).SerializeToString())


def kept(spec: Spec, outputs: int | None, **changes: object) -> Record:
    """A stored run; `outputs` of its stored file, None: it has none here."""
    record = factory.record(spec)
    uri = f"models/{record.run_id}.onnx"
    facts = {**record.provenance, **FACTS, "model_uri": uri}
    changes = {"confusion": ((50, 1), (2, 47)), **changes}
    if outputs:
        artifacts.write(uri, small_file(outputs))
        changes["size_bytes"] = len(small_file(outputs))
    record = record.model_copy(update={"provenance": facts, **changes})
    records.save(record)
    return record


def _several(found: list[object]) -> None:
    """A page by itself: Streamlit runs this text without what stands around it."""
    from pages.components import inspect

    inspect.several(found)  # type: ignore[arg-type]


def _one(record: object) -> None:
    """A page by itself, as above."""
    from pages.components import inspect

    inspect.one(record)  # type: ignore[arg-type]


def compared(*found: Record) -> AppTest:
    app = AppTest.from_function(_several, args=(list(found),), default_timeout=30).run()
    assert not app.exception, app.exception
    return app


def table(app: AppTest, column: str) -> pd.DataFrame:
    (found,) = [item.value for item in app.dataframe if column in item.value.columns]
    return found


def words(app: AppTest) -> str:
    return "\n".join(str(item.value) for kind in ("caption", "info", "error") for item in app.get(kind))


def test_two_selected_runs_are_compared_in_every_tab() -> None:
    first, other = kept(factory.spec(), 10), kept(PRUNED, 2, confusion=((46, 5), (1, 48)))
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.switch_page("results.py").run()
    order = list(records.table("own")["run_id"])
    app.session_state[f"choose-{digest(order)}"] = {"selection": {"rows": [0, 1], "columns": [], "cells": []}}
    app.run()
    assert not app.exception and not app.error
    assert "2 runs compared" in [item.value for item in app.subheader]
    assert [tab.label for tab in app.tabs] == TABS
    figures = table(app, "B against A").set_index("Figure")
    assert figures.loc["Parameters", "B against A"] in ("-80 %", "+396 %")
    assert {"True class", "Predicted class", "B - A"} <= set(table(app, "B - A").columns)
    layers = table(app, "Layer")
    assert list(layers["Layer"]) == ["1. fc", "Graph and names", "Whole file"]
    assert sorted(layers.iloc[-1, 2:]) == sorted([first.size_bytes, other.size_bytes])
    assert (layers.iloc[:-1, 2:].sum() == layers.iloc[-1, 2:]).all()


def test_what_cannot_be_told_apart_is_said_in_words() -> None:
    app = compared(kept(factory.spec(), 10), kept(PRUNED, 10, accuracy=0.975, accuracy_val=0.98))
    assert "no difference that these runs can tell: Validation accuracy, Test accuracy" in words(app)
    assert "same images" in words(app)


def test_of_three_runs_any_may_be_held_against_the_first() -> None:
    found = [kept(factory.spec(), 10), kept(PRUNED, 10), kept(factory.spec(model="mlp_student"), None)]
    found[2] = found[2].model_copy(update={"confusion": ((40, 11), (0, 49))})
    app = compared(*found)
    assert list(table(app, "Figure").columns)[-1] == "C against A"
    assert not any("True class" in item.value.columns for item in app.dataframe)  # B answers as A does
    app.selectbox(key="confusion-of").select_index(1).run()
    assert list(table(app, "True class")["C - A"]) == ["+10", "-2"]
    assert "There is no file here of C: dense, mlp_student, seed 0. Launch the spec again" in words(app)
    assert list(table(app, "Layer").columns[2:]) == ["A", "B"]


def test_answers_on_other_data_do_not_compare() -> None:
    app = compared(kept(factory.spec(), None), kept(factory.spec(dataset="kmnist"), None))
    assert "were tested on other data: their answers do not compare" in words(app)
    assert not any("Layer" in item.value.columns for item in app.dataframe)


def test_a_run_without_predictions_says_so() -> None:
    known = kept(factory.spec(), None)
    unknown = kept(PRUNED, None, confusion=None, notes={"confusion": "the run was cancelled"})
    assert "is unknown: the run was cancelled." in words(compared(known, unknown))


def test_a_single_run_shows_its_confusion_and_its_layers() -> None:
    app = AppTest.from_function(_one, args=(kept(factory.spec(), 10),), default_timeout=30).run()
    assert not app.exception, app.exception
    assert "Confusion" in [tab.label for tab in app.tabs]
    assert list(table(app, "True class")["Images"]) == [2, 1]
    assert table(app, "Layer").iloc[0, 2] == 4 * 7840
    bare = AppTest.from_function(_one, args=(kept(PRUNED, None),), default_timeout=30).run()
    assert "is not stored here. Launch its spec" in words(bare)
    assert not any("Layer" in item.value.columns for item in bare.dataframe)


def test_a_broken_file_is_one_sentence() -> None:
    broken = kept(factory.spec(), 10)
    artifacts.write(broken.provenance["model_uri"], b"no model")
    app = compared(broken, kept(PRUNED, 10))
    assert [item.value for item in app.error] == [
        "The stored model cannot be read; launch the run's spec again to make it anew."
    ]
