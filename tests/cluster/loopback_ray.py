"""The command line of Ray for several nodes on this machine's loopback: ``python loopback_ray.py start ...``.

Ray puts the address of a network card in the place of 127.0.0.1, unless it is told that there is one machine only, and
then it refuses a second node. Nor does it start a head where a node of this machine still looks for one.
"""

from __future__ import annotations

import functools

from ray._private import ray_constants, services

if __name__ == "__main__":
    ray_constants.ENABLE_RAY_CLUSTER = True
    services.resolve_ip_for_localhost = lambda host: host
    services.find_gcs_addresses = functools.cache(set)
    from ray.scripts.scripts import main

    main()
