"""Imports the heavy packages at the first command, and forks for each."""
import atexit
import gc
import importlib
import marshal
import os
import random
import runpy
import select
import signal
import site
import socket
import sys
import tempfile
import threading
import traceback
import types
import warnings
import weakref
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OTHERS = ('torch', 'torch._dynamo', 'torch.distributed.launch', 'mmengine.hub',
          'mmengine.runner', 'mmengine.visualization', 'matplotlib.pyplot',
          'pandas', 'scipy.interpolate', 'sklearn.datasets', 'mim', 'tqdm',
          'h5py')
#: What an interpreter or a library reads once.
ONCE = ('PYTHON', 'OMP_', 'MKL_', 'GOMP_', 'TORCH_', 'MPL', 'LC_', 'LANG',
        'CUDA', 'LD_PRELOAD', 'MALLOC')
#: Of these, what a command may have otherwise.
FREE = ('PYTHONPATH', 'PYTHONWARNINGS', 'PYTHONUNBUFFERED', 'OMP_WAIT_POLICY',
        'TORCH_NCCL_ASYNC_ERROR_HANDLING')
ENV = dict(os.environ)


def listen(folder, kind):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(os.path.join(folder, kind))
    sock.listen(64)
    return sock


def serve(sock):
    """Fork for every connection, as long as standard input is open."""
    weakref.finalize._registry.clear()  # what imports leave is for no command
    gc.collect()
    gc.freeze()  # the collector of a command shall not touch shared memory
    pids, ends = {}, {}  # of commands by connection, connections by pidfd
    while True:
        ready, _, _ = select.select([sock, 0, *pids, *ends], [], [])
        if 0 in ready:
            return
        for each in ready:
            if each is sock:
                connection, _ = sock.accept()
                pid = start(connection, [sock, *pids])
                if pid is not None:
                    pids[connection] = pid
                    ends[os.pidfd_open(pid)] = connection
            elif each in ends:
                connection = ends.pop(each)
                os.close(each)
                finished(connection, pids.pop(connection))
            elif each in pids:
                pass_on(each, pids[each])


def start(connection, others):
    """Fork for the command of a connection.

    Args:
        connection (socket): A new one.
        others (list[socket]): What the command shall not keep open.

    Returns:
        int, optional: Its process, None if the true interpreter must run it.
    """
    fds = []
    try:
        size, fds, _, _ = socket.recv_fds(connection, 8, 3)
        request = receive(connection, int.from_bytes(size, 'big'))
        if like_ours(request):
            pid = os.fork()
            if pid == 0:
                for each in (connection, *others):
                    each.close()
                become(fds, **request)
            return pid
        connection.sendall(b'no')
    except ConnectionError:
        pass  # the caller has been killed
    finally:
        for fd in fds:
            os.close(fd)
    connection.close()
    return None


def receive(connection, size):
    """The request that a caller sends."""
    parts = []
    while size:
        parts.append(connection.recv(size))
        if not parts[-1]:
            raise ConnectionError('the caller has been killed')
        size -= len(parts[-1])
    return marshal.loads(b''.join(parts))


def pass_on(connection, pid):
    """Send the command a signal that its caller got."""
    try:
        number = connection.recv(1)
    except ConnectionError:
        number = b''
    # without a number the caller has been killed
    os.kill(pid, (number or bytes([signal.SIGKILL]))[0])


def finished(connection, pid):
    """Tell the caller how its command has ended."""
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with connection:
        try:
            connection.sendall(status.to_bytes(4, 'big', signed=True))
        except ConnectionError:
            pass  # the caller has been killed


def like_ours(request):
    """Whether a fresh interpreter would have what this one has."""
    env = request['env']
    names = {
        name
        for name in (*env, *ENV) if name.startswith(ONCE) and name not in FREE
    }
    if 'OMP_NUM_THREADS' not in env:  # the number is set later
        names.discard('OMP_NUM_THREADS')
    if any(env.get(name) != ENV.get(name) for name in names):
        return False
    args, cwd = request['args'], request['cwd']
    first = '' if args[0] in ('-m', '-c') else os.path.dirname(args[0])
    folders = [first, *env.get('PYTHONPATH', '').split(os.pathsep)]
    return not any(hides_a_module(os.path.join(cwd, each)) for each in folders)


