"""What making a model costs: each stage once, and nothing added up that does not compare."""

from __future__ import annotations

from greenai_core.energy.bill import bill
from greenai_core.energy.carbon import country_intensity
from greenai_core.record import StageRecord
from tests import factory


def stages() -> tuple[StageRecord, ...]:
    first = factory.record().stages[0]
    teacher = first.model_copy(update={"key": "teacher", "energy_j": 5.0, "cpu_s": 1.25})
    taught = first.model_copy(update={"key": "taught", "energy_j": 2.0, "cpu_s": 0.5, "teacher": (teacher,)})
    again = first.model_copy(update={"key": "again", "energy_j": 1.0, "cpu_s": 0.25, "teacher": (teacher,)})
    return taught, again


def test_a_teacher_is_counted_once() -> None:
    costs = bill(stages(), country_intensity("NLD"))
    assert (costs.energy_j, costs.cpu_s) == (8.0, 2.0)
    assert costs.carbon_g is not None and costs.carbon_g > 0 and costs.notes == {}
    assert costs.training_key == stages()[0].training_key


def test_without_a_country_there_is_no_carbon() -> None:
    costs = bill(stages(), None)
    assert costs.energy_j == 8.0 and costs.carbon_g is None
    assert "GREENAI_COUNTRY" in costs.notes["carbon_train_g"]


def test_joules_of_different_machines_are_not_added() -> None:
    first, second = stages()
    costs = bill((first, second.model_copy(update={"training_key": "elsewhere"})), None)
    assert costs.energy_j is None and costs.training_key is None and costs.cpu_s == 2.0
    assert "do not compare" in costs.notes["energy_train_j"]


def test_an_unknown_stage_makes_the_sum_unknown() -> None:
    first, second = stages()
    costs = bill((first, second.model_copy(update={"energy_j": None})), None)
    assert costs.energy_j is None and "no source" in costs.notes["energy_train_j"]
