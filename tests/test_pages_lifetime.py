"""The section on lifetime energy by itself: what its slider, its grid and its baseline move."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from greenai_core.analysis.explore import Filters
from greenai_core.errors import BadInput
from greenai_core.record import Record
from greenai_core.store import records
from greenai_core.store.database import writing
from pages.components import data
from tests import factory

DENSE, PRUNED, MASKED = (
    "dense, mnist_cnn",
    "l1_channel_pruning, mnist_cnn, sparsity 0.80",
    "magnitude_pruning, mnist_cnn",
)


def runs(host: str = "here") -> Iterator[Record]:
    """Dense, pruned, which saves, and masked, which does not; three seeds each."""
    for technique, train, sample in (
        ("dense", 560.0, 7.5e-4),
        ("l1_channel_pruning", 640.0, 1.5e-4),
        ("magnitude_pruning", 780.0, 7.7e-4),
    ):
        for seed in range(3):
            yield factory.record(
                factory.spec(technique=technique, sparsity=0.0 if technique == "dense" else 0.8, seed=seed),
                host=host,
                accuracy_val=0.9 + seed / 1000,
                energy_train_j=train + seed,
                energy_per_sample_j=sample * (1 + seed / 1000),
                energy_per_sample_b1_j=2 * sample * (1 + seed / 1000),
            )


def _section() -> None:
    """A page by itself: Streamlit runs this text without what stands around it."""
    import streamlit as st

    from greenai_core.analysis.explore import Filters
    from pages.components import lifetime

    lifetime.section(Filters("digits", techniques=tuple(st.query_params.get_all("technique"))))


def _page() -> None:
    """The controls of a page, what it recommends, and below them the section."""
    from greenai_core.analysis.choice import recommend
    from pages.components import controls, lifetime, recommended
    from tests import factory

    filters = controls.filters()
    view = factory.view(filters)
    assert view is not None
    with recommended.ask():
        recommended.say(view, recommend(view.front, recommended.limits()))
    lifetime.section(filters)


def opened(*stored: Record, page: Callable[[], None] = _section, **query: str) -> AppTest:
    with writing() as connection:
        records.insert(connection, *stored)
    app = AppTest.from_function(page, default_timeout=30)
    app.query_params.update(query)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def words(app: AppTest) -> str:
    text = "\n".join(str(item.value) for kind in ("markdown", "caption", "info", "error") for item in app.get(kind))
    return text.replace("\\", "")


def box(app: AppTest, label: str) -> Selectbox:
    (found,) = [each for each in app.selectbox if each.label == label]
    return found


def ranking(app: AppTest) -> pd.DataFrame:
    (table,) = app.dataframe
    return table.value.set_index("Recipe")


def test_ranking_pick_and_sentence_move_with_the_slider_and_the_break_even_does_not() -> None:
    app = opened(*runs())
    before = ranking(app)
    assert f"For 1 million predictions, {PRUNED} takes least" in words(app)
    assert before.index[0] == PRUNED
    assert before.loc[PRUNED, "Break-even"] == "pays back from 133,000 predictions on"
    assert before.loc[f"{MASKED}, sparsity 0.80", "Break-even"] == "never pays back"
    checked(app.select_slider(key="predictions").set_value(1000).run())
    after = ranking(app)
    assert f"For 1,000 predictions, {DENSE} takes least" in words(app)
    assert after.index[0] == DENSE
    assert list(after["Recommended"]) == ["yes", "", ""]
    assert after["Break-even"].to_dict() == before["Break-even"].to_dict()


def test_the_slider_spans_a_thousand_to_a_trillion() -> None:
    app = opened(*runs())
    options = app.select_slider(key="predictions").options
    assert (options[0], options[-1], len(options)) == ("1,000", "1 trillion", 28)


def test_a_link_restores_the_slider_and_the_way_of_serving() -> None:
    app = opened(*runs(), predictions="2 billion", serving="One by one")
    assert app.select_slider(key="predictions").value == 2 * 10**9
    assert "For 2 billion predictions" in words(app)
    assert ranking(app).loc[PRUNED, "Break-even"] == "pays back from 66,600 predictions on"


def test_the_page_says_which_question_the_break_even_answers() -> None:
    said = words(opened(*runs()))
    assert "making the model from nothing, its teacher and all stages included" in said
    assert "where the baseline stands there already, only the further stages count" in said
    assert "○ estimated" in said


def test_another_baseline_may_be_chosen() -> None:
    student = factory.record(
        factory.spec(model="mlp_student"), accuracy_val=0.85, energy_train_j=50.0, energy_per_sample_j=1e-4
    )
    app = opened(*runs(), student)
    assert set(ranking(app)["Baseline"]) == {"", DENSE}
    (choice,) = [option for option in box(app, "Baseline").options if "mlp_student" in option]
    checked(box(app, "Baseline").select(choice).run())
    table = ranking(app)
    assert set(table["Baseline"]) == {"", "dense, mlp_student"}
    assert table.loc[PRUNED, "Break-even"] == "never pays back"
    assert "one seed only" in table.loc[PRUNED, "95 % interval"]
    again = opened(against=app.query_params["against"])
    assert set(ranking(again)["Baseline"]) == {"", "dense, mlp_student"}
    assert opened(against="nothing").selectbox


def test_a_baseline_that_the_filters_leave_out_is_still_the_baseline() -> None:
    whole = ranking(opened(*runs()))
    app = opened(technique="l1_channel_pruning")
    table = ranking(app)
    assert f"Its baseline, {DENSE}, takes" in words(app) and "It has no baseline" not in words(app)
    assert table.loc[PRUNED, "Break-even"] == whole.loc[PRUNED, "Break-even"]
    assert list(table.index) == [PRUNED, DENSE] and pd.isna(table.loc[DENSE, "Rank"])
    assert "Baselines without a rank" in words(app)


def test_a_dense_recipe_does_not_lack_a_baseline() -> None:
    assert "It is dense itself" in words(opened(*runs(), technique="dense"))


def test_the_recommendation_keeps_the_limits_of_the_page() -> None:
    poor = factory.record(
        factory.spec(technique="magnitude_pruning", sparsity=0.6),
        accuracy_val=0.905,
        energy_train_j=1.0,
        energy_per_sample_j=1e-9,
        latency_ms=50.0,
    )
    app = opened(*runs(), poor, page=_page)
    assert f"For 1 million predictions, {MASKED}, sparsity 0.60 takes least" in words(app)
    checked(app.select_slider(key="latency_ms_limit").set_value("20.0 ms").run())
    assert f"For 1 million predictions and within the limits, {PRUNED} takes least" in words(app)
    checked(app.slider(key="accuracy_limit").set_value(99.0).run())
    assert words(app).count("No recipe keeps validation accuracy at least 99.00 %") == 2  # in both places
    assert "yes" not in set(ranking(app)["Recommended"])


def test_a_grid_and_a_building_turn_joules_into_grams_and_move_no_break_even() -> None:
    app = opened(*runs())
    joules = ranking(app)
    checked(app.selectbox(key="lifetime-grid").set_value("FRA").run())
    checked(app.number_input(key="lifetime-pue").set_value(1.5).run())
    grams = ranking(app)
    assert "CO2e, of which" in words(app)
    assert "PUE 1.5: at its wall the data centre takes 1.5 J" in words(app)
    assert "France, mean of" in words(app)
    assert [name for name in grams if "CO2e" in name and name.startswith("Lifetime")]
    assert list(grams["Break-even"]) == list(joules["Break-even"])


def test_a_link_restores_grid_building_and_group() -> None:
    app = opened(*runs(), *runs("elsewhere"))
    other = box(app, "Made and measured on").options[1]
    checked(box(app, "Made and measured on").select(other).run())
    group = app.query_params["lifetime-group"]
    again = opened(**{"lifetime-grid": "France (FRA)", "lifetime-pue": "1.5", "lifetime-group": group})
    assert again.selectbox(key="lifetime-grid").value == "FRA"
    assert again.number_input(key="lifetime-pue").value == 1.5
    assert box(again, "Made and measured on").value == group == box(app, "Made and measured on").value
    assert "PUE 1.5" in words(again) and "CO2e, of which" in words(again)


def test_what_is_taken_away_says_of_how_many_predictions_it_is() -> None:
    app = opened(*runs(), predictions="2 billion")
    checked(app.number_input(key="lifetime-pue").set_value(1.5).run())
    assert [name for name in ranking(app) if name.endswith("), 2 billion predictions in batches, PUE 1.5")]
    assert {button.label for button in app.get("download_button")} == {"Download CSV", "LaTeX"}


def test_the_axis_and_the_section_serve_alike() -> None:
    app = opened(*runs(), page=_page, cost="Lifetime energy", serving="One by one")
    assert len([each for each in app.get("button_group") if each.label == "Served"]) == 1
    view = factory.view(Filters("digits", cost="Lifetime energy", serving="One by one"))
    assert view is not None and view.cost.title == "Lifetime energy, 1 million predictions one by one"
    lifetimes = view.front.table.set_index("technique")["lifetime_j"]
    assert lifetimes["dense"] == pytest.approx(561.0 + 1e6 * 2 * 7.5e-4 * 1.001)
    (heading,) = [name for name in ranking(app) if name == "Lifetime (J), 1 million predictions one by one"]
    assert ranking(app).loc[DENSE, heading] == pytest.approx(lifetimes["dense"], rel=1e-3)


def test_runs_made_elsewhere_are_left_out_and_offered() -> None:
    app = opened(*runs(), *runs("elsewhere"))
    assert "Left out: 9 runs made or measured under other conditions" in words(app)
    assert len(ranking(app)) == 3
    groups = box(app, "Made and measured on")
    assert len(groups.options) == 2 and all("9 runs" in option for option in groups.options)
    checked(groups.select(groups.options[1]).run())
    assert len(ranking(app)) == 3


def test_without_a_known_energy_it_says_so() -> None:
    app = opened(factory.record(energy_train_j=None))
    assert "no lifetime energy" in words(app)
    assert not app.dataframe
    assert "no lifetime energy" in words(AppTest.from_function(_section, default_timeout=30).run())


def test_an_unknown_country_in_the_settings_is_no_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_COUNTRY", "XXX")
    app = opened(*runs())
    assert app.selectbox(key="lifetime-grid").value is None


def test_a_record_that_is_gone_meanwhile_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(*runs())

    def gone(run_id: str) -> Record:
        raise BadInput(f"there is no record {run_id!r}.")

    monkeypatch.setattr(data, "record", gone)
    checked(app.select_slider(key="predictions").set_value(1000).run())
    assert "there is no record" in words(app)
