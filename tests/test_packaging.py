"""Every way to install the package gives one that ``mim`` can drive.

Each installation goes into an environment of its own, which sees the heavy
packages of the running one. The checkout is copied first, so that building
leaves no trace in it.
"""
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
# the Makefile names the demo's config
DEMO_CONFIG = re.search(r'^DEMO_CONFIG := configs/(.+)$',
                        (ROOT / 'Makefile').read_text(), re.M)[1]
PACKAGED = ('dyfadet_mm', 'configs', 'tools', 'requirements', 'setup.py',
            'setup.cfg', 'MANIFEST.in', 'LICENSE', 'README.md', 'CITATION.cff',
            'model-index.yml', 'dataset-index.yml')
PIP = ('-m', 'pip', '--disable-pip-version-check', '--quiet')
# take nothing from outside, compile nothing that is not ours
OFFLINE = ('--no-index', '--no-deps', '--no-build-isolation')
# one epoch of two iterations, in one process
TINY = ('--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1',
        'train_dataloader.num_workers=0', 'val_dataloader.num_workers=0',
        'test_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'val_dataloader.persistent_workers=False',
        'test_dataloader.persistent_workers=False')


class Install(NamedTuple):
    """An environment with the package.

    Attributes:
        python (str): Its interpreter.
        site (Path): Its site-packages.
        cwd (Path): A folder outside of any checkout, with tiny data.
        source (Path): The checkout it was made from.
    """

    python: str
    site: Path
    cwd: Path
    source: Path


def run(*command, cwd):
    """Run a command; fail with what it printed."""
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    env.update(PYTHONWARNINGS='ignore', OMP_NUM_THREADS='1')
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def copy_checkout(folder):
    """Copy what packaging may see, without what was generated."""
    folder.mkdir()
    ignore = shutil.ignore_patterns('__pycache__', '.mim', '*.egg-info')
    for source in map(ROOT.joinpath, PACKAGED):
        if source.is_dir():
            shutil.copytree(source, folder / source.name, ignore=ignore)
        elif source.is_file():
            shutil.copy(source, folder)
    return folder


def make_environment(folder):
    """Make an environment that sees our packages after its own."""
    run(sys.executable, '-m', 'venv', '--without-pip', folder, cwd='/')
    version = f'python{sys.version_info.major}.{sys.version_info.minor}'
    site = folder / 'lib' / version / 'site-packages'
    # lines of a .pth file only extend the path: an editable installation in
    # the outer environment stays out of sight
    shared = {sysconfig.get_path('purelib'), sysconfig.get_path('platlib')}
    (site / 'zz_shared.pth').write_text('\n'.join(shared) + '\n')
    return str(folder / 'bin' / 'python'), site


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    return copy_checkout(tmp_path_factory.mktemp('source') / 'checkout')


@pytest.fixture(scope='module')
def wheel(checkout, tmp_path_factory):
    """The wheel that is built from the source distribution."""
    folder = tmp_path_factory.mktemp('dist')
    run(sys.executable, 'setup.py', '-q', 'sdist', '-d', folder, cwd=checkout)
    sdist, = folder.glob('*.tar.gz')
    run(sys.executable, *PIP, 'wheel', *OFFLINE, '-w', folder, sdist, cwd='/')
    path, = folder.glob('*.whl')
    return path


def make_install(folder, target, source):
    """Install into an environment of its own, and write tiny data."""
    python, site = make_environment(folder / 'env')
    run(python,
        *PIP,
        'install',
        '--ignore-installed',
        *OFFLINE,
        *target,
        cwd=folder)
    cwd = folder / 'elsewhere'
    cwd.mkdir()
    run(python,
        source / 'tools' / 'dataset_converters' / 'digit_streams.py',
        '--train=16',
        '--val=2',
        '--min-cells=40',
        '--max-cells=60',
        '--out=data/digit_streams',
        cwd=cwd)
    return Install(python, site, cwd, source)


@pytest.fixture(params=['editable', 'plain'])
def install(request, checkout, tmp_path):
    """The package, installed from a checkout in one of two ways."""
    options = dict(editable=['--use-pep517', '--editable'], plain=[])
    target = [*options[request.param], checkout]
    return make_install(tmp_path, target, checkout)


@pytest.fixture
def from_wheel(wheel, checkout, tmp_path):
    """The package, installed from a wheel."""
    return make_install(tmp_path, [wheel], checkout)


def run_mim(install, command, *args):
    """Run ``mim COMMAND dyfadet_mm`` on the demo's config by its name."""
    run(install.python,
        '-m',
        'mim',
        command,
        'dyfadet_mm',
        Path(DEMO_CONFIG).name,
        '--work-dir=out',
        *args,
        *TINY,
        cwd=install.cwd)


def test_mim_trains_from_a_checkout(install):
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

    run_mim(install, 'train')
    assert (install.cwd / 'out' / 'epoch_1.pth').is_file()


def test_mim_and_the_hub_work_from_a_wheel(from_wheel):
    run_mim(from_wheel, 'train', '--no-validate')
    run_mim(from_wheel, 'test', '--checkpoint=out/epoch_1.pth',
            '--out=predictions.json')
    assert (from_wheel.cwd / 'predictions.json').is_file()
    code = ('import dyfadet_mm; from mmengine.hub import get_model; '
            f'model = get_model("dyfadet_mm::{DEMO_CONFIG}"); '
            'print(type(model).__module__)')
    out = run(from_wheel.python, '-c', code, cwd=from_wheel.cwd)
    assert out.splitlines()[-1].startswith('dyfadet_mm.models.detectors.')


def test_wheel_holds_every_file(wheel, checkout):
    files = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        str(path.relative_to(checkout))
        for path in (checkout / 'dyfadet_mm').rglob('*.py')
        if '.mim' not in path.parts
    }
    for folder in ('configs', 'tools'):
        expected |= {
            f'dyfadet_mm/.mim/{path.relative_to(checkout)}'
            for path in (checkout / folder).rglob('*')
            if path.suffix in ('.py', '.sh', '.txt', '.yml', '.md')
        }
    assert expected <= files
    extra = {name for name in files - expected if '.dist-info/' not in name}
    assert extra == {'dyfadet_mm/.mim/model-index.yml'}


def test_wheel_imports_every_module(wheel, tmp_path):
    python, site = make_environment(tmp_path / 'env')
    zipfile.ZipFile(wheel).extractall(site)
    out = run(
        python,
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
