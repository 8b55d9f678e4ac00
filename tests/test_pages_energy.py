"""What pages say of an energy: its badge, where it comes from, what it would be elsewhere, how it was measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit import cache_resource
from streamlit.testing.v1 import AppTest

from greenai_core.analysis.figures import SIGNS, sign
from greenai_core.energy import idle
from greenai_core.energy.meter import EnergyMeter
from greenai_core.examples import first_experiment
from greenai_core.jobs import queue, states
from greenai_core.jobs.access import Access
from greenai_core.record import EnergyKind, Record
from greenai_core.store import records
from pages.components import badge, measuring, once_drawn
from tests import factory
from tests.energy.meters import WallPower

COUNTER = WallPower(scope="cpu_package")
FRAME = str(Path(__file__).resolve().parents[1] / "pages" / "main.py")
EVERYWHERE = ("overview", "explore", "results")
MEASURED: dict[str, Any] = {
    "kind": "measured",
    "sources": [
        {
            "id": "rapl:package",
            "kind": "measured",
            "component": "cpu",
            "scope": "cpu_package",
            "min_window_s": 2.0,
            "ok": True,
            "reason": "counters of package 0",
        }
    ],
    "refused": [{"id": "rapl:package", "component": "cpu", "reason": "there is no counter"}],
    "graphics": {"id": "nvml:energy", "ok": False, "reason": "there is no graphics card"},
    "idle": {"watts": {"rapl:package": 12.3}, "measured_at": 0.0, "seconds": 5.0, "age_s": 3600.0},
    "idle_reason": None,
    "carbon": {"intensity": {"g_per_kwh": 267.6, "country": "NLD", "year": 2023, "source": "a file"}, "reason": None},
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started."""
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)


@pytest.fixture
def describing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A machine with counters; the list grows by one whenever it is asked what it can measure."""
    asked: list[int] = []
    monkeypatch.setattr(EnergyMeter, "describe", lambda meter: asked.append(1) or MEASURED)
    cache_resource.clear()
    yield asked
    cache_resource.clear()


def opened(page: str, **state: Any) -> AppTest:
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.session_state[once_drawn.FLAG] = True  # there is no browser that would say so
    app.switch_page(f"{page}.py").run()
    for key, value in state.items():
        app.session_state[key] = value
        app.run()
    assert not app.exception, app.exception
    return app


def inspected(record: Record) -> AppTest:
    app = AppTest.from_function(_inspect, args=(record,), default_timeout=30).run()
    assert not app.exception, app.exception
    return app


def _inspect(record: object) -> None:
    """A page by itself: Streamlit runs this text without what stands around it."""
    from greenai_core.record import Record
    from pages.components import inspect

    assert isinstance(record, Record)
    inspect.one(record)


def badges(app: AppTest) -> list[str]:
    """The labels of all badges that open."""
    return [item.proto.popover.label for item in app.get("popover") if "badge" in item.proto.popover.label]


def words(app: AppTest) -> str:
    return "\n".join(str(item.value) for kind in ("markdown", "caption", "error") for item in app.get(kind))


def cells(app: AppTest) -> str:
    """Every cell of every table."""
    tables = [*app.get("table"), *app.dataframe]
    return "\n".join(str(cell) for item in tables for row in item.value.to_numpy().tolist() for cell in row)


def energy_so_far() -> str:
    """The label of the only live job's energy."""
    (label,) = [item.label for item in opened("jobs").metric if item.label.startswith("Energy so far")]
    return label


def what_if(app: AppTest) -> dict[str, tuple[str, str]]:
    """Value and remark of each figure under other assumptions."""
    (table,) = [item.value for item in app.dataframe if "Training, the computer" in set(item.value.iloc[:, 0])]
    return {row["Figure"]: (row["Value"], row["Remark"]) for _, row in table.iterrows()}


@pytest.mark.parametrize("kind", sorted(SIGNS))
def test_every_energy_of_a_run_wears_the_badge_of_its_kind_and_no_other(kind: EnergyKind) -> None:
    app = inspected(factory.record(kind=kind))
    assert badges(app) == [f"{name} energy {badge.text(kind)}" for name in ("Training", "Inference", "Training")]
    assert sign(kind) in cells(app)
    others = [SIGNS[other] for other in SIGNS if other != kind]
    assert not any(other in cells(app) + words(app) for other in others)


def test_a_stage_wears_the_kind_of_its_own_window() -> None:
    record = factory.record(factory.spec(technique="l1_channel_pruning", sparsity=0.6))
    first = record.stages[0].model_copy(update={"window": factory.window("train", "measured", 8.0)})
    app = inspected(record.model_copy(update={"stages": (first, *record.stages[1:])}))
    (stages,) = [item.value for item in app.dataframe if "Stage" in item.value.columns]
    assert [text.split(" ", 2)[2] for text in stages["Energy"]] == [
        sign(stage) for stage in ("measured", "estimated", "estimated")
    ]


def test_an_unknown_energy_wears_no_badge() -> None:
    app = inspected(factory.record(energy_train_j=None, energy_per_sample_j=None))
    assert badges(app) == []
    assert [item.proto.popover.label for item in app.get("popover")] == [
        f"{name} energy unknown" for name in ("Training", "Inference", "Training")
    ]


