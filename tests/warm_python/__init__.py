"""A ``python`` that has imported the heavy packages before it is called.

A process needs many seconds to import PyTorch, MMEngine and MMAction2, and a
command of ours then works for a fraction of a second. Here a server imports
them once and forks for every command. ``sys.executable`` of the tests is a
small program that hands command line, environment, folder and open files to
it, waits, and ends as the command ended. The command has a process of its own
as ever, in which modules, registries and loggers are as after the imports;
only the text of a config is not formatted.

The true interpreter runs what the server cannot stand for: other options
than a script, a module or ``-c``, another setting of the interpreter or of
the threads, another copy of the package. Code given with ``-c`` is run before
the package is imported, and by ``sys.executable`` in a fresh interpreter. All
of it is where nothing can be forked, and with ``DYFADET_COLD_TESTS=1``.
"""
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Optional, Union

HERE = Path(__file__).resolve().parent
FOLDER = 'DYFADET_WARM_PYTHON'
TRUE_PYTHON = sys.executable


def start() -> Optional[subprocess.Popen]:
    """Start the server, and hand it down to the tests of this session.

    It lives as long as the pipe to it is open.

    Returns:
        Popen, optional: The server, None where there is none.
    """
    if sys.platform != 'linux' or os.environ.get('DYFADET_COLD_TESTS'):
        return None
    folder = tempfile.mkdtemp(prefix='warm')
    os.environ[FOLDER] = folder
    write_program(folder, 'ours', TRUE_PYTHON)
    write_program(os.path.join(folder, 'bare'), 'others', TRUE_PYTHON)
    return subprocess.Popen(
        [TRUE_PYTHON, str(HERE / 'server.py'), folder],
        env=dict(os.environ, OMP_NUM_THREADS='1'),
        stdin=subprocess.PIPE)


def stop(server: Optional[subprocess.Popen]) -> None:
    """End the server and remove what was written for it."""
    if server is not None:
        server.stdin.close()
        server.wait()
        shutil.rmtree(os.environ.pop(FOLDER))


def write_program(folder: Union[str, Path],
                  kind: str,
                  python: str,
                  site: str = '') -> str:
    """Write a program that stands for an interpreter.

    Args:
        folder (str | Path): Gets ``python``.
        kind (str): ``'ours'`` has imported the package under test, and
            ``'others'`` all packages but that.
        python (str): The true interpreter.
        site (str): Its site-packages, if it is that of an environment.
            Defaults to that of the tests.

    Returns:
        str: Path of the program.
    """
    Path(folder).mkdir(exist_ok=True)
    path = Path(folder, 'python')
    words = (TRUE_PYTHON, '-IS', str(HERE / 'client.py'),
             os.path.join(os.environ[FOLDER], kind), python, str(path), site)
    path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    path.chmod(0o755)
    return str(path)


def program_for(folder: Path, python: str, site: Path) -> str:
    """A program for an environment with a package of its own.

    Args:
        folder (Path): Gets a folder for it.
        python (str): The interpreter of the environment.
        site (Path): Its site-packages.

    Returns:
        str: Path of the program, ``python`` if there is no server.
    """
    if FOLDER not in os.environ:
        return python
    return write_program(folder / 'warm', 'others', python, str(site))


def use() -> None:
    """Let ``sys.executable`` be the program, if there is one."""
    if FOLDER in os.environ:
        sys.executable = os.path.join(os.environ[FOLDER], 'python')


def run_code(code: str, **env: str) -> subprocess.CompletedProcess:
    """Run code in a process that has not imported the package.

    Nor has it imported MMCV, MMDetection or MMAction2.

    Args:
        code (str): The code.
        env (str): Environment variables.

    Returns:
        CompletedProcess: With ``returncode``, ``stdout`` and ``stderr``.
    """
    python = TRUE_PYTHON
    if FOLDER in os.environ:
        python = os.path.join(os.environ[FOLDER], 'bare', 'python')
    return subprocess.run([python, '-c', code],
                          env=dict(os.environ, PYTHONWARNINGS='ignore', **env),
                          capture_output=True,
                          text=True)


def search_path() -> str:
    """``PATH`` on which ``python`` is that of the tests, with its scripts."""
    folders = [os.path.dirname(each) for each in (sys.executable, TRUE_PYTHON)]
    return os.pathsep.join([*folders, os.environ['PATH']])
