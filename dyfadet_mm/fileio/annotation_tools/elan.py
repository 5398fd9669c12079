"""Files of ELAN (.eaf), read and written by pympi-ling.

Intervals of a tier do not overlap, so every class is a tier, and actions that
overlap one of their class lie on further tiers: ``pour``, ``pour (2)``. Times
are whole milliseconds.
"""
import itertools
import mimetypes
import os.path as osp
import re
from collections import Counter
from typing import Any, Dict, List, Sequence
from urllib.parse import quote, unquote

from ..atomic import atomic_path
from ..messages import brief
from .records import (Action, ToolFile, ToolVideo, file_name_of, make_action,
                      video_id_of)
from .xml_files import check_xml_text, parse_xml

KIND = 'ELAN file'
_SCHEMA = 'http://www.mpi.nl/tools/elan/EAFv3.0.xsd'
#: Where the label of an action is.
SOURCES = ('value', 'tier')


def read_elan(path: str, label_from: str = 'value') -> ToolFile:
    """Read a file of one video.

    Args:
        path (str): The ``.eaf`` file.
        label_from (str): ``'value'``: the label is the value of an
            annotation, or the name of its tier if that is empty. ``'tier'``:
            it is the name of the tier. Defaults to ``'value'``.

    Returns:
        ToolFile: The video, in seconds.

    Raises:
        ImportError: If pympi-ling is missing.
        KeyError: If an annotation has no time.
        ValueError: If the file is of another kind, or a value is out of
            range.
    """
    eaf_class = _import_pympi()
    parse_xml(path, KIND, 'ANNOTATION_DOCUMENT')
    try:
        eaf = eaf_class(osp.abspath(path), suppress_version_warning=True)
    except (AttributeError, IndexError, KeyError, ValueError) as error:
        raise ValueError(f'{KIND} {path!r} must be one that ELAN can open, '
                         f'but lacks or has: {error}') from error
    found = ToolFile({}, Counter(), [])
    media = [_media_name(each) for each in eaf.media_descriptors]
    file = next((name for name in media if name),
                osp.splitext(osp.basename(path))[0])
    actions = []
    for tier, (aligned, references, *_) in eaf.tiers.items():
        found.dropped['annotations without times of their own'] += len(
            references)
        for name, (first, last, value, _) in aligned.items():
            where = f'{path!r}, tier {brief(tier)}, annotation {brief(name)}'
            if label_from == 'tier' or not value.strip():
                value = re.sub(r' \(\d+\)$', '', tier)
            # a slot without a time gets None, which make_action refuses
            start, end = (eaf.timeslots.get(slot) for slot in (first, last))
            actions.append(
                make_action(where, start, end, value, 'milliseconds'))
    found.add(
        video_id_of(file),
        ToolVideo(actions, rate=1000., file=file,
                  where=repr(path)).in_seconds())
    return found


def _media_name(descriptor: Dict[str, str]) -> str:
    """Name of a video file that an ELAN file is about."""
    name = descriptor.get('RELATIVE_MEDIA_URL') or descriptor.get(
        'MEDIA_URL', '')
    return unquote(name)


def write_elan(path: str,
               video_id: str,
               video: ToolVideo,
               classes: Sequence[str],
               url: str = './') -> List[str]:
    """Write a file of one video.

    Args:
        path (str): The ``.eaf`` file to write.
        video_id (str): Id of the video.
        video (ToolVideo): In seconds.
        classes (Sequence[str]): Names of the tiers.
        url (str): What stands before the name of the video file. Defaults to
            ``'./'``, the folder of the ``.eaf`` file.

    Returns:
        list[str]: The file.

    Raises:
        ImportError: If pympi-ling is missing.
        ValueError: If a name cannot be in XML.
    """
    check_xml_text(classes, 'labels')
    eaf = _import_pympi()(author='dyfadet_mm')
    eaf.remove_tier('default')
    eaf.adocument.update({
        'VERSION': '3.0',
        'FORMAT': '3.0',
        'xsi:noNamespaceSchemaLocation': _SCHEMA
    })
    eaf.header.update(MEDIA_FILE='', TIME_UNITS='milliseconds')
    eaf.add_linked_file(
        url + quote(video.file),
        relpath=f'./{quote(file_name_of(video_id, video))}',
        mimetype=mimetypes.guess_type(video.file)[0] or 'video/mp4')
    for label in classes:
        actions = [each for each in video.actions if each.label == label]
        _add_tiers(eaf, label, actions, classes)
    _sort_slots(eaf)
    with atomic_path(path) as part:
        eaf.to_file(part)
    return [path]


def _add_tiers(eaf: Any, label: str, actions: Sequence[Action],
               classes: Sequence[str]) -> None:
    """Add the actions of a class, on as many tiers as overlaps need."""
    tiers: List[str] = [label]
    ends = [0]  # of the last action of every tier
    eaf.add_tier(label)
    for action in sorted(actions, key=lambda each: each[:2]):
        start, end = (int(1000 * time + 0.5) for time in action[:2])
        end = max(end, start + 1)
        level = next((i for i, last in enumerate(ends) if last <= start), None)
        if level is None:
            level = len(tiers)
            numbers = (f'{label} ({n})' for n in itertools.count(level + 1))
            tiers.append(
                next(n for n in numbers if n not in (*classes, *tiers)))
            ends.append(0)
            eaf.add_tier(tiers[level])
        ends[level] = end
        eaf.add_annotation(tiers[level], start, end, label)


def _sort_slots(eaf: Any) -> None:
    """Number the time slots in the order of time, as ELAN does."""
    order = sorted(eaf.timeslots.items(), key=lambda slot: slot[1])
    names = {old: f'ts{n}' for n, (old, _) in enumerate(order, 1)}
    eaf.timeslots = {names[old]: time for old, time in order}
    for aligned, *_ in eaf.tiers.values():
        for key, (first, last, *rest) in aligned.items():
            aligned[key] = (names[first], names[last], *rest)


def _import_pympi() -> type:
    """The class of ELAN files of an optional package."""
    try:
        from pympi.Elan import Eaf
    except ImportError as error:
        raise ImportError(
            'pympi-ling must be installed to read and write files of ELAN; '
            'pip install "dyfadet_mm[annotation]"') from error
    return Eaf
