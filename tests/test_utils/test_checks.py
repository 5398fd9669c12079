import pytest
from mmengine.config import ConfigDict

from dyfadet_mm.utils.checks import (check_at_least, check_choice,
                                     check_num_levels, check_share,
                                     complete_cfg)


def test_a_config_is_completed_and_left_as_it_was():
    cfg = ConfigDict(type='Layer', eps=1e-5)
    assert complete_cfg(
        cfg, 'layer', None, cfg=1, owner=2) == dict(
            type='Layer', eps=1e-5, cfg=1, owner=2)
    assert cfg == dict(type='Layer', eps=1e-5)


@pytest.mark.parametrize('cfg', [dict(stride=2), ConfigDict(stride=2)])
def test_a_key_given_twice_is_named_with_who_sets_it(cfg):

    class Encoder:
        ...

    with pytest.raises(
            ValueError,
            match=r"stem_layer of Encoder must not set \['stride'\], which "
            r"Encoder sets, but got \{'stride': 2\}; remove the key"):
        complete_cfg(cfg, 'stem_layer', Encoder(), stride=1, channels=4)


@pytest.mark.parametrize('cfg', [None, 'Layer', ['Layer']])
def test_a_config_that_is_no_dict_is_named(cfg):
    with pytest.raises(TypeError, match='tower of int must be a dict, but'):
        complete_cfg(cfg, 'tower', 1, channels=4)


def test_levels_that_do_not_fit_are_named_with_their_numbers():
    check_num_levels('abc', 3, 'num_levels of the neck')
    with pytest.raises(
            ValueError, match='num_levels of the neck must fit the 3 levels'):
        check_num_levels('abc', 2, 'num_levels of the neck')


@pytest.mark.parametrize('choices', [('a', None), ['a', None],
                                     dict(a=1).keys() | {None}])
def test_what_is_none_of_the_choices_is_refused(choices):
    check_choice('mode', 'a', choices)
    check_choice('mode', None, choices)
    with pytest.raises(
            ValueError, match=r"mode must be one of \(.*\), but got 'b'"):
        check_choice('mode', 'b', choices)


@pytest.mark.parametrize('value', [-0.1, 1.1, float('nan'), float('inf')])
def test_what_is_no_share_is_refused(value):
    for below_one, end in ((False, r'\]'), (True, r'\)')):
        check_share('prob', 0, below_one)
        check_share('prob', 0.5, below_one)
        with pytest.raises(ValueError, match=rf'prob must be in \[0, 1{end}'):
            check_share('prob', value, below_one)
    check_share('prob', 1)
    with pytest.raises(ValueError, match='but got 1'):
        check_share('prob', 1, below_one=True)


@pytest.mark.parametrize('value', [0, 0.9, float('nan'), -float('inf')])
def test_what_is_too_small_is_refused(value):
    check_at_least('num', 1)
    check_at_least('num', 7.5, 7)
    with pytest.raises(ValueError, match=f'num must be at least 1, .*{value}'):
        check_at_least('num', value)
    with pytest.raises(ValueError, match='num must be at least 7'):
        check_at_least('num', value, 7)
