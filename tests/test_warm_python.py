"""The program that stands for the interpreter behaves as one."""
import os
import signal
import subprocess
import sys
import time

import pytest
import warm_python

pytestmark = pytest.mark.skipif(
    warm_python.FOLDER not in os.environ, reason='every command starts anew')
IS_WARM = "'dyfadet_mm.models' in __import__('sys').modules"


@pytest.fixture
def script(tmp_path):
    """Write a script, and give the command that runs it."""

    def write(text):
        path = tmp_path / 'script.py'
        path.write_text(text)
        return [sys.executable, str(path)]

    return write


def run(command, **kwargs):
    return subprocess.run(command, capture_output=True, text=True, **kwargs)


def test_a_command_has_what_its_caller_gives_it(script, tmp_path):
    command = script('import os, sys\n'
                     'print(sys.argv[1:], os.getcwd(), os.environ["NAME"],'
                     f' sys.path[0], __name__, sys.stdin.read(), {IS_WARM})\n'
                     'print("told", file=sys.stderr)')
    (tmp_path / 'here').mkdir()
    done = run([*command, 'a', '--b=c d'],
               cwd=tmp_path / 'here',
               env=dict(os.environ, NAME='value'),
               input='read')
    assert done.returncode == 0 and done.stderr == 'told\n'
    assert done.stdout.split('\n')[0] == (
        f"['a', '--b=c d'] {tmp_path}/here value {tmp_path} __main__ read "
        'True')


@pytest.mark.parametrize('text, status, told', [
    ('', 0, ''),
    ('import sys; sys.exit(3)', 3, ''),
    ('import sys; sys.exit("no")', 1, 'no'),
    ('raise ValueError("x")', 1, 'ValueError: x'),
    ('import os; os._exit(7)', 7, ''),
    ('import atexit, sys; atexit.register(print, "end", file=sys.stderr)', 0,
     'end'),
    ('import os, signal; os.kill(os.getpid(), signal.SIGKILL)', -9, ''),
])
def test_it_ends_as_the_command_ends(script, text, status, told):
    done = run(script(text))
    assert done.returncode == status
    assert (done.stderr.splitlines() or [''])[-1] == told


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_reaches_the_command(script, tmp_path, number):
    pid = tmp_path / 'pid'
    command = script('import os, time\n'
                     f'open({str(pid)!r}, "w").write(str(os.getpid()))\n'
                     'time.sleep(60)')
    process = subprocess.Popen(command)
    wait_for(lambda: pid.exists() and pid.read_text())
    process.send_signal(number)
    assert process.wait() == -number
    wait_for(lambda: not os.path.exists(f'/proc/{pid.read_text()}'))


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_commands_share_nothing(script):
    command = script('import numpy, random\n'
                     'from dyfadet_mm.registry import MODELS\n'
                     '@MODELS.register_module()\n'
                     'class Mine: pass\n'
                     'print(numpy.random.rand(), random.random())')
    done = [run(command) for _ in range(2)]
    assert [each.returncode for each in done] == [0, 0], done[1].stderr
    numbers = [set(each.stdout.split()) for each in done]
    assert not numbers[0] & numbers[1]


def test_code_is_run_without_the_package():
    code = ('import sys; print([name for name in ("mmcv", "mmdet", '
            '"mmaction", "dyfadet_mm") if name in sys.modules], '
            '"torch" in sys.modules)')
    assert warm_python.run_code(code).stdout == '[] True\n'
    assert run([sys.executable, '-c', code]).stdout == '[] False\n'


@pytest.mark.parametrize('env', [
    dict(OMP_NUM_THREADS='2'),
    dict(PYTHONHASHSEED='1'),
    dict(PYTHONPATH='{folder}'),
])
def test_other_surroundings_need_the_true_interpreter(script, tmp_path, env):
    (tmp_path / 'hides').mkdir()
    (tmp_path / 'hides/torch.py').write_text('')
    command = script('import sys; print("torch" in sys.modules)')
    env = {k: v.format(folder=tmp_path / 'hides') for k, v in env.items()}
    assert run(command).stdout == 'True\n'
    assert run(command, env={**os.environ, **env}).stdout == 'False\n'
