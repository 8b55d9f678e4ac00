"""Views with a name: parameters of a link, never a place it leads to."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from greenai_core.errors import BadInput, ReadOnly
from greenai_core.jobs.access import Access
from greenai_core.store import saved_views
from greenai_core.store.saved_views import NAME_LENGTH, SavedView, Taken

LOCAL = Access.local()
VISITOR = Access.of_dashboard("0.0.0.0", None)
SMALL = {"cost": ["Size"], "technique": ["distill", "dense"]}


@pytest.mark.usefixtures("any_store")
def test_views_are_kept_by_name_replaced_on_request_and_deleted() -> None:
    assert saved_views.every() == ()
    assert saved_views.save("  small  and\tgood ", SMALL, LOCAL).name == "small and good"
    saved_views.save("Fast", {}, LOCAL)
    with pytest.raises(Taken, match="name: there is a saved view 'Fast' already"):
        saved_views.save("Fast", SMALL, LOCAL)
    fast, small = saved_views.every()
    assert fast == SavedView("Fast", "")
    assert parse_qs(small.query) == SMALL
    saved_views.replace("Fast", {"cost": ["Latency"]}, LOCAL)
    assert saved_views.every() == (SavedView("Fast", "cost=Latency"), small)
    saved_views.delete("Fast", LOCAL)
    saved_views.delete("Fast", LOCAL)
    assert saved_views.every() == (small,)


@pytest.mark.parametrize("value", ["https://elsewhere.example/?a=b", "a&b=c#d", '"><script>', "è %", "javascript:x"])
def test_a_value_cannot_leave_its_parameter(value: str) -> None:
    query = saved_views.save("odd", {"model": [value]}, LOCAL).query
    assert parse_qs(query) == {"model": [value]}
    assert not set(query) & set("/:#<>\"' ") and query.count("&") == 0


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        (" \n", SMALL, "name: is empty"),
        ("x" * (NAME_LENGTH + 1), SMALL, f"name: has {NAME_LENGTH + 1} characters, {NAME_LENGTH} at most"),
        ("a\0b", SMALL, "name .*: has a character that cannot be shown"),
        (
            "far",
            {"https://elsewhere.example/?a": ["b"]},
            "parameter 'https://elsewhere.example/.*': is none that a page",
        ),
        ("long", {"model": ["x" * 5000]}, r"view: its link takes 5,006 characters, 4,000 at most"),
        ("line", {"model": ["a\nb"]}, "parameter 'model': is none"),
    ],
)
def test_what_is_no_view_is_one_sentence(name: str, parameters: dict[str, list[str]], sentence: str) -> None:
    for keep in (saved_views.save, saved_views.replace):
        with pytest.raises(BadInput, match=sentence):
            keep(name, parameters, LOCAL)
    assert saved_views.every() == ()


def test_who_may_only_look_saves_nothing_and_opens_all() -> None:
    saved_views.save("mine", SMALL, LOCAL)
    for change in (
        lambda: saved_views.save("new", SMALL, VISITOR),
        lambda: saved_views.replace("mine", {}, VISITOR),
        lambda: saved_views.delete("mine", VISITOR),
    ):
        with pytest.raises(ReadOnly):
            change()
    (found,) = saved_views.every()
    assert parse_qs(found.query) == SMALL
