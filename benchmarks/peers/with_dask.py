"""The same work through dask.distributed: two processes of one thread on this machine.

Run by ``benchmarks/side_by_side.py``, in an environment that has it.
"""

from __future__ import annotations

import distributed
from work import measure


def echo(x: int) -> int:
    """What it is given."""
    return x


def main() -> None:
    """Start a cluster, and print the figures."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        measure(
            distributed.__version__,
            one=lambda x: client.submit(echo, x, pure=False).result(),
            many=lambda xs: client.gather(client.map(echo, xs, pure=False)),
        )


if __name__ == "__main__":
    main()
