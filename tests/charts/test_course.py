from __future__ import annotations

from greenai_core.analysis import compare
from greenai_core.charts import course
from tests import factory


def test_long_curves_have_few_marks() -> None:
    record = factory.record()
    points = tuple({"epoch": float(epoch), "accuracy_val": 0.9} for epoch in range(1, 201))
    long = record.model_copy(update={"stages": (record.stages[0].model_copy(update={"curve": points}),)})
    for found, marks in ((record, 1), (long, 20)):
        assert course.curves([found], compare.short_names([found])).layout.xaxis.dtick == marks
