import pytest

from dyfadet_mm.structures import class_name


@pytest.mark.parametrize('label, classes, name', [
    (1, ('run', 'jump'), 'jump'),
    (2, ('run', 'jump'), 'class_2'),
    (-1, ('run', 'jump'), 'class_-1'),
    (0, None, 'class_0'),
])
def test_a_label_without_name_is_named_by_its_number(label, classes, name):
    assert class_name(label, classes) == name
