"""Names of files for ids that may hold any characters."""
import re
import unicodedata
from typing import Dict

# of a name, which leaves room for what is put around it within 255
MAX_BYTES = 200


class FileNames:
    """Names of files for ids, the same for an id every time, of no other.

    Signs that no file name can have become ``_``, and long names are cut. Of
    two ids with one name, the second one gets ``-2`` behind.

    Examples:
        >>> names = FileNames()
        >>> [names(each) for each in ('a/b', 'a_b', 'a/b')]
        ['a_b', 'a_b-2', 'a_b']
    """

    def __init__(self) -> None:
        self._ids: Dict[str, str] = {}  # by what file systems compare

    def __call__(self, identifier: str) -> str:
        """Name of a file, without a suffix.

        Args:
            identifier (str): Any text.

        Returns:
            str: Of at most 210 bytes or so.
        """
        plain = re.sub(r'[^\w.-]', '_', identifier)
        plain = plain.encode()[:MAX_BYTES].decode(errors='ignore')
        name, number = plain, 1
        while self._ids.setdefault(_folded(name), identifier) != identifier:
            number += 1
            name = f'{plain}-{number}'
        return name


def _folded(name: str) -> str:
    """What is the same for all names that some file system takes for one."""
    return unicodedata.normalize('NFC', name.casefold())
