"""XML of annotation tools: parsed as data, written only if it can be read."""
import re
from typing import Iterable, Optional
from xml.etree import ElementTree
from xml.parsers import expat

from ..messages import brief
from ..reading import read_bytes

_FORBIDDEN = re.compile('[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')


def parse_xml(path: str, kind: str, root: str) -> ElementTree.Element:
    """Read an XML file that has no document type.

    A document type may define entities, which files of annotation tools never
    need, and which can name other files or grow without bounds.

    Args:
        path (str): File.
        kind (str): What it is, such as ``'CVAT file'``.
        root (str): Name that the outermost element must have.

    Returns:
        Element: The outermost element.

    Raises:
        FileNotFoundError: If there is no such file.
        UnreadableFileError: If it cannot be read for another reason.
        ValueError: If it is not XML, has a document type, or is of another
            kind.
    """
    content = read_bytes(path, kind, 'give the path of one')

    def refuse(*_: Optional[str]) -> None:
        """End at a document type, before anything of it is used."""
        raise ValueError(f'{kind} {path!r} must have no document type '
                         '(<!DOCTYPE ...>); remove it')

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
        element = ElementTree.fromstring(content)
    except (expat.ExpatError, ElementTree.ParseError, LookupError) as error:
        raise ValueError(
            f'{kind} {path!r} must be XML, but got: {error}') from error
    if element.tag != root:
        raise ValueError(f'{kind} {path!r} must have the outermost element '
                         f'<{root}>, but got <{brief(element.tag)[1:-1]}>')
    return element


def check_xml_text(texts: Iterable[str], what: str) -> None:
    """Refuse text that no XML file can hold.

    Args:
        texts (Iterable[str]): Such as class names.
        what (str): What they are, for the message.

    Raises:
        ValueError: If one has a control character or half a character.
    """
    for text in texts:
        if _FORBIDDEN.search(text):
            raise ValueError(f'{what} must have no control characters, which '
                             f'XML cannot hold, but got {brief(text)}; rename '
                             'it, or choose another --format')


def save_xml(path: str, element: ElementTree.Element) -> None:
    """Write an XML file in UTF-8, indented.

    Args:
        path (str): File to write.
        element (Element): The outermost element.
    """
    ElementTree.indent(element)
    ElementTree.ElementTree(element).write(
        path, encoding='utf-8', xml_declaration=True)
