"""What counts as a fault of the dashboard in its log."""

from __future__ import annotations

from tests.browser.conftest import tracebacks

LEFT = """\
ERROR:    Exception in ASGI application
Traceback (most recent call last):
  File "starlette_websocket.py", line 516, in _websocket_endpoint
    data = await websocket.receive_bytes()
starlette.websockets.WebSocketDisconnected: WebSocket is not connected. Need to call "accept" first.

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "starlette_websocket.py", line 524, in _websocket_endpoint
    await websocket.close()
starlette.websockets.WebSocketDisconnected: Cannot call "send" once a close message has been sent.
"""
FAULT = """\
Traceback (most recent call last):
  File "pages/explore.py", line 10, in <module>
    1 / 0
ZeroDivisionError: division by zero
"""


def test_a_browser_that_leaves_is_no_fault() -> None:
    assert tracebacks("You can now view your app\n" + LEFT) == []


def test_any_other_traceback_is_one_also_beside_a_browser_that_leaves() -> None:
    assert tracebacks(LEFT + FAULT + LEFT) == ["ZeroDivisionError: division by zero"]
    assert tracebacks(FAULT + LEFT) == ["ZeroDivisionError: division by zero"]
    assert tracebacks("Traceback (most recent call last):\n") == [""]
