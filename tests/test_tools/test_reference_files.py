"""Yamls and configs of other codes are data, or refused in one line."""
import importlib
from pathlib import Path

import pytest
from mmengine.config import Config

from dyfadet_mm.conversion import ConversionError
from dyfadet_mm.fileio import literal_config

FOLDER = Path(__file__).parents[2] / 'tools/model_converters'
#: Each name stands for twice as much as the one before.
NAMES = ['a: &a {x: 1}'] + [
    f'{name}: &{name} {{l: *{before}, r: *{before}}}' for before, name in zip(
        'abcdefghijklmnopqrstuvwx', 'bcdefghijklmnopqrstuvwxyz')
]


@pytest.fixture(scope='module')
def modules():
    """Modules of the converter's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module


@pytest.fixture
def load(modules, tmp_path):
    """Read bytes or text of a yaml."""

    def load(content):
        path = tmp_path / 'toy.yaml'
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        return modules('reference_files').load_reference(str(path))

    return load


GOOD = 'dataset: {a: [1, 2.5, yes, ~, text]}\nmodel: {}\n'


@pytest.mark.parametrize('content', [
    GOOD,
    GOOD.encode('utf-16'),
    '\ufeff' + GOOD,
    'dataset: {a: &a [1, 2.5, yes, ~, text]}\nmodel: {}\n',
])
def test_plain_values_are_read(load, content):
    assert load(content) == dict(
        dataset=dict(a=[1, 2.5, True, None, 'text']), model={})


def test_dates_are_texts_and_aliases_values(load):
    data = load('dataset: &d {date: 2020-99-99}\nmodel: {sub: *d}')
    assert data['model']['sub'] == dict(date='2020-99-99')


@pytest.mark.parametrize('content, problem', [
    ('\n'.join(NAMES), 'more than 2000 values'),
    ('\n'.join(NAMES).replace('l: *', '<<: *'), 'tag:yaml.org,2002:merge'),
    ('a: &a [*a]', '20 levels'),
    ('a: ' + '[' * 9000, 'RecursionError'),
    ('a: [' + '1,' * 2001 + ']', 'more than 2000 values'),
    ('#' * 16001, 'more than 16000 bytes'),
    ('a: !!python/object/apply:os.system [x]', 'python/object/apply'),
    ('a: !!binary x', 'tag:yaml.org,2002:binary'),
    ('a: !!int x', 'invalid literal'),
    ('a: !!int ""', 'IndexError'),
    ('a: !!bool x', 'KeyError'),
    ('a: ' + '9' * 5000, 'digits'),
    ('a: 1' + ':59' * 999 + '.5', 'OverflowError'),
    ('a: 1\nb: 2\na: 3', "once, but got 'a' in line 3"),
    ('{1: 2}', 'must be a text .* got 1'),
    (b'\xff\xff', 'ReaderError'),
    ('a: [', 'ParserError'),
    ('', "a section 'dataset'"),
    ('dataset: [1]', "a section 'dataset'"),
    ('dataset: {}\nmodel: 7', "a section 'model'"),
])
def test_all_else_is_one_clear_error(load, tmp_path, content, problem):
    with pytest.raises(ConversionError, match=problem) as error:
        load(content)
    text = str(error.value)
    assert repr(str(tmp_path / 'toy.yaml')) in text
    assert '\n' not in text and len(text) < 2000


@pytest.mark.parametrize('content', ['1 / 0', 'a = (', 'a: int', '_base_ = 7'])
def test_configs_that_do_not_run_are_named(modules, tmp_path, content):
    path = tmp_path / 'toy.py'
    path.write_text(content)
    with pytest.raises(ConversionError, match=str(path)):
        modules('reference_files').load_reference(str(path))


def test_missing_files_are_named(modules, tmp_path):
    for path in (str(tmp_path), str(tmp_path / 'none.yaml')):
        with pytest.raises(FileNotFoundError, match=path):
            modules('reference_files').load_reference(path)


def test_a_config_is_written_as_it_was_meant(modules):
    config_text = modules('config_text').config_text
    values = dict(
        a=1, b=dict(c=[(1, ), 'x\'"\n'], d={'e f': None}), g=True, h=-1e-8)
    assert literal_config(config_text(Config(values))) == values


@pytest.mark.parametrize('values', [
    {
        'a': {
            "x': print('ran'), 'y": 1
        }
    },
    dict(a='{{$HOME:}}'),
    dict(a='{{ fileDirname }}'),
    dict(a=float('inf')),
    dict(a=float('nan')),
    dict(a=print),
    dict(a=[range(2)]),
])
def test_a_config_with_code_is_never_written(modules, values):
    with pytest.raises(
            ConversionError, match='a config must say what|literal'):
        modules('config_text').config_text(Config(values))


@pytest.mark.parametrize('text', [
    'a = f()', 'import os', 'a = dict(**b)', 'a = dict([])', 'a = b = 1',
    'a = 1\na = 2', 'a.b = 1', 'a += 1', 'a = x', "a = f'{1}'", 'a = [*b]'
])
def test_only_literals_are_read(text):
    with pytest.raises(ValueError):
        literal_config(text)
