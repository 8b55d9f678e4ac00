"""On PYTHONPATH of the processes that are tested: each comes with the faults that its test asks for."""

import sys

from tests.faults import injected

injected.install(sys.orig_argv)