def test_a_badge_opens_on_everything_that_is_known() -> None:
    app = inspected(factory.record())
    said = cells(app)
    for fact in ("processor time x assumed watts per core", "4 W: a test", "here-train", "here-onnxruntime"):
        assert fact in said, fact


@pytest.mark.parametrize("page", ["overview", "explore"])
def test_the_cheapest_run_says_where_its_energy_comes_from(page: str) -> None:
    for record in factory.records(1, kind="measured"):
        records.save(record)
    app = opened(page)
    assert badges(app) == [badge.text("measured")]
    assert "rapl:package" in cells(app)


def test_other_assumptions_change_a_run_without_running_it() -> None:
    record = factory.record(energy_train_j=100.0, energy_per_sample_j=1.0)
    app = inspected(record)
    before = what_if(app)
    assert before["Training, the computer"] == ("100 J", "○ estimated")
    assert before["Training, carbon"][0] == "unknown"
    assert "carbon is not guessed" in before["Training, carbon"][1]
    app.number_input(key=f"pue-{record.run_id}").set_value(1.5)
    app.selectbox(key=f"grid-{record.run_id}").set_value("NLD").run()
    after = what_if(app)
    assert after["Training, the computer"][0] == "100 J"
    assert after["Training, at the wall of the data centre"][0] == "150 J"
    assert after["Training, carbon"][0] == "11.2 mg CO2e"
    assert "Netherlands, mean of 2023" in words(app)


def test_the_watts_of_a_core_can_be_changed_only_where_they_were_assumed() -> None:
    record = factory.record()
    app = inspected(record)
    joules = what_if(app)["One prediction, the computer"][0]
    watts = app.number_input(key=f"watts-{record.run_id}")
    assert watts.value == 4.0
    watts.set_value(8.0).run()
    assert what_if(app)["One prediction, the computer"][0] != joules
    assert "8 W per busy core instead of 4 W" in words(app)
    counted = inspected(factory.record(kind="measured"))
    assert [item.label for item in counted.number_input] == ["PUE"]


def test_a_grid_of_ones_own_needs_a_source() -> None:
    record = factory.record()
    app = inspected(record)
    app.selectbox(key=f"grid-{record.run_id}").set_value("Another figure").run()
    assert "source: " in words(app)
    app.text_input(key=f"source-{record.run_id}").set_value("a forecast").run()
    assert "stated by: a forecast" in words(app)
    assert not app.error


@pytest.mark.parametrize("page", EVERYWHERE)
def test_how_it_was_measured_is_said_on_a_click_and_looked_up_only_then(page: str, describing: list[int]) -> None:
    for record in factory.records(1):
        records.save(record)
    assert "A joule here" not in words(opened(page))
    assert describing == []
    said = words(opened(page, measuring=True))
    assert describing == [1]
    for fact in (
        "A joule here",
        "Why not power times time?",
        "What may be compared",
        "rapl:package",
        "counters of package 0",
        "rapl:package, because there is no counter",
        "Graphics card: not counted. there is no graphics card",
        "12.3 W (rapl:package), measured 1 h ago",
        "267.6 g CO2e per kWh, the mean of NLD in 2023 (a file)",
    ):
        assert fact in said, fact
    assert all(badge.text(kind) in said for kind in SIGNS)


def test_this_machine_is_described_as_its_meter_does() -> None:
    found = EnergyMeter.from_settings().describe()
    said = words(opened("results", measuring=True))
    for source in [*found["sources"], *found["refused"]]:
        assert source["id"] in said
        assert source["reason"] in said


def test_the_idle_power_is_shown_as_soon_as_it_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(EnergyMeter, "from_settings", lambda: EnergyMeter([COUNTER], constants_origin="a test"))
    cache_resource.clear()
    assert measuring.described()["idle"] is None
    baseline = idle.IdleBaseline({COUNTER.id: 7.5}, time.time() - 60.0, 5.0)
    idle.remember([COUNTER], baseline)
    found = measuring.described()
    cache_resource.clear()
    assert (found["idle"]["watts"], found["idle_reason"]) == (baseline.watts, None)
    assert found["idle"]["age_s"] >= 60.0


def test_a_job_never_wears_a_surer_badge_than_its_run(describing: list[int]) -> None:
    """The sources of this machine are measured; what this run had was not."""
    queue.submit([first_experiment()], access=Access.local())
    ticket = states.claim("test", "host")
    assert ticket is not None
    states.begin(ticket, "host", 0)
    states.beat(ticket, states.News({"energy_j": 5.0}))
    assert energy_so_far() == f"Energy so far {badge.text('measured')}"
    records.save(factory.record(factory.spec(seed=5), created_at="2027-01-01T00:00:00Z"))
    assert energy_so_far() == f"Energy so far {badge.text('estimated')}"
    record = factory.record(first_experiment(), kind="apportioned")
    states.finish(ticket, "succeeded", states.News({"energy_j": 5.0}), record=record)
    assert badge.text("apportioned") in words(opened("jobs"))
