"""What a component must do, as tests to inherit, for whoever writes one; needs pytest.

``from vrbench.testing.attacks import AttackContract`` and ``vrbench.testing.recommenders``.
"""

import pytest

pytest.register_assert_rewrite("vrbench.testing.attacks", "vrbench.testing.recommenders")
