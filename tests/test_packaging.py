"""Every way to install the package gives one that ``mim`` can drive.

What ``mim`` does with a wheel is tested in test_tools/test_mim.py.
"""
import re
import zipfile
from pathlib import Path

import pytest
import warm_python
from installations import (DEMO_CONFIG, OFFLINE, PIP, ROOT, build_wheel,
                           copy_checkout, make_environment, make_install, run,
                           run_mim)


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    return copy_checkout(tmp_path_factory.mktemp('source') / 'checkout')


@pytest.fixture(scope='module')
def wheel(checkout, tmp_path_factory):
    return build_wheel(checkout, tmp_path_factory.mktemp('dist'))


@pytest.fixture(params=['editable', 'plain'])
def install(request, checkout, tmp_path):
    """The package, installed from a checkout in one of two ways."""
    options = dict(editable=['--use-pep517', '--editable'], plain=[])
    target = [*options[request.param], checkout]
    return make_install(tmp_path, target, checkout)


def test_mim_trains_from_a_checkout(install, tmp_path):
    code = ('import dyfadet_mm; from mmengine.hub import get_config; '
            f'cfg = get_config("dyfadet_mm::{DEMO_CONFIG}"); '
            'print(dyfadet_mm.__path__[0], cfg.filename, sep="\\n")')
    out = run(install.python, '-c', code, cwd=install.cwd)
    package, config = map(Path, out.splitlines()[-2:])
    mim = package / '.mim'
    assert config == mim / 'configs' / DEMO_CONFIG
    assert (mim / 'tools' / 'train.py').is_file()
    assert (mim / 'model-index.yml').is_file()
    editable = package == install.source / 'dyfadet_mm'
    assert editable or install.site in package.parents
    assert (mim / 'configs').is_symlink() is editable

    if not editable:  # once with all that a process of its own does
        install = install._replace(python=tmp_path / 'env/bin/python')
    run_mim(install, 'train')
    assert (install.cwd / 'out' / 'epoch_1.pth').is_file()


def test_wheel_holds_every_file(wheel, checkout):
    files = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        str(path.relative_to(checkout))
        for path in (checkout / 'dyfadet_mm').rglob('*.py')
        if '.mim' not in path.parts
    }
    expected.add('dyfadet_mm/zoo/digit-streams.pth')
    expected |= {
        str(path.relative_to(checkout))
        for path in (checkout / 'dyfadet_mm/visualization/report').glob('*.*')
    }
    for folder in ('configs', 'tools'):
        expected |= {
            f'dyfadet_mm/.mim/{path.relative_to(checkout)}'
            for path in (checkout / folder).rglob('*')
            if path.suffix in ('.py', '.sh', '.txt', '.yml', '.md')
        }
    assert expected <= files
    extra = {name for name in files - expected if '.dist-info/' not in name}
    assert extra == {
        'dyfadet_mm/.mim/model-index.yml', 'dyfadet_mm/.mim/dataset-index.yml'
    }


def test_wheel_imports_every_module(wheel, tmp_path):
    python, site = make_environment(tmp_path / 'env')
    zipfile.ZipFile(wheel).extractall(site)
    out = run(
        warm_python.program_for(tmp_path, python, site),
        '-c', 'import importlib, pkgutil, dyfadet_mm\n'
        'walk = pkgutil.walk_packages(dyfadet_mm.__path__, "dyfadet_mm.")\n'
        'names = [each.name for each in walk]\n'
        'for name in names: importlib.import_module(name)\n'
        'print(dyfadet_mm.__file__, len(names))',
        cwd=tmp_path)
    path, number = out.split()[-2:]
    assert site in Path(path).parents and int(number) > 20


def test_building_leaves_linked_sources_alone(tmp_path):
    checkout = copy_checkout(tmp_path / 'checkout')
    python, _ = make_environment(tmp_path / 'env')
    run(python,
        *PIP,
        'install',
        '--ignore-installed',
        '--use-pep517',
        *OFFLINE,
        '--editable',
        checkout,
        cwd=tmp_path)
    links = checkout / 'dyfadet_mm' / '.mim'
    before = {path: path.stat().st_mtime_ns for path in links.iterdir()}
    assert (links / 'configs').resolve() == checkout / 'configs'
    run(python, *PIP, 'wheel', *OFFLINE, '-w', tmp_path, checkout, cwd='/')
    after = {path: path.stat().st_mtime_ns for path in links.iterdir()}
    assert before == after and (links / 'configs').is_symlink()
    path, = tmp_path.glob('*.whl')
    names = zipfile.ZipFile(path).namelist()
    assert len(names) == len(set(names))
    assert 'dyfadet_mm/.mim/tools/train.py' in names


def pins(name):
    """Package to the rest of its line, of one file in requirements/."""
    lines = (ROOT / 'requirements' / name).read_text().splitlines()
    found = (re.match('([a-z][^<>=]*)(.*)', line, re.I) for line in lines)
    return {match[1]: match[2] for match in found if match}


def test_constraints_are_what_the_tests_ran_with():
    lock, constraints = pins('lock-py311-cpu.txt'), pins('constraints.txt')
    assert len(constraints) == 4
    for name, limit in constraints.items():
        if limit.startswith('=='):
            assert lock[name] == limit, name
    assert pins('runtime.txt')['setuptools'] == constraints['setuptools']
    for name in ('optional.txt', 'tests.txt'):
        assert pins(name)['openxlab'] == constraints['openxlab']


@pytest.mark.parametrize('name', ['lock-py311-cpu.txt', 'constraints.txt'])
def test_there_is_one_version_of_opencv(name):
    versions = [
        limit for each, limit in pins(name).items() if 'opencv' in each
    ]
    assert len(versions) == 2 and len(set(versions)) == 1


@pytest.mark.parametrize('page', ['README.md', 'docs/installation.md'])
def test_pages_install_with_the_constraints(page):
    lines = re.findall('^ *pip install .*', (ROOT / page).read_text(), re.M)
    openmim = [line for line in lines if 'openmim' in line]
    assert openmim
    for line in openmim:
        assert ' -c requirements/constraints.txt ' in line
