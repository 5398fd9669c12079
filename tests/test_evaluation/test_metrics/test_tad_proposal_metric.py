import pytest
from test_tad_map_metric import sample
from test_tad_recall_metric import evaluate

from dyfadet_mm.registry import METRICS

PROPOSALS = dict(type='dyfadet_mm.TADProposalMetric')


@pytest.fixture
def samples():
    return [
        sample('v', [(0, 10, 0), (20, 30, 1)], [(0, 6, 0.9, 2),
                                                (20, 30, 0.4, 0)]),
        sample('w', [(5, 9, 1)], [(0, 1, 0.9, 1), (5, 9, 0.8, 1)]),
    ]


def test_values_by_hand(samples):
    out = evaluate(samples, dict(PROPOSALS, tiou_thresholds=[0.5, 0.75]))
    # AN = 1 takes the first of both videos, which recalls one of 3 at 0.5
    mean = (1 + 2 / 3) / 2
    assert out == {
        'tad/AR@1': pytest.approx(1 / 6),
        'tad/AR@5': pytest.approx(mean),
        'tad/AR@10': pytest.approx(mean),
        'tad/AR@100': pytest.approx(mean),
        'tad/AUC': pytest.approx(((1 / 6 + mean) / 2 + 98 * mean) / 100)
    }


def test_stands_beside_map_and_logs_a_table(samples, log):
    both = evaluate(samples, dict(type='dyfadet_mm.TADMapMetric'), PROPOSALS)
    assert len(both) == 6 + 5
    rows = [
        line.split('|') for line in log.text.splitlines() if 'AR@5' in line
    ]
    assert [cell.strip() for cell in rows[0][1:5]] == \
        ['AR@5', '3', '100.00', '100.00']
    assert '0.95' in log.text


def test_a_video_seen_twice_counts_once(samples):
    once = evaluate(samples, PROPOSALS)
    metric = METRICS.build(PROPOSALS)
    metric.process(None, [s.to_dict() for s in samples + samples])
    twice = metric.compute_metrics(metric.results)
    assert {f'tad/{name}': value for name, value in twice.items()} == once


def test_detections_are_written_as_by_map(samples, tmp_path):
    paths = [tmp_path / 'map.json', tmp_path / 'proposals.json']
    evaluate(samples,
             dict(type='dyfadet_mm.TADMapMetric', out_file=str(paths[0])),
             dict(PROPOSALS, out_file=str(paths[1])))
    assert paths[1].read_bytes() == paths[0].read_bytes()
    paths[1].write_text('mine')
    with pytest.raises(FileExistsError, match='out_file must be new'):
        METRICS.build(dict(PROPOSALS, out_file=str(paths[1])))


def test_bad_thresholds_are_refused_at_once():
    with pytest.raises(ValueError, match='tiou_thresholds must be numbers'):
        METRICS.build(dict(PROPOSALS, tiou_thresholds=[50]))
