import sys

import pytest
import warm_python

from dyfadet_mm.compat import versions
from dyfadet_mm.compat.versions import has_module


def set_version(monkeypatch, name, version):
    """Pretend that a package has another version."""
    real = versions.installed_version
    monkeypatch.setattr(
        versions, 'installed_version', lambda each: version
        if each.name == name else real(each))


def test_installed_packages_fit():
    versions.check_versions()


def test_missing_package_is_named_with_its_install_line(monkeypatch):
    set_version(monkeypatch, 'mmcv', None)
    with pytest.raises(ImportError, match='mmcv .* pip install .mmcv-lite'):
        versions.check_versions()


@pytest.mark.parametrize('name, version', [
    ('mmengine', '0.10.3'),
    ('mmengine', '1.0.0'),
    ('mmcv', '2.2.0'),
    ('mmcv', '1.7.1'),
    ('mmaction2', '1.1.0'),
    ('mmdet', '2.28.0'),
    ('torch', '2.0.1+cu117'),
])
def test_version_out_of_range_is_refused(monkeypatch, name, version):
    set_version(monkeypatch, name, version)
    with pytest.raises(ImportError) as caught:
        versions.check_versions()
    message = str(caught.value)
    assert f'needs {name} >= ' in message and f'but got {version}' in message
    assert 'run: pip install' in message


@pytest.mark.parametrize('name, version', [('mmengine', '0.10.4'),
                                           ('mmcv', '2.0.0rc4'),
                                           ('torch', '2.1.0'),
                                           ('mmdet', '3.4.0')])
def test_version_at_the_edge_is_accepted(monkeypatch, name, version):
    set_version(monkeypatch, name, version)
    versions.check_versions()


@pytest.mark.parametrize('distribution, version', [
    ('onedl-mmengine', '0.10.12'),
    ('mmengine-lite', '0.10.7'),
])
def test_mmengine_is_known_under_its_other_names(monkeypatch, distribution,
                                                 version):
    real = versions.metadata.version

    def fake(name):
        if name == distribution:
            return version
        if name in versions.MMENGINE:
            raise versions.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(versions.metadata, 'version', fake)
    versions.check_versions()
    assert versions.installed(versions.MMENGINE) == (distribution, version)


def test_import_of_the_package_checks():
    code = ('from importlib import metadata\n'
            'real = metadata.version\n'
            'def fake(name):\n'
            '    return "0.1.0" if name == "mmdet" else real(name)\n'
            'metadata.version = fake\n'
            'import dyfadet_mm\n')
    done = warm_python.run_code(code)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        'ImportError: dyfadet_mm needs mmdet >= 3.0.0, but got 0.1.0; run: ')


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
