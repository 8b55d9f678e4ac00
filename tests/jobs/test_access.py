from __future__ import annotations

import pytest

from greenai_core.errors import ReadOnly
from greenai_core.jobs.access import Access

TOKEN = "correct horse"


def test_command_line_may_write() -> None:
    Access.local().require()


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_dashboard_on_loopback_may_write_without_a_token(address: str) -> None:
    assert Access.of_dashboard(address, None).writable


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "192.168.0.7", "example.org", "localhost.example.org"])
def test_dashboard_elsewhere_is_read_only_unless_the_token_is_given(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ReadOnly, match="GREENAI_LAUNCH_TOKEN is not set"):
        Access.of_dashboard(address, TOKEN).require()
    monkeypatch.setenv("GREENAI_LAUNCH_TOKEN", TOKEN)
    for wrong in (None, "", "correct", "schöner Gruß"):
        with pytest.raises(ReadOnly, match="until the launch token is given"):
            Access.of_dashboard(address, wrong).require()
    Access.of_dashboard(address, TOKEN).require()