def hides_a_module(folder):
    """Whether a folder on the path has another module of a name of ours."""
    for path in Path(folder).glob('*'):
        module = sys.modules.get(path.stem)
        if module is None or path.suffix not in ('', '.py'):
            continue
        if path.is_dir():
            path = path / '__init__.py'
        file = getattr(module, '__file__', None)
        if path.exists() and not (file and path.samefile(file)):
            return True
    return False


def become(fds, args, cwd, env, program, site):
    """Be the process that runs a command."""
    status = 1
    try:
        for number, fd in enumerate(fds):
            os.dup2(fd, number)
        for fd in fds:
            os.close(fd)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        prepare(cwd, env, program, site)
        status = run(args)
    except BaseException:
        traceback.print_exc()
    finally:
        finish(status)


def prepare(cwd, env, program, environment):
    """Give this process what a fresh one takes from its surroundings."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.executable = program
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    if environment:
        leave_for(environment)
    ours = ENV.get('PYTHONPATH', '').split(os.pathsep)
    theirs = env.get('PYTHONPATH', '').split(os.pathsep)
    sys.path[:] = [os.path.join(cwd, each) for each in theirs if each
                   ] + [each for each in sys.path[1:] if each not in ours]
    if env.get('PYTHONWARNINGS') == 'ignore':
        warnings.simplefilter('ignore', append=True)
    import numpy
    import torch
    random.seed()
    numpy.random.seed()
    tempfile.tempdir = None
    if 'OMP_NUM_THREADS' not in env:
        torch.set_num_threads(len(os.sched_getaffinity(0)))


def leave_for(folder):
    """Move to the site-packages of another environment.

    A line of a file there leads back to ours, after its own.
    """
    sys.meta_path[:] = [
        each for each in sys.meta_path
        if 'editable' not in getattr(each, '__module__', '')
    ]
    for name in [each for each in sys.modules if 'editable' in each]:
        del sys.modules[name]
    sys.path[:] = [each for each in sys.path if 'site-packages' not in each]
    sys.prefix = sys.exec_prefix = str(Path(folder).parents[2])
    site.addsitedir(folder)
    importlib.invalidate_caches()


def run(args):
    """Run a script, a module or code as the interpreter does.

    Returns:
        int: The exit status.
    """
    try:
        if args[0] == '-m':
            sys.argv = ['-m', *args[2:]]
            sys.path.insert(0, os.getcwd())
            sys.modules.pop(args[1], None)
            runpy.run_module(args[1], run_name='__main__', alter_sys=True)
        elif args[0] == '-c':
            sys.argv = ['-c', *args[2:]]
            sys.path.insert(0, '')
            sys.modules['__main__'] = main = types.ModuleType('__main__')
            exec(compile(args[1], '<string>', 'exec'), main.__dict__)
        else:
            sys.argv = args
            sys.path.insert(0, os.path.dirname(os.path.realpath(args[0])))
            runpy.run_path(args[0], run_name='__main__')
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 255
        print(error.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        return 130
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def finish(status):
    """End the process with what an interpreter does at its end."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def main(folder):
    """Serve commands without our package, and in a fork those with it."""
    others, ours = listen(folder, 'others'), listen(folder, 'ours')
    ready, _, _ = select.select([others, ours, 0], [], [])
    if 0 in ready:  # nobody has needed it
        return
    warnings.simplefilter('ignore')
    quiet = warnings.filters[0]
    for name in OTHERS:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    pid = os.fork()
    if pid == 0:
        others.close()
        sys.path.insert(1, str(ROOT))
        from dyfadet_mm.utils import register_all_modules
        register_all_modules(False)
        sys.path.remove(str(ROOT))
        # configs are saved as they are, as in the tests: yapf takes long
        from mmengine.config import config
        config.FormatCode = lambda text, **options: (text, False)
        # a loop by iterations sleeps for 2 s whenever the data begin anew
        from mmengine.runner import loops
        loops.time = types.SimpleNamespace(sleep=int)
        warnings.filters.remove(quiet)
        serve(ours)
        os._exit(0)
    ours.close()
    warnings.filters.remove(quiet)
    serve(others)
    os.waitpid(pid, 0)
    os._exit(0)


if __name__ == '__main__':
    main(sys.argv[1])
