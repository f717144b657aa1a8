"""``python -m taskq_kernel.jupyter -f CONNECTION_FILE``: what Jupyter starts."""

from __future__ import annotations

from ipykernel.kernelapp import IPKernelApp

from taskq_kernel.jupyter.kernel import TaskqKernel

if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=TaskqKernel)
