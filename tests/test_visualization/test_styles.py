import pytest

from dyfadet_mm.visualization.styles import (HATCHES, PALETTE, ClassStyles,
                                             fade, text_color)


def test_few_classes_keep_their_colour_in_every_figure():
    classes = ('run', 'jump', 'swim')
    every = ClassStyles([0, 1, 2], classes)
    one = ClassStyles([2, 2], classes)
    assert one.patch(2) == every.patch(2)


def test_many_classes_all_look_different():
    num = len(PALETTE) * len(HATCHES)
    labels = range(1000, 1000 + num)
    styles = ClassStyles(labels)
    looks = [styles.patch(label) for label in labels]
    assert len({(p['facecolor'], p['hatch']) for p in looks}) == num


def test_more_classes_than_looks_still_have_one():
    styles = ClassStyles(range(100))
    assert styles.patch(99)['facecolor']


def test_fading_goes_towards_white():
    faded = [sum(fade('#332288', score)) for score in (1., 0.6, 0.2, 0.)]
    assert faded == sorted(faded) and faded[-1] < 3
    assert fade('#000000', 1.) == (0, 0, 0)
    assert fade('#332288', -1.) == fade('#332288', 0.)


@pytest.mark.parametrize('background, color', [((1., 1., 1.), '#222222'),
                                               ((0.2, 0.1, 0.5), 'white')])
def test_text_contrasts_with_its_background(background, color):
    assert text_color(background) == color
