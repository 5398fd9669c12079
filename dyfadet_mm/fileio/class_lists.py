"""Class names in label order, such as those of an annotation file."""
import logging
import re
from collections import Counter
from typing import (Collection, Dict, List, Optional, Sequence, Set, Tuple,
                    Union)

from mmengine.logging import print_log

from .messages import brief
from .reading import read_lines
from .video_entries import actions_of, label_name

#: Name of a class without a name, by its label.
EMPTY_NAME = 'class_{}'


def class_name(label: int, classes: Optional[Sequence[str]] = None) -> str:
    """Name a label.

    Args:
        label (int): Position in ``classes``.
        classes (Sequence[str], optional): Names in label order.
            Defaults to None.

    Returns:
        str: The name, or ``'class_<label>'`` where there is none.
    """
    if classes is not None and 0 <= label < len(classes):
        return str(classes[label])
    return EMPTY_NAME.format(label)


def resolve_classes(database: dict,
                    classes: Optional[Sequence[str]] = None,
                    num_classes: Optional[int] = None,
                    ignore_labels: Collection[str] = (),
                    allow_empty: bool = False) -> Tuple[str, ...]:
    """Class names in label order.

    Given names win. Otherwise ``label_id`` decides where every annotation
    has one, each name one id and each id one name; a name like ``'id_007'``
    stands for its own id. Otherwise the names are sorted, as in OpenTAD. All
    subsets count, so that training and evaluation agree.

    Args:
        database (dict): Entry by video id, of **all** subsets.
        classes (Sequence[str], optional): Names that win. Defaults to None.
        num_classes (int, optional): Classes of the official list, where the
            last ones may have no action. Ids must then decide. Defaults to
            None, up to the highest id.
        ignore_labels (Collection[str]): Names that are no classes. Defaults
            to ().
        allow_empty (bool): Accept a database without actions, which has no
            classes, as of new videos to detect in. Defaults to False.

    Returns:
        tuple[str]: Names; the label of a class is its position. An id that
        no annotation has, such as an EPIC noun that never occurs, gets the
        name ``'class_<id>'``.

    Raises:
        TypeError: If ``classes`` are not names, or a label is a list.
        ValueError: If ``classes`` repeat a name or have an ignored one, or
            there are none, or ids do not fit ``num_classes``.
    """
    if classes is not None and not (allow_empty and classes == ()):
        classes = check_classes(classes)
        both = [name for name in classes if name in ignore_labels]
        if both:
            raise ValueError('classes must not be among ignore_labels, but '
                             f'both have {brief(both)}; set ignore_labels=()')
        return classes
    pairs = _names_and_ids(database, ignore_labels)
    names = sorted({name for name, _ in pairs})
    if not names and allow_empty:
        return ()
    if not names:
        raise ValueError('classes must be given, for example '
                         "metainfo=dict(classes=('run', 'jump')), since the "
                         'annotation file has no actions; a data set to '
                         'detect in needs none with test_mode=True')
    ids = {label_id: name for name, label_id in pairs}
    if num_classes is not None:
        return _official_classes(ids, len(pairs), num_classes)
    if set(ids) == {None}:
        return tuple(names)
    if len(pairs) > len(names) or len(ids) < len(names) or not all(
            type(label_id) is int and label_id >= 0 for label_id in ids):
        print_log(
            'label_id is ignored and classes are sorted by name, because not '
            'every action has one, or one name has two ids or one id two '
            'names; give metainfo=dict(classes=...) to choose the order',
            logger='current',
            level=logging.WARNING)
        return tuple(names)
    return _classes_by_id(ids)


def extend_classes(classes: Sequence[str],
                   others: Sequence[str]) -> Tuple[str, ...]:
    """Append the names that a list of classes lacks.

    Args:
        classes (Sequence[str]): Names in label order, which stay.
        others (Sequence[str]): Names, of which some may be new.

    Returns:
        tuple[str]: ``classes``, then the new ones in their own order.
    """
    known = set(classes)
    return (*classes, *(name for name in others if name not in known))


