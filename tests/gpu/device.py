"""The device under test, and what the tests of it share.

``VRBENCH_TEST_DEVICE`` names it: "cuda" unless told otherwise; "cpu" tries the tests themselves
where there is no GPU; "meta" is a device without hardware (``tests.another_device``), which refuses
what a GPU refuses: an operation on tensors of two devices.
"""

import contextlib
import inspect
import os

import pytest
import torch

from tests.another_device import another_device
from vrbench.bench.machine import Machine
from vrbench.core.errors import ConfigError, MissingDataError

NAME = os.environ.get("VRBENCH_TEST_DEVICE", "cuda")
PLAYED = NAME == "meta"
HERE = torch.device("cpu")
MISSING = NAME.startswith("cuda") and not torch.cuda.is_available()


def on_device(test):
    """Mark a test that needs the device."""
    return pytest.mark.gpu(pytest.mark.skipif(MISSING, reason="no CUDA device")(test))


def on_hardware(test):
    """Mark a test that needs a device with gradients that are sparse, generators and a name."""
    played = pytest.mark.skipif(PLAYED, reason="the device without hardware plays no such thing")
    return on_device(played(test))


@contextlib.contextmanager
def there():
    """Give the device under test; float32 is float32 on it, as in every run."""
    Machine().use()
    with another_device() if PLAYED else contextlib.nullcontext(torch.device(NAME)) as device:
        yield device


def everywhere(compute):
    """Return what ``compute(device)`` finds on the processor, and on the device under test.

    The second comes back on the processor.
    """
    expected = compute(HERE)
    with there() as device:
        found = home(compute(device))
    return expected, found


def home(found):
    """Return tensors on the processor, detached, whatever holds them."""
    if isinstance(found, torch.Tensor):
        return found.detach().cpu()
    if isinstance(found, dict):
        return {name: home(part) for name, part in found.items()}
    if isinstance(found, tuple | list):
        return [home(part) for part in found]
    return found


def close(found, expected, rtol=1e-4, atol=1e-5):
    """Assert that numbers are equal but for the rounding of float32 sums in another order."""
    expected = home(expected)
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        found, expected = list(found.values()), list(expected.values())
    torch.testing.assert_close(found, expected, rtol=rtol, atol=atol, equal_nan=True)


def alike(one, other):
    """Return the correlation of two tables of numbers, 1 where both are constant and equal."""
    together = torch.stack([one.flatten(), other.flatten()]).double()
    assert together.isfinite().all()
    if torch.allclose(*together, rtol=1e-4, atol=1e-6):
        return 1.0
    return float(torch.corrcoef(together)[0, 1].nan_to_num(0.0))


def made_by(case, *given):
    """Return the class of the components that a test class makes, out of what is ``given``."""
    made = case.make
    while hasattr(made, "func"):
        made = made.func
    return made if inspect.isclass(made) else type(case.make(*given))


def shipped(face, kind):
    """Return the names of the components of a kind in a module that shows them."""
    every = [getattr(face, name) for name in dir(face)]
    return {
        k.__name__
        for k in every
        if inspect.isclass(k) and issubclass(k, kind) and not inspect.isabstract(k)
    }


def each(cases):
    """Parametrise a test over the values of ``cases``, with their names as ids."""
    return pytest.mark.parametrize("case", list(cases.values()), ids=list(cases))


@contextlib.contextmanager
def libraries():
    """Pass over a test whose component says that a library or weights of others are not here."""
    try:
        yield
    except MissingDataError as error:
        pytest.skip(str(error))
    except ConfigError as error:
        if "needs the library" not in str(error):
            raise
        pytest.skip(str(error))
