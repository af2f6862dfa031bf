"""Code that may not wait for the device."""

import contextlib
import warnings

import torch

from tests.gpu.device import NAME


@contextlib.contextmanager
def nothing_waits():
    """Let an operation that waits for the device raise; on a processor nothing waits anyway."""
    if not NAME.startswith("cuda"):
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Synchronization debug mode is a prototype", UserWarning)
        try:
            torch.cuda.set_sync_debug_mode("error")
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")
