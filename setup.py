"""Packaging: metadata, and the folder ``.mim`` that OpenMIM drives.

``mim`` and ``mmengine.hub`` look for tools, configs and model-index.yml in
``<installed package>/.mim``. It is never committed:

- a wheel, and with it ``pip install .``, holds copies of them;
- an editable install links ``dyfadet_mm/.mim`` to the checkout.
"""
import os
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.develop import develop

try:
    from setuptools.command.editable_wheel import editable_wheel
except ImportError:  # setuptools before 64, whose pip runs develop
    editable_wheel = None

ROOT = Path(__file__).resolve().parent
PACKAGE = 'dyfadet_mm'
MIM_CONTENT = ('tools', 'configs', 'model-index.yml', 'dataset-index.yml')


def read_version() -> str:
    """Read the version without importing the package."""
    text = (ROOT / PACKAGE / 'version.py').read_text(encoding='utf-8')
    return re.search(r"__version__ = '(.+)'", text)[1]


def read_requirements(name: str) -> list:
    """Read the lines of one file in requirements/."""
    lines = (ROOT / 'requirements' /
             f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def fill_mim(folder: Path, link: bool) -> None:
    """Make a ``.mim`` folder anew.

    Args:
        folder (Path): Where it goes.
        link (bool): Whether it holds links to the checkout or copies.
    """
    if folder.is_dir():
        for old in folder.iterdir():
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            else:
                old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for source in map(ROOT.joinpath, MIM_CONTENT):
        target = folder / source.name
        if link and source.exists():
            target.symlink_to(os.path.relpath(source, folder), source.is_dir())
        elif source.is_dir():
            shutil.copytree(
                source, target, ignore=shutil.ignore_patterns('__pycache__'))
        elif source.is_file():
            shutil.copy2(source, target)


class BuildPy(build_py):
    """Puts copies into a wheel."""

    def run(self) -> None:
        super().run()
        if not getattr(self, 'editable_mode', False):
            fill_mim(Path(self.build_lib, PACKAGE, '.mim'), link=False)


class Develop(develop):
    """Links, for ``setup.py develop`` of old pip and setuptools."""

    def run(self) -> None:
        fill_mim(ROOT / PACKAGE / '.mim', link=True)
        super().run()


commands = dict(build_py=BuildPy, develop=Develop)

if editable_wheel is not None:

    class EditableWheel(editable_wheel):
        """Links, for ``pip install -e .`` of today."""

        def run(self) -> None:
            fill_mim(ROOT / PACKAGE / '.mim', link=True)
            super().run()

        def _ensure_dist_info(self) -> None:
            """Tell OpenMIM where the package lies.

            The metadata go to site-packages, the package stays here. For a
            package that is not beside its metadata, mim and mmengine join
            the folder of the metadata and the name in top_level.txt: with an
            absolute name, that is the package.
            """
            super()._ensure_dist_info()
            Path(self.dist_info_dir, 'top_level.txt').write_text(
                f'{ROOT / PACKAGE}\n', encoding='utf-8')

    commands['editable_wheel'] = EditableWheel

setup(
    name=PACKAGE,
    version=read_version(),
    description='DyFADet, temporal action detection with dynamic feature '
    'aggregation, on MMEngine and MMAction2',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8') if
    (ROOT / 'README.md').is_file() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    keywords='computer vision, temporal action detection, video',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={
        f'{PACKAGE}.visualization.report': ['*.css', '*.html', '*.js'],
        f'{PACKAGE}.zoo': ['*.pth']
    },
    python_requires='>=3.9',
    install_requires=read_requirements('runtime'),
    extras_require=dict(
        annotation=read_requirements('annotation'),
        deploy=read_requirements('deploy'),
        lite=read_requirements('lite'),
        mim=read_requirements('mminstall'),
        optional=read_requirements('optional'),
        tests=read_requirements('tests'),
        tune=read_requirements('tune'),
        video=read_requirements('video')),
    classifiers=[
        'Development Status :: 4 - Beta',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    cmdclass=commands,
    zip_safe=False)
