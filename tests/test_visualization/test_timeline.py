import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle

from dyfadet_mm.visualization import draw_timeline, figure_to_image

CLASSES = ('run', 'jump')


def video(**changes):
    out = dict(
        video_id='v0',
        duration=40.,
        gt_segments=np.array([[2., 12.], [20., 26.]]),
        gt_labels=np.array([0, 1]),
        segments=torch.tensor([[3., 11.], [20., 27.], [30., 31.]]),
        scores=torch.tensor([0.9, 0.6, 0.2]),
        labels=torch.tensor([0, 1, 1]))
    return {**out, **changes}


def bars(axes):
    """(start, end) of the drawn segments."""
    return sorted((p.get_x(), p.get_x() + p.get_width()) for p in axes.patches
                  if isinstance(p, Rectangle) and p.get_zorder() > 0)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_bars_lie_at_their_seconds():
    figure = draw_timeline([video()], CLASSES)
    axes, = figure.axes
    assert np.allclose(
        bars(axes), [(2, 12), (3, 11), (20, 26), (20, 27)], atol=1e-6)
    assert axes.get_xlim() == (0, 40)
    assert axes.get_title(loc='left') == 'v0'


def test_wide_bars_carry_class_and_score():
    axes, = draw_timeline([video()], CLASSES).axes
    assert texts(axes).count('run') == 1  # the ground truth
    assert 'run  0.90' in texts(axes) and 'jump  0.60' in texts(axes)


def test_narrow_bars_carry_no_text_but_stay_visible():
    narrow = video(
        gt_segments=[[1., 1.]],
        gt_labels=[0],
        segments=[],
        scores=[],
        labels=[],
        duration=4000.)
    axes, = draw_timeline([narrow], CLASSES).axes
    assert texts(axes) == ['ground truth', 'detections']
    (start, end), = bars(axes)
    assert end > start


def test_detections_fade_with_their_score():
    axes, = draw_timeline([video()], CLASSES, score_thr=0.).axes
    faces = {
        round(p.get_x(), 3): sum(p.get_facecolor()[:3])
        for p in axes.patches if isinstance(p, Rectangle)
    }
    assert faces[2.] < faces[3.]  # ground truth is not faded
    assert faces[20.] < faces[30.]


def test_videos_have_their_own_axes_below_each_other():
    figure = draw_timeline(
        [video(), video(video_id='v1', duration=9.)], CLASSES)
    first, second = figure.axes
    assert first.get_position().y0 > second.get_position().y1
    assert second.get_xlim() == (0, 9)


@pytest.mark.parametrize('removed', [('gt_segments', 'gt_labels'),
                                     ('segments', 'scores', 'labels'),
                                     ('duration', )])
def test_any_part_of_a_video_may_be_missing(removed):
    part = {k: v for k, v in video().items() if k not in removed}
    image = figure_to_image(draw_timeline([part]))
    assert image.dtype == np.uint8 and image.shape[2] == 3
    assert image.min() < 128  # something is drawn


def test_the_legend_names_the_classes_drawn():
    figure = draw_timeline([video(labels=[1, 1, 1], gt_labels=[1, 1])],
                           CLASSES)
    names = [t.get_text() for legend in figure.legends for t in legend.texts]
    assert 'jump' in names and 'run' not in names


def test_hidden_detections_are_reported():
    same = video(segments=[[0, 9]] * 5, scores=[0.9] * 5, labels=[0] * 5)
    axes, = draw_timeline([same], CLASSES, max_lanes=2).axes
    assert axes.get_title(loc='right') == '3 more overlapping, not drawn'


@pytest.mark.parametrize('num_classes', [1, 12, 60])
def test_nothing_of_the_legend_leaves_the_figure(num_classes):
    labels = np.arange(num_classes)
    segments = np.stack((labels, labels + 0.9), 1)
    figure = draw_timeline([
        dict(
            duration=60.,
            gt_segments=segments,
            gt_labels=labels,
            segments=segments,
            scores=np.ones(num_classes),
            labels=labels)
    ], [f'a_long_name_{label}' for label in labels])
    figure.canvas.draw()
    names, scores = (legend.get_window_extent() for legend in figure.legends)
    assert names.x0 >= 0 and names.y1 <= figure.bbox.y1
    assert names.x1 <= scores.x0 and scores.x1 <= figure.bbox.x1
    assert names.y0 >= figure.axes[0].get_window_extent().y1


def test_detections_below_the_score_are_reported():
    axes, = draw_timeline([video()], CLASSES, score_thr=0.7).axes
    assert axes.get_title(loc='right') == '2 below score 0.7, not drawn'


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('width', [4., 11.])
def test_nothing_of_any_text_leaves_the_figure(width):
    names = ['$\\frac$', '\u8df3\u9ad8', 'long name ' * 12, 'x' * 150]
    videos = [
        video(video_id='$v' * 70, labels=[2, 3, 1], gt_labels=[0, 1]),
        video(video_id='a/b\n', scores=[0.1] * 3)
    ]
    figure = draw_timeline(
        videos, names, title='title $ ' * 25, width=width, max_lanes=1)
    figure.canvas.draw()
    artists = figure.findobj(lambda a: hasattr(a, 'get_text') and a.get_text())
    assert len(artists) > 20
    for artist in artists:
        box = artist.get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, artist
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, artist
    lowest = min(n.get_window_extent().y0 for n in figure.legends)
    first = figure.axes[0]
    assert lowest >= first.get_tightbbox().y1
    assert first.get_tightbbox().y0 >= figure.axes[1].get_tightbbox().y1


def test_no_video_is_refused():
    with pytest.raises(ValueError, match='videos must be at least one'):
        draw_timeline([])
