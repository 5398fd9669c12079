import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor

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
    (LOGITS, 'auto', torch.tensor(LOGITS).softmax(0)),
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


def test_pickles_are_read_as_data_alone(tmp_path):
    path = tmp_path / 'scores.pkl'
    path.write_bytes(pickle.dumps(dict(v=[0.25])))
    assert ScoreFusion(str(path)).class_scores('v').tolist() == [0.25]
    path.write_bytes(pickle.dumps(dict(v=pytest.approx)))
    with pytest.raises(ValueError, match='scores.pkl.*approx'):
        ScoreFusion(str(path)).bind(['run'])


@pytest.mark.parametrize('use', [
    lambda fusion: fusion.bind(['run']),
    lambda fusion: fusion.class_scores('v'),
    lambda fusion: fusion(detections(), 'v'),
])
def test_the_file_is_read_at_the_first_use(use, tmp_path):
    path = tmp_path / 'missing.json'
    fusion = ScoreFusion(str(path))
    with pytest.raises(FileNotFoundError, match='missing.json.*; set score_f'):
        use(fusion)
    path.write_text('{"v": [0.5]}')  # one that comes later is found
    use(fusion)
    path.unlink()  # and is read once
    assert fusion.class_scores('v').tolist() == [0.5]


@pytest.mark.parametrize(
    'copied', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize('bound', [False, True])
def test_copies_find_the_same_scores(copied, bound, make_fusion):
    fusion = make_fusion(NAMED)
    if bound:
        fusion.bind(('a', 'b', 'c'))
    other = copied(fusion)
    assert ('content' in vars(other)) == bound
    other.bind(('c', 'b', 'a'))
    assert other.class_scores('v').tolist() == [0.5, 0.125, 0.25]
    fusion.bind(('a', 'b', 'c'))
    assert fusion.class_scores('v').tolist() == [0.25, 0.125, 0.5]


def test_threads_may_share_it(make_fusion):
    fusion = make_fusion({str(i): [i / 64, 1.] for i in range(64)})
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(fusion.class_scores, map(str, range(64))))
    assert [x[0].item() for x in found] == [i / 64 for i in range(64)]


def test_a_file_without_a_mapping_is_refused(make_fusion):
    with pytest.raises(ValueError, match='must map video ids'):
        make_fusion([0.1, 0.2]).bind(['run'])
    with pytest.raises(ValueError, match='must map video ids'):
        make_fusion(dict(results=[0.1, 0.2])).bind(['run'])


def test_the_rule_of_opentad_on_hacs(make_fusion):
    fusion = make_fusion(
        dict(v=[LOGITS]),
        topk=3,
        method='product',
        max_num=None,
        softmax=True,
        scale=2.)
    out = fusion(detections(300), 'v')
    assert len(out.scores) == 3 * 300
    best = 0.64 * 2 * torch.tensor(LOGITS).softmax(0)
    assert out.scores[0] == pytest.approx(float(best[0]))
    for label in range(3):
        first = out.scores[out.labels == label][0]
        assert first == pytest.approx(float(best[label]))


def test_scores_are_scaled(make_fusion):
    fusion = make_fusion(dict(v=[0.25, 0.5]), scale=2.)
    assert fusion.class_scores('v').tolist() == [0.5, 1.]


NAMED = dict(results=dict(v=[0.5, 0.25, 0.125]), classes=['c', 'a', 'b'])


def test_named_scores_are_put_into_the_order_of_the_data_set(make_fusion):
    fusion = make_fusion(NAMED)
    fusion.bind(('a', 'b', 'c'), ['v'])
    assert fusion.class_scores('v').tolist() == [0.25, 0.125, 0.5]
    assert fusion(detections(1), 'v').labels.tolist() == [2, 0]
    fusion.bind(('c', 'b', 'a'))
    assert fusion.class_scores('v').tolist() == [0.5, 0.125, 0.25]


def test_named_scores_wait_for_the_names_of_the_data_set(make_fusion):
    with pytest.raises(RuntimeError, match='ScoreFusionHook.*by_name=False'):
        make_fusion(NAMED)(detections(), 'v')


def test_names_can_be_ignored_or_demanded(make_fusion):
    fusion = make_fusion(NAMED, by_name=False)
    fusion.bind(('x', 'y', 'z'))
    assert fusion.class_scores('v').tolist() == [0.5, 0.25, 0.125]
    with pytest.raises(ValueError, match='must name its classes for by_name'):
        make_fusion(dict(v=[0.5]), by_name=True).bind(['run'])


def test_all_that_does_not_fit_is_said_at_once(make_fusion):
    fusion = make_fusion(NAMED)
    with pytest.raises(ValueError) as error:
        fusion.bind(('a', 'b', 'd'), ['v', 'v_v', 'w', 'x', 'y'])
    message = str(error.value)
    assert "has 1 ('c') that the data set lacks" in message
    assert "lacks 1 ('d')" in message
    assert "all 5 videos, but lacks 4, such as ['v_v', 'w', 'x']" in message
    assert "it has 1, such as ['v']" in message
    with pytest.raises(ValueError, match='each of the 2 classes.* has 3'):
        make_fusion(NAMED, by_name=False).bind(('a', 'b'))


@pytest.mark.parametrize('change, message', [
    (dict(method='sum'),
     r"method must be one of \('sqrt', 'product'\), but got 'sum'"),
    (dict(softmax='maybe'), r"softmax must be one of \('auto', None, True, "
     r"False\), but got 'maybe'"),
    (dict(topk=0), 'topk must be above 0'),
    (dict(topk=None), 'topk must be above 0, but got None'),
    (dict(max_num=0), 'max_num must be above 0'),
    (dict(scale=-1.), 'scale must be above 0'),
])
def test_bad_arguments_are_refused(change, message, make_fusion):
    with pytest.raises(ValueError, match=message):
        make_fusion(dict(v=[0.5]), **change)
