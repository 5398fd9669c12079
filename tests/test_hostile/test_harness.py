"""The harness itself: what it must notice."""
import os
import socket
import time

import pytest
from harness import check_case, seeds, time_limit, watch
from mutators import mutate_bytes, mutate_value


def test_cases_are_the_same_every_time():
    value = {'a': [1, 2, {'b': 'c'}], 'd': 1.5}
    first, second = ([
        repr((mutate_value(rng, value, 2), mutate_bytes(rng, b'x' * 99)))
        for rng in seeds('x', 50)
    ] for _ in range(2))
    assert first == second
    assert len(set(first)) > 40
    assert value == {'a': [1, 2, {'b': 'c'}], 'd': 1.5}


def test_outside_is_noticed(tmp_path):
    inside = tmp_path / 'inside'
    inside.mkdir()
    (tmp_path / 'secret.json').write_text('{}')
    with watch(inside) as deeds:
        (inside / 'a.json').write_text('{}')
        (inside / 'a.json').read_text()
        (inside / 'a.json').unlink()
    assert deeds == []
    for act in (lambda: (tmp_path / 'secret.json').read_text(), lambda:
                (tmp_path / 'new').write_text(''), lambda:
                (inside / '../new').unlink(), lambda: os.system('true'),
                _connect):
        with watch(inside) as deeds:
            act()
        assert len(deeds) == 1, deeds


def _connect():
    with socket.socket() as sock:
        with pytest.raises(OSError):
            sock.connect(('127.0.0.1', 9))


def test_time_is_limited():
    with pytest.raises(TimeoutError):
        with time_limit(1):
            time.sleep(5)


@pytest.mark.parametrize('error', [
    OSError(22, 'x.json'),
    IndexError('x.json'),
    AssertionError('x.json'),
    UnicodeDecodeError('utf-8', b'x.json', 0, 1, 'x.json'),
    ValueError('another file'),
    ValueError('x.json' + 'x' * 3000)
])
def test_raw_errors_are_refused(tmp_path, error):

    def read():
        raise error

    with pytest.raises(AssertionError):
        check_case(read, tmp_path, ['x.json'])


def test_clear_errors_are_allowed(tmp_path):

    def read():
        raise ValueError('x.json must hold a dict')

    assert isinstance(check_case(read, tmp_path, ['x.json']), ValueError)
    assert check_case(lambda: 1, tmp_path, ['x.json']) is None
