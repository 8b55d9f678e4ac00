"""Whatever a mouse can do, Tab, Enter, Space and the arrow keys can, and one sees where one is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from greenai_core.jobs import control, queue
from greenai_core.jobs.access import Access
from tests import factory
from tests.browser.conftest import Dashboard
from tools.dashboard import settle

pytestmark = pytest.mark.slow

LINKS = (
    ("home", "Overview"),
    ("scatter_plot", "Explore"),
    ("table_view", "Results"),
    ("play_arrow", "Launch"),
    ("monitoring", "Jobs"),
)
"""Icons and titles of the navigation."""

STEPS = 250
"""So many presses of Tab are more than any page needs; who needs more is caught somewhere."""

LOOK = """
() => {
  const CONTROLS = 'a[href], button, input, textarea, summary, canvas[tabindex], [role=slider], [role=tab],'
    + '[role=radio]';
  // What an arrow key does in one of these, a button beside it does for the mouse; of a group one has the focus.
  const TOGETHER = '[role=radiogroup], [role=tablist], [data-testid=stSelectbox], [data-testid=stMultiSelect],'
    + '[data-testid=stNumberInput]';
  const TABBED = CONTROLS.split(',').map(control => `${control}:not([tabindex="-1"])`).join();
  const still = document.createElement('style');
  still.textContent = '* { transition: none !important; animation: none !important; }';
  document.head.append(still);
  const visible = element => {
    const shown = element.closest('label') ?? element;
    return shown.checkVisibility({ opacityProperty: true, visibilityProperty: true })
      && shown.getClientRects().length > 0 && !element.closest('[inert], [aria-hidden=true]');
  };
  const name = element => [element.getAttribute('role') ?? element.tagName.toLowerCase(),
    element.getAttribute('aria-label') || element.closest('label')?.innerText || element.innerText
    || element.getAttribute('data-testid') || element.parentElement.getAttribute('data-testid') || element.title || '']
    .join(' ').replace(/\\s+/g, ' ').trim();
  // What belongs to one control alone: a ring may be drawn around a label, or around a box beside a hidden input.
  const drawn = element => {
    let own = element;
    while (own.parentElement && own.parentElement.querySelectorAll(TABBED).length <= 1) own = own.parentElement;
    return [own, ...own.querySelectorAll('*')].slice(0, 60).map(part => {
      const style = getComputedStyle(part);
      return [style.outline, style.boxShadow, style.borderColor, style.backgroundColor, style.color, style.opacity,
        style.textDecorationLine].join();
    }).join(';');
  };
  const seen = { reached: new Set(), invisible: [], before: null, looks: '', last: null };
  window.keyboard = {
    // Returns whether there is something new under the focus.
    step: () => {
      const here = document.activeElement;
      if (seen.before?.matches(CONTROLS) && drawn(seen.before) === seen.looks) {
        seen.invisible.push(name(seen.before));
      }
      const table = here.closest('canvas');
      if (here === seen.last && here !== document.body && !table) throw Error(`no Tab leaves ${name(here)}`);
      seen.last = here;
      const known = here === document.body || (!table && seen.reached.has(here));
      seen.before = known || table ? null : here;  // a table draws its cells, and the ring around one, itself
      seen.looks = seen.before ? drawn(here) : '';
      seen.reached.add(table ?? here);
      return known ? null : name(table ?? here);
    },
    missed: () => [...document.querySelectorAll(CONTROLS)].filter(visible).filter(element => !element.disabled)
      .filter(element => {
        const one = element.tabIndex < 0 || element.matches('[role=radio], [type=radio]');
        const together = one ? element.closest(TOGETHER) ?? element : element;
        return ![...seen.reached].some(reached => together.contains(reached));
      }).map(name),
    invisible: () => seen.invisible,
  };
}
"""


def tabbed(page: Page) -> list[str]:
    """Press Tab from the top of the page to its end; returns the names of what had the focus, in that order."""
    page.evaluate(LOOK)
    reached: list[str] = []
    rounds = 0
    for _ in range(STEPS):
        page.keyboard.press("Tab")
        name = page.evaluate("keyboard.step()")
        rounds = rounds + 1 if name is None else 0
        if rounds == 2:  # once alone, a table may be handing the focus from one of its cells to the next
            return reached
        reached += [name] if name else []
    raise AssertionError(f"the focus does not come round: {reached}")


OPENED = {
    "": "Best picks",
    "explore": "Points on the front",
    "results": "33 of 33 runs",
    "launch": "Before and after",
    "jobs": "2 waiting",
}


@pytest.fixture
def waiting(filled: Dashboard, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two jobs that wait, since the queue is paused."""
    for name, value in filled.settings.items():
        monkeypatch.setenv(name, value)
    control.pause(Access.local())
    queue.submit([factory.spec(seed=seed) for seed in (98, 99)], access=Access.local())
    yield
    queue.cancel_all(Access.local())


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("path", OPENED)
def test_every_control_is_reached_and_one_sees_where_one_is(filled: Dashboard, page: Page, path: str) -> None:
    page.goto(f"{filled.url}/{path}")
    expect(page.get_by_text(re.compile(OPENED[path])).first).to_be_visible(timeout=60_000)
    settle(page)
    page.wait_for_load_state("networkidle")  # a table fetches what draws it
    reached = tabbed(page)
    assert {f"{icon} {title}" for icon, title in LINKS} <= {name.removeprefix("a ") for name in reached}
    assert page.evaluate("keyboard.missed()") == []
    assert page.evaluate("keyboard.invisible()") == []


