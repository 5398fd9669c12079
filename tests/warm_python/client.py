"""The program of the tests in the place of an interpreter.

    client.py SOCKET PYTHON PROGRAM SITE ARGS...

Each command begins with it, so that it imports what is in the interpreter.
"""
import _signal as signal
import _socket as socket
import marshal
import os
import sys
from array import array

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
MODULES = ('mim', 'torch', 'dyfadet_mm')


def can_be_warm(args: list, kind: str) -> bool:
    """Whether the server can run a command line."""
    if not args:
        return False
    if args[0] == '-m':
        return len(args) > 1 and args[1].split('.')[0] in MODULES
    if args[0] == '-c':
        return kind == 'others'
    return args[0].endswith('.py') and os.path.isfile(args[0])


def connect(path: str):
    """Connect with the server, None where it is gone."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(path)
    except OSError:
        return None
    return sock


def main() -> None:
    """Let the server run the command, or the true interpreter."""
    path, python, program, site, *args = sys.argv[1:]
    if args[:1] == ['-u']:  # as PyTorch's launcher calls it
        os.environ['PYTHONUNBUFFERED'] = '1'
        args = args[1:]
    warm = can_be_warm(args, os.path.basename(path))
    sock = connect(path) if warm else None
    if sock is not None:
        request = marshal.dumps(
            dict(
                args=args,
                cwd=os.getcwd(),
                env=dict(os.environ),
                program=program,
                site=site))
        files = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array('i', [0, 1, 2]))
        sock.sendmsg([len(request).to_bytes(8, 'big')], [files])
        sock.sendall(request)
        for number in FORWARDED:
            signal.signal(number,
                          lambda number, _: sock.sendall(bytes([number])))
        status = sock.recv(4)
        if len(status) == 4:
            end(int.from_bytes(status, 'big', signed=True))
        if status != b'no':
            sys.exit(f'{path} has gone away')
    os.execv(python, [python, *args])


def end(status: int) -> None:
    """End as the command ended, by a signal if it is negative."""
    if status < 0:
        if -status in FORWARDED:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


main()
