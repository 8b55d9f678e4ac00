"""Who may launch, cancel and delete: asked where it happens, not where the button is."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import Self

from greenai_core.errors import ReadOnly
from greenai_core.settings import settings


@dataclass(frozen=True)
class Access:
    """What a caller may do; `reason` is the sentence for one who may only look."""

    writable: bool
    reason: str = ""

    @classmethod
    def local(cls) -> Self:
        """Return the access of somebody at this machine's command line."""
        return cls(True)

    @classmethod
    def of_dashboard(cls, address: str | None, token: str | None) -> Self:
        """Return the access of a dashboard's visitor.

        Args:
            address: what the server listens on; None means every network it can reach.
            token: what the visitor gave, to be compared with GREENAI_LAUNCH_TOKEN.
        """
        if _is_loopback(address):
            return cls(True)
        expected = settings().launch_token
        if expected is None:
            return cls(
                False, "This dashboard is read-only: it is not on localhost, and GREENAI_LAUNCH_TOKEN is not set."
            )
        if token is None or not hmac.compare_digest(token.encode(), expected.get_secret_value().encode()):
            return cls(False, "This dashboard is read-only until the launch token is given.")
        return cls(True)

    def require(self) -> None:
        """Do nothing for a caller who may write.

        Raises:
            ReadOnly: the caller may only look.
        """
        if not self.writable:
            raise ReadOnly(self.reason)


def _is_loopback(address: str | None) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False
