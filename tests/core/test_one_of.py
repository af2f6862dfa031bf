from typing import Literal

import pytest

from vrbench.core.errors import ConfigError, one_of

Kind = Literal["scores", "ranks", "nothing"]


def test_a_word_that_is_listed_comes_back():
    assert one_of("aim.gives", "ranks", Kind) == "ranks"


@pytest.mark.parametrize("word", ["rank", "", None, ["ranks"]])
def test_a_refusal_lists_what_there_is(word):
    with pytest.raises(ConfigError) as refusal:
        one_of("aim.gives", word, Kind)
    assert str(refusal.value) == f"aim.gives: expected scores, ranks or nothing, got {word!r}"