def test_pills_sliders_lists_and_switches_work_by_keyboard(filled: Dashboard, page: Page) -> None:
    page.goto(f"{filled.url}/explore")
    expect(page.get_by_role("heading", name="Points on the front")).to_be_visible(timeout=60_000)
    settle(page)
    press(page.get_by_role("radio", name="Size"), "ArrowRight", "Space")
    expect(page).to_have_url(re.compile("cost=Training"))
    press(page.get_by_role("slider", name="Least accuracy"), *["ArrowRight"] * 3)
    expect(page).to_have_url(re.compile("least=3"))
    press(page.get_by_role("button", name="Filters"), "Enter")
    press(page.get_by_role("combobox", name="Technique"), "ArrowDown", "Enter", "Escape")
    expect(page).to_have_url(re.compile("technique="))
    page.keyboard.press("Escape")
    press(page.get_by_role("switch", name="Bank"), "Space")
    expect(page).to_have_url(re.compile("bank=false"))
    press(page.locator("summary", has_text="How was this measured?"), "Enter")
    expect(page.get_by_text("Why not power times time?")).to_be_visible()


def test_a_select_box_a_number_and_a_popover_work_by_keyboard(filled: Dashboard, page: Page) -> None:
    page.goto(f"{filled.url}/launch")
    expect(page.get_by_text("Before and after")).to_be_visible(timeout=60_000)
    settle(page)
    dataset = page.get_by_role("combobox", name="Data set")
    more = page.get_by_role("button", name="More")
    stages = more.count()
    press(dataset, "ArrowDown", "ArrowDown", "Enter")
    expect(dataset).to_have_value("Image folder")
    expect(more).to_have_count(stages + 1)  # it has fields of its own: the form that they belong to is there
    settle(page)
    epochs = page.get_by_role("spinbutton", name="Epochs").first
    before = epochs.input_value()
    press(epochs, "ArrowUp", "Enter")
    expect(epochs).to_have_value(f"{int(before) + 1}")
    settle(page)
    press(more.first, "Enter")
    opened = page.get_by_test_id("stPopoverBody")
    expect(opened).to_be_visible()
    for _ in range(STEPS):  # it stands at the end of the order
        page.keyboard.press("Tab")
        if opened.evaluate("body => body.contains(document.activeElement)"):
            break
    else:
        raise AssertionError("the focus never reaches what the popover opens on")
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    expect(more.first).to_be_focused()


def test_runs_are_imported_and_selected_by_keyboard(filled: Dashboard, page: Page, tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    path.write_text(factory.record(run_id="imported", latency_ms=0.0).model_dump_json())
    page.goto(f"{filled.url}/results?model=mlp_student")
    expect(page.get_by_text(re.compile(r"^6 of 33 runs"))).to_be_visible(timeout=60_000)
    press(page.locator("summary", has_text="Import or export runs"), "Enter")
    with page.expect_file_chooser() as chooser:
        press(page.get_by_test_id("stFileUploader").locator("button"), "Enter")
    chooser.value.set_files(path)
    expect(page.get_by_text("latency_ms: is 0.0, which no model has")).to_be_visible()
    table = page.get_by_test_id("data-grid-canvas").first
    before = table.evaluate("canvas => canvas.toDataURL()")
    press(table, "ArrowDown", "ArrowDown")
    page.wait_for_function("([canvas, before]) => canvas.toDataURL() !== before", arg=[table.element_handle(), before])
    press(table, "Shift+Space")  # selects the row
    expect(page.get_by_role("button", name="Delete 1 run", exact=True)).to_be_visible()


@pytest.mark.usefixtures("waiting")
def test_the_focus_outlives_what_is_drawn_anew_each_second(filled: Dashboard, page: Page) -> None:
    page.goto(f"{filled.url}/jobs")
    cancel = page.get_by_role("button", name="Cancel", exact=True)
    expect(cancel).to_have_count(2, timeout=60_000)
    settle(page)
    cancel.last.focus()
    page.wait_for_timeout(2500)  # two times and a half
    expect(cancel.last).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("^1 of 2 done: 1 cancelled"))).to_be_visible()


def press(control: Locator, *keys: str) -> None:
    """Focus a control and press keys, one after the other; nothing is clicked."""
    control.focus()
    for key in keys:
        control.page.keyboard.press(key)
