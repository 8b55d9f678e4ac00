"""The sections on a third objective, on paths and on taking charts away, each by itself."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from greenai_core.errors import BadInput
from greenai_core.jobs import previews
from greenai_core.record import Record
from greenai_core.store import records
from greenai_core.store.database import writing
from pages.components import chart_export
from tests import factory


def _space() -> None:
    """A page by itself: Streamlit runs this text without what stands around it."""
    from greenai_core.analysis.explore import Filters
    from pages.components import data, space

    space.section(data.asked(Filters("digits")))


def _path() -> None:
    import streamlit as st

    from greenai_core.analysis.explore import COSTS, Filters
    from pages.components import data, path

    cost = next(name for name in COSTS if name == st.query_params.get("cost", "Size"))
    view = data.explore(data.asked(Filters("digits", cost=cost)))
    assert view is not None
    path.section(view, data.runs(), st.query_params.get("pick"), st.query_params.get_all("selected"))


def _export() -> None:
    import plotly.graph_objects as go
    import streamlit as st

    from pages.components import chart_export

    figure = go.Figure(go.Scatter(x=[1], y=[2]))
    st.plotly_chart(figure, config=chart_export.config("a_chart", key="export"))
    st.json(chart_export.config("a_chart", key="export"))
    chart_export.popover(figure, name="a_chart", caption="One point.", key="export")


def opened(page: Any, *stored: Record, **query: str) -> AppTest:
    with writing() as connection:
        records.insert(connection, *stored)
    app = AppTest.from_function(page, default_timeout=30)
    app.query_params.update(query)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def pruned() -> list[Record]:
    """Runs whose parameters tell the stages apart, without any that ends after an earlier stage."""
    return [factory.record(factory.spec(technique="l1_channel_pruning", sparsity=part)) for part in (0.3, 0.8)]


def words(app: AppTest) -> str:
    text = "\n".join(str(item.value) for kind in ("markdown", "caption", "info", "error") for item in app.get(kind))
    return text.replace("\\", "")


def test_a_third_axis_can_be_any_cost_that_is_not_drawn_already() -> None:
    app = opened(_space, *factory.records(2))
    assert app.pills(key="third").value == "Latency"
    assert "Size" not in app.pills(key="third").options
    assert "on the front of three objectives" in words(app)
    assert len(app.get("plotly_chart")) == 1
    (listed,) = app.dataframe
    assert {"rank", "on_front", "latency_ms"} <= set(listed.value.columns)
    checked(app.pills(key="third").set_value("MACs").run())
    assert "only because of macs" in words(app)


def test_of_lifetimes_it_asks_how_many_predictions_are_served() -> None:
    app = opened(_space, *factory.records(2), third="Lifetime energy")
    assert "lifetime energy, 1 million predictions" in words(app)
    checked(app.select_slider(key="predictions").set_value(1e9).run())
    assert "lifetime energy, 1 billion predictions" in words(app)


def test_a_link_restores_the_third_axis_and_how_it_is_drawn() -> None:
    app = opened(_space, *factory.records(2), third="Training energy", drawn_as="Parallel coordinates")
    assert app.pills(key="third").value == "Training energy"
    assert app.segmented_control(key="drawn_as").value == "Parallel coordinates"
    assert "Training energy :gray-badge[○ estimated]" in words(app)
    assert "dominate" in words(app)


def test_runs_that_do_not_compare_in_the_third_are_offered() -> None:
    app = opened(_space, *factory.records(2), *factory.records(1, host="elsewhere"), third="Latency")
    assert "11 runs measured under other conditions" in words(app)
    (groups,) = app.selectbox
    assert "22 runs" in groups.options[0] and "11 runs" in groups.options[1]
    checked(groups.select_index(1).run())
    assert "22 runs measured under other conditions" in words(app)
    assert app.query_params["third_group"]


def test_a_third_figure_that_nobody_knows_is_said() -> None:
    app = opened(_space, *factory.records(1, carbon_train_g=None), third="Carbon")
    assert "No run here has a known carbon" in words(app)


def test_the_path_of_the_recommended_recipe_is_shown_first_and_another_can_be_chosen() -> None:
    stored = list(factory.records(1))
    app = opened(_path, *stored)
    (choice,) = app.selectbox
    assert len(choice.options) > 1 and not any("dense" in option for option in choice.options)
    stages = list(app.dataframe[0].value["Stage"])
    assert (stages[0], len(stages), stages[2]) == ("1. train", 3, "3. fine_tune")
    last = choice.options[-1]
    checked(choice.select(last).run())
    chosen = app.query_params["path"]
    assert f"Run {chosen}, seed 0" in words(app)
    again = opened(_path, pick=chosen)
    assert f"Run {chosen}, seed 0" in words(again) and again.selectbox[0].value == chosen


def test_selected_points_and_the_one_of_the_link_are_offered_too() -> None:
    stored = list(factory.records(1))
    front = opened(_path, *stored)
    offered = front.selectbox[0].options
    beaten = factory.record(
        factory.spec(technique="l1_channel_pruning", sparsity=0.5), accuracy_val=0.1, size_bytes=10**9
    )
    assert opened(_path, beaten).selectbox[0].options == offered
    app = opened(_path, selected=beaten.run_id)
    assert len(app.selectbox[0].options) == len(offered) + 1
    app = opened(_path, path=beaten.run_id)
    assert f"Run {beaten.run_id}, seed 0" in words(app)


def test_where_bytes_are_not_known_the_axis_says_what_it_shows_instead() -> None:
    stored = pruned()
    app = opened(_path, *stored)
    assert "File size is known after 1 stage only, so the axis shows parameters instead" in words(app)
    assert "Parameters" in app.dataframe[0].value


def test_sizes_are_predicted_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask(document: Any, *, again: bool) -> dict[str, Any]:
        asked.append(len(document["recipe"]))
        return {"after": {"size_bytes": [4000, 4000]}}

    monkeypatch.setattr(previews, "ask", ask)
    stored = pruned()
    app = opened(_path, *stored)
    assert not asked
    checked(app.toggle(key="path_predicted").set_value(True).run())
    assert asked == [1, 2]
    assert list(app.dataframe[0].value["File size"])[:2] == ["≈ 3.91 KB"] * 2
    assert opened(_path, path_predicted="true").toggle(key="path_predicted").value

    def refused(document: Any, *, again: bool) -> dict[str, Any]:
        raise BadInput("dataset: not to be had here.")

    monkeypatch.setattr(previews, "ask", refused)
    checked(app.run())
    assert "not to be had here" in words(app)
    assert "the axis shows parameters instead" in words(app)


def test_a_cost_that_the_record_knows_needs_no_other_run() -> None:
    app = opened(_path, *factory.records(1), cost="Training energy")
    assert "instead" not in words(app)
    assert "Training energy so far" in app.dataframe[0].value
    assert not app.toggle


def test_a_front_of_single_stages_has_no_path() -> None:
    app = opened(_path, factory.record(factory.spec()))
    assert "no path" in words(app) and not app.selectbox


def test_the_format_of_the_picture_is_that_of_the_camera() -> None:
    app = opened(_export)
    assert '"format":"png"' in app.json[0].value.replace(" ", "")
    assert "the camera" in words(app)
    checked(app.segmented_control(key="export-picture").set_value("SVG").run())
    assert '"format":"svg"' in app.json[0].value.replace(" ", "")
    assert [button.label for button in app.get("download_button")] == ["Download HTML"]
    assert chart_export.PICTURES == ("PNG", "SVG")
