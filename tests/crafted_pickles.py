"""Files of torch.save as no torch.save writes them, made by hand."""
import io
import pickle
import struct
import zipfile
from typing import Any, Dict, NamedTuple

MAGIC, VERSION = 0x1950a86a20f9469cfc6c, 1001


class Raw(bytes):
    """Instructions as they are."""


class Global(NamedTuple):
    """A class or function."""
    module: str
    name: str

    def __call__(self, *args: Any) -> 'Made':
        return Made(self, args)


class Made(NamedTuple):
    """What a call gives, and the state that it is given."""
    function: Any
    args: tuple
    state: Any = None


class Stored(NamedTuple):
    """Numbers of a tensor, by the name of their class and their count."""
    cls: str
    key: Any
    number: Any
    location: str = 'cpu'


TENSOR = Global('torch._utils', '_rebuild_tensor_v2')
ODICT = Global('collections', 'OrderedDict')
HOOKS = Made(ODICT, ())


def tensor(number=4, offset=0, size=(4, ), stride=(1, ), *more, **storage):
    """A tensor of float32."""
    numbers = Stored('FloatStorage', storage.pop('key', '0'), number,
                     **storage)
    return TENSOR(numbers, offset, size, stride, False, HOOKS, *more)


def dump(value: Any) -> bytes:
    """A pickle of protocol 2."""
    return b'\x80\x02' + _code(value) + b'.'


def _code(value: Any) -> bytes:
    """Instructions that make a value."""
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Global):
        return f'c{value.module}\n{value.name}\n'.encode()
    if isinstance(value, Made):
        call = _code(value.function) + _code(value.args) + b'R'
        return call if value.state is None else (call + _code(value.state) +
                                                 b'b')
    if isinstance(value, Stored):
        cls, key, number, location = value
        return _code(
            ('storage', Global('torch', cls), key, location, number)) + b'Q'
    if type(value) is tuple:
        return b'(' + b''.join(map(_code, value)) + b't'
    if type(value) is list:
        return b'](' + b''.join(map(_code, value)) + b'e'
    if type(value) is dict:
        items = b''.join(_code(k) + _code(v) for k, v in value.items())
        return b'}(' + items + b'u'
    if type(value) is bytes:  # as protocol 2 has them
        return _code(
            Global('_codecs', 'encode')(value.decode('latin1'), 'latin1'))
    if type(value) is int and -2**31 <= value < 2**31:
        return b'J' + struct.pack('<i', value)
    # numbers and texts, without frame and end
    return pickle.dumps(value, protocol=2)[2:-1].replace(b'q\x00', b'')


def shared_lists(levels: int, kind: bytes = b']') -> Raw:
    """A list, one of twice the list, one of twice that one, and so on."""
    code = kind + b'q\x00'
    for i in range(levels):
        twice = bytes((ord('h'), i, ord('h'), i))
        code += b'](' + twice + b'eq' + bytes((i + 1, ))
    return Raw(b'](' + code + b'e')


def as_zip(pickled: bytes,
           records: Dict[str, bytes] = dict(),
           packing: int = zipfile.ZIP_STORED) -> bytes:
    """A file as torch.save writes it since PyTorch 1.6."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', packing) as archive:
        archive.writestr('a/data.pkl', pickled)
        archive.writestr('a/version', b'3\n')
        archive.writestr('a/byteorder', b'little')
        for name, content in records.items():
            archive.writestr(f'a/{name}', content)
    return file.getvalue()


def as_legacy(value: Any, keys: Any = ('0', ), rest: Any = None) -> bytes:
    """A file as torch.save wrote it before."""

    def with_view(value: Stored) -> Raw:
        cls, key, number, location = value
        return Raw(
            _code(('storage', Global('torch', cls), key, location, number,
                   None)) + b'Q')

    system = dict(
        protocol_version=VERSION, little_endian=True, type_sizes=dict())
    if rest is None:
        rest = b''.join(struct.pack('<q4f', 4, 1, 2, 3, 4) for _ in keys)
    parts = [
        pickle.dumps(each, protocol=2) for each in (MAGIC, VERSION, system)
    ]
    parts += [dump(_replace(value, with_view)), dump(list(keys)), rest]
    return b''.join(parts)


def _replace(value: Any, change: Any) -> Any:
    """Change every storage in a value."""
    if isinstance(value, Stored):
        return change(value)
    if isinstance(value, Made):
        return Made(*(_replace(each, change) for each in value))
    if type(value) in (tuple, list):
        return type(value)(_replace(each, change) for each in value)
    if type(value) is dict:
        return {k: _replace(v, change) for k, v in value.items()}
    return value
