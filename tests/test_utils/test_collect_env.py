import subprocess
import sys

from dyfadet_mm import compat
from dyfadet_mm.utils.collect_env import collect_env
from dyfadet_mm.version import __version__


def test_names_every_package_and_mend():
    info = collect_env()
    assert {'PyTorch', 'MMEngine', 'MMCV', 'MMAction2', 'MMDetection'} <= {
        name
        for name, version in info.items() if version != 'not installed'
    }
    assert info['dyfadet_mm'].startswith(__version__)
    for name, state in compat.status().items():
        assert info[f'dyfadet_mm.compat.{name}'] == state


def test_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, '-m', 'dyfadet_mm.utils.collect_env'],
        capture_output=True,
        text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith('MMEngine: 0.') for line in lines)
    assert any(line.startswith('dyfadet_mm.compat.') for line in lines)
