import pytest

from dyfadet_mm.utils.checks import check_num_levels


def test_levels_that_do_not_fit_are_named_with_their_numbers():
    check_num_levels('abc', 3, 'num_levels of the neck')
    with pytest.raises(
            ValueError, match='num_levels of the neck must fit the 3 levels'):
        check_num_levels('abc', 2, 'num_levels of the neck')
