import pytest

from dyfadet_mm.evaluation import match_case, rename_videos, renaming_hint


@pytest.mark.parametrize('old, new, expected', [
    ('{}', 'v_{}', ['v_v_a', 'v_b.mp4']),
    ('v_{}', '{}', ['a', 'b.mp4']),
    ('{}.mp4', 'test/{}', ['v_a', 'test/b']),
])
def test_patterns_change_ids_that_have_them(old, new, expected):
    videos = {'v_a': 1, 'b.mp4': 2}
    assert rename_videos(videos, old, new) == dict(zip(expected, (1, 2)))


@pytest.mark.parametrize('old, new, message', [
    ('v_', '{}', "must have {} once, as in v_{}, but got 'v_'"),
    ('{}{}', '{}', "but got '{}{}'"),
    ('v_{}', '{}', "be different, but .*'a', 'v_a'.* would all be 'a'"),
])
def test_bad_patterns_are_refused(old, new, message):
    with pytest.raises(ValueError, match=message):
        rename_videos({'a': 1, 'v_a': 2}, old, new)


def test_case_is_that_of_the_known_ids():
    known = ['Abc', 'x', 'X']
    videos = dict(ABC=1, X=2, other=3)
    assert match_case(videos, known) == dict(Abc=1, X=2, other=3)
    with pytest.raises(ValueError, match="would all be 'Abc'"):
        match_case(dict(ABC=1, abc=2), known)


@pytest.mark.parametrize('unknown, known, option', [
    (['a1', 'b2'], ['v_a1', 'v_b2', 'v_c3'], "--rename-ids '{}' 'v_{}'"),
    (['v_a1', 'v_b2'], ['a1', 'b2'], "--rename-ids 'v_{}' '{}'"),
    (['a1.mp4', 'b2.mp4'], ['a1', 'b2'], "--rename-ids '{}.mp4' '{}'"),
    (['A1', 'B2'], ['a1', 'b2'], '--ignore-case'),
])
def test_the_hint_is_the_option_that_helps(unknown, known, option):
    assert renaming_hint(unknown, known) == f'; {option} matches 2 of these 2'
    partly = [*unknown, 'elsewhere']
    assert f'; {option} matches 2 of these 3' == renaming_hint(partly, known)


def test_there_is_no_hint_without_a_common_change():
    assert renaming_hint(['x9', 'y8', 'z7'], ['v_x9', 'w_p', 'q']) == ''
    assert renaming_hint(['x9'], ['abc']) == ''


def test_many_ids_are_compared_fast():
    known = [f'v_{i:06d}' for i in range(20000)]
    hint = renaming_hint([name[2:] for name in known], known)
    assert hint == "; --rename-ids '{}' 'v_{}' matches 20000 of these 20000"
