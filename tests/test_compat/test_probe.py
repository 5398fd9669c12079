import sys

import pytest

from dyfadet_mm.compat.probe import has_module


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An importable package with one module per kind of file."""
    root = tmp_path / 'probed_package'
    (root / 'sub' / 'empty').mkdir(parents=True)
    (root / 'sub' / 'full').mkdir()
    for name in ('__init__.py', 'sub/plain.py', 'sub/full/__init__.py',
                 'sub/compiled.abi3.so'):
        (root / name).touch()
    monkeypatch.syspath_prepend(tmp_path)
    return root.name


@pytest.mark.parametrize('name, there', [('plain', True), ('compiled', True),
                                         ('full', True), ('empty', False),
                                         ('missing', False)])
def test_finds_modules_that_have_a_file(package, name, there):
    assert has_module(package, 'sub', name) is there
    assert package not in sys.modules  # nothing was imported


def test_missing_package_has_no_module():
    assert not has_module('no_such_package_at_all', 'module')
