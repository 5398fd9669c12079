import math

import numpy as np
import pytest

from dyfadet_mm.evaluation import count_gates, gate_activity, gate_rows


@pytest.mark.parametrize('shape, rows, text', [
    ((4, 1, 5), 1, 'C formation, mean of 4 channels'),
    ((1, 3, 5), 3, 'K formation, 3 taps shared by all channels'),
    ((4, 3, 5), 3, 'CK formation, 3 taps, mean of 4 channels'),
    ((1, 1, 5), 1, 'one gate for all channels and taps'),
])
def test_rows_say_what_they_are_means_of(shape, rows, text):
    gates = np.random.default_rng(0).random(shape)
    found = gate_rows(gates)
    assert found['text'] == text and found['rows'].shape == (rows, 5)
    for tap in range(rows):
        for cell in range(5):
            mean = sum(gates[:, tap, cell].tolist()) / shape[0]
            assert found['rows'][tap, cell] == pytest.approx(mean)


def test_rate_and_strength_by_hand():
    found = gate_activity(count_gates([[0., 0.2, 0.6], [0., 0., 1.]]))
    assert found == pytest.approx(dict(rate=3 / 6, strength=1.8 / 3))


def test_rate_and_strength_over_videos_are_those_of_all_gates():
    rng = np.random.default_rng(0)
    videos = [
        rng.normal(size=(2, 3, n)).clip(0).astype('float32') for n in (5, 40)
    ]
    found = gate_activity(sum(map(count_gates, videos)))
    values = [x for video in videos for x in video.ravel().tolist()]
    is_open = [x for x in values if x > 0]
    assert found == pytest.approx(
        dict(
            rate=len(is_open) / len(values),
            strength=sum(is_open) / len(is_open)))


def test_what_is_shut_has_no_strength_and_what_is_not_there_no_rate():
    found = gate_activity(count_gates(np.zeros((1, 1, 4))))
    assert found['rate'] == 0 and math.isnan(found['strength'])
    assert math.isnan(gate_activity(np.zeros(3))['rate'])
