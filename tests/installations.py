"""Installations of the package in environments of their own.

They see the heavy packages of the running environment. The checkout is copied
first, so that building leaves no trace in it.
"""
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import warm_python

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
        python (str): Its interpreter, or what stands for it.
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


def build_wheel(checkout, folder):
    """Build the wheel from the source distribution."""
    run(sys.executable, 'setup.py', '-q', 'sdist', '-d', folder, cwd=checkout)
    sdist, = folder.glob('*.tar.gz')
    run(sys.executable, *PIP, 'wheel', *OFFLINE, '-w', folder, sdist, cwd='/')
    path, = folder.glob('*.whl')
    return path


def make_install(folder, target, source):
    """Install into an environment of its own, and write tiny data.

    Args:
        folder (Path): For the environment.
        target (Sequence): What pip gets.
        source (Path): The checkout.

    Returns:
        Install: What was made. Its interpreter has the heavy packages
        imported before it is called; that in ``env`` has not.
    """
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
    python = warm_python.program_for(folder, python, site)
    run(python,
        source / 'tools' / 'dataset_converters' / 'digit_streams.py',
        '--train=16',
        '--val=2',
        '--min-cells=40',
        '--max-cells=60',
        '--out=data/digit_streams',
        cwd=cwd)
    return Install(python, site, cwd, source)


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
