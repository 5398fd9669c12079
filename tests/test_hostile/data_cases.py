"""What the tests of files of data share."""
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from mutators import mutate_bytes, mutate_value

ROOT = Path(__file__).resolve().parents[2]
#: The text of these is spelled by hand, since no library writes it.
RAW = {
    'repeated keys':
    '{"database": {"v": {}, "v": {}}, "results": {"v": [], '
    '"v": []}}',
    '400 digits':
    '{"database": {"v": {"duration": ' + '9' * 400 + '}}, '
    '"results": {"v": [' + '9' * 400 + ']}}',
    '5000 digits':
    '[' + '9' * 5000 + ']',
    '100000 levels':
    '[' * 100_000,
    '100000 objects':
    '{"database":' * 100_000,
    'half a character':
    '{"database": {"\\ud800": {}}, "results": {}}',
    'not UTF-8':
    b'{"database": {"\xff": {}}}',
    'UTF-16 that ends early':
    b'\xff\xfe{\0"',
    'no JSON':
    '<!DOCTYPE html><html>',
    'nothing':
    ''
}


@contextmanager
def scripts(folder: str) -> Iterator[None]:
    """Let scripts below ``tools`` be imported by their names."""
    sys.path.insert(0, str(ROOT / 'tools' / folder))
    try:
        yield
    finally:
        sys.path.remove(str(ROOT / 'tools' / folder))


def run_main(main: Callable, *args: Any) -> None:
    """Run a command line, of which the last words are an error's."""
    try:
        main(list(map(str, args)))
    except SystemExit as error:
        if isinstance(error.code, str):
            assert '\n' not in error.code
            raise ValueError(error.code) from error


def spoil_json(rng: Any, value: Any, protected: Sequence[str] = ()) -> bytes:
    """Spoil what a JSON file holds, or its bytes.

    Args:
        rng (random.Random): Decides how.
        value (Any): The content of the right file.
        protected (Sequence[str]): Texts that the result still holds.

    Returns:
        bytes: The content of a wrong file.
    """
    while True:
        if rng.random() < 0.7:
            wrong = mutate_value(rng, value, rng.randrange(1, 4))
            content = json.dumps(wrong).encode()
        else:
            content = mutate_bytes(rng,
                                   json.dumps(value).encode(),
                                   rng.randrange(1, 4))
        if all(text.encode() in content for text in protected):
            return content
