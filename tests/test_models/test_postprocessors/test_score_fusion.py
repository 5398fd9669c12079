import json
import pickle

import pytest
import torch
from mmengine.structures import InstanceData

from dyfadet_mm.models import ScoreFusion


@pytest.fixture
def make_fusion(tmp_path):

    def _make(scores, **kwargs):
        path = tmp_path / 'scores.json'
        path.write_text(json.dumps(scores))
        return ScoreFusion(str(path), **kwargs)

    return _make


def detections(num=2):
    """Segments (0, 1), (1, 2), ... with scores 0.64, 0.32, ..."""
    starts = torch.arange(num).float()
    return InstanceData(
        segments=torch.stack((starts, starts + 1), 1),
        scores=0.64 * 0.5**starts,
        labels=torch.zeros(num, dtype=torch.long))


def test_scores_are_roots_of_products_best_first(make_fusion):
    fusion = make_fusion(dict(v=[0.01, 0.25, 0., 0.49]))
    out = fusion(detections(), 'v')
    expected = [(0., 3, (0.64 * 0.49)**0.5), (0., 1, (0.64 * 0.25)**0.5),
                (1., 3, (0.32 * 0.49)**0.5), (1., 1, (0.32 * 0.25)**0.5)]
    expected.sort(key=lambda row: -row[2])
    assert out.scores.tolist() == pytest.approx([x[2] for x in expected])
    assert out.labels.tolist() == [x[1] for x in expected]
    assert out.segments[:, 0].tolist() == [x[0] for x in expected]
    assert (out.segments[:, 1] - out.segments[:, 0] == 1).all()


@pytest.mark.parametrize('topk', [1, 3])
def test_topk_is_the_number_of_classes_per_video(topk, make_fusion):
    fusion = make_fusion(dict(v=[0.1, 0.4, 0.2, 0.3]), topk=topk)
    out = fusion(detections(), 'v')
    assert len(out.scores) == 2 * topk
    assert set(out.labels.tolist()) == set([1, 3, 2][:topk])


def test_at_most_max_num_segments_are_repeated(make_fusion):
    fusion = make_fusion(dict(v=[0.5, 0.4]), max_num=3)
    out = fusion(detections(5), 'v')
    assert len(out.scores) == 6
    assert set(out.segments[:, 0].tolist()) == {0., 1., 2.}


LOGITS = [2., -1., 0.5]


@pytest.mark.parametrize('scores, softmax, expected', [
    (LOGITS, None, torch.tensor(LOGITS).softmax(0)),
    ([0.5, 1.5], None, torch.tensor([0.5, 1.5]).softmax(0)),
    ([-0.5, 0.5], None, torch.tensor([-0.5, 0.5]).softmax(0)),
    ([0.5, 0.5, 1.], None, torch.tensor([0.5, 0.5, 1.])),
    ([0.2, 0.3], True, torch.tensor([0.2, 0.3]).softmax(0)),
    ([0.5, 1.5], False, torch.tensor([0.5, 1.5])),
    ([[0.2, 0.8]], None, torch.tensor([0.2, 0.8])),
])
def test_softmax_is_guessed_from_the_range_or_forced(scores, softmax, expected,
                                                     make_fusion):
    fusion = make_fusion(dict(v=scores), softmax=softmax)
    torch.testing.assert_close(fusion.class_scores('v'), expected)


def test_scores_may_lie_under_results(make_fusion):
    fusion = make_fusion(dict(version=1, results=dict(v=[0.25, 0.5])))
    assert fusion.class_scores('v').tolist() == [0.25, 0.5]


def test_a_video_without_detections_stays_empty(make_fusion):
    out = make_fusion(dict(v=[0.25, 0.5]))(detections(0), 'v')
    assert out.segments.shape == (0, 2) and out.labels.shape == (0, )


def test_a_video_that_the_file_lacks_is_named(make_fusion):
    fusion = make_fusion(dict(v=[0.25, 0.5]))
    with pytest.raises(KeyError, match="no class scores for video 'w'"):
        fusion(detections(), 'w')


def test_other_files_than_json_are_refused_unread(tmp_path):
    path = tmp_path / 'scores.pkl'
    path.write_bytes(pickle.dumps(dict(v=[0.25])))
    with pytest.raises(ValueError, match='must be a .json file.*scores.pkl'):
        ScoreFusion(str(path))
    with pytest.raises(FileNotFoundError, match='missing.json'):
        ScoreFusion(str(tmp_path / 'missing.json'))


def test_a_file_without_a_mapping_is_refused(make_fusion):
    with pytest.raises(ValueError, match='must map video ids'):
        make_fusion([0.1, 0.2])
    with pytest.raises(ValueError, match='must map video ids'):
        make_fusion(dict(results=[0.1, 0.2]))