def find_empty_classes(classes: Sequence[str]) -> List[int]:
    """Labels of the classes that :func:`resolve_classes` had to name.

    Args:
        classes (Sequence[str]): Names in label order.

    Returns:
        list[int]: Labels of those that no annotation has.
    """
    return [
        label for label, name in enumerate(classes)
        if name == EMPTY_NAME.format(label)
    ]


def read_class_list(path: str) -> List[str]:
    """Read class names in label order from a text file.

    Args:
        path (str): Path or URI of a file with one name per line.

    Returns:
        list[str]: The names, without blank lines.

    Raises:
        FileNotFoundError: If there is no such file.
        UnreadableFileError: If it cannot be read for another reason.
        ValueError: If it is not text in UTF-8.
    """
    return read_lines(path, 'list of class names',
                      'give a text file with one name per line')


def check_classes(classes: Sequence[str]) -> Tuple[str, ...]:
    """Check class names that come from outside of an annotation file.

    Args:
        classes (Sequence[str]): Names in label order.

    Returns:
        tuple[str]: The same.

    Raises:
        TypeError: If they are not a sequence of names.
        ValueError: If a name is repeated, or there is none.
    """
    if isinstance(classes,
                  str) or not all(isinstance(name, str) for name in classes):
        raise TypeError('classes must be a sequence of names or a text file '
                        f'with one name per line, but got {brief(classes)}')
    repeated = sorted(n for n, count in Counter(classes).items() if count > 1)
    if repeated or not classes:
        raise ValueError('classes must be different names, at least one, but '
                         f'got {brief(repeated or classes)} ' +
                         ('repeatedly' if repeated else ''))
    return tuple(classes)


def _names_and_ids(
        database: dict, ignore_labels: Collection[str]
) -> Set[Tuple[str, Union[int, str, None]]]:
    """Every pair of a name and a ``label_id`` in the file."""
    pairs = set()
    for video_id, entry in database.items():
        for index, item in enumerate(actions_of(video_id, entry)):
            name = label_name(video_id, index, item)
            if name in ignore_labels:
                continue
            label_id = item.get('label_id', _id_in_name(name))
            if type(label_id) not in (int, type(None)):  # True would be 1
                label_id = brief(label_id)
            pairs.add((name, label_id))
    return pairs


def _classes_by_id(ids: Dict[int, str]) -> Tuple[str, ...]:
    """Order names by id; fill few gaps with names, close many."""
    num_classes = max(ids) + 1
    if num_classes == len(ids):
        return tuple(ids[i] for i in range(num_classes))
    if num_classes > 2 * len(ids):
        print_log(
            f'label_id goes up to {max(ids)} for {len(ids)} classes: the '
            'classes are numbered anew in the order of their ids',
            logger='current',
            level=logging.WARNING)
        return tuple(ids[i] for i in sorted(ids))
    empty = [i for i in range(num_classes) if i not in ids]
    print_log(
        f'label_id has no action for {len(empty)} of {num_classes} ids '
        f"({empty[:5]}{'...' if len(empty) > 5 else ''}): they are classes "
        'without data, num_classes includes them',
        logger='current')
    return tuple(ids.get(i, EMPTY_NAME.format(i)) for i in range(num_classes))


def _official_classes(ids: dict, num_pairs: int,
                      num_classes: int) -> Tuple[str, ...]:
    """Order names by official ids, classes without action included."""
    outside = [
        i for i in ids if type(i) is not int or not 0 <= i < num_classes
    ]
    shown = (
        brief(outside) if outside else 'ids with several names or the reverse')
    if outside or num_pairs > len(ids) or num_pairs > len(set(ids.values())):
        raise ValueError(
            f'label_id must be the official id from 0 to {num_classes - 1} of '
            'every action, each id with one name, but got '
            f'{shown}; convert the annotations again, or give metainfo=dict('
            'classes=...)')
    return tuple(ids.get(i, EMPTY_NAME.format(i)) for i in range(num_classes))


def _id_in_name(name: str) -> Optional[int]:
    """The id that a name like ``'id_007'`` consists of, or None."""
    match = re.fullmatch(r'id_(\d{1,18})', name)
    return match and int(match[1])
