"""Files for the servers of challenges: refused here rather than there."""
import json
import zipfile

import numpy as np
import pytest

from dyfadet_mm.evaluation import (load_epic_submission, make_ego4d_submission,
                                   make_epic_submission, make_submission,
                                   save_submission)

GOOD = dict(label='run', score=0.5, segment=[0, 1.5])


def test_layout_of_activitynet():
    content = make_submission({'v': [GOOD], 'w': []})
    assert content == dict(
        version='VERSION 1.3',
        results={
            'v': [GOOD],
            'w': []
        },
        external_data=dict(used=True, details=''))


@pytest.mark.parametrize('results, complaint', [
    ({}, 'results must have a video'),
    ({
        'v': {}
    }, "results > 'v' must be a list"),
    ({
        'v': [GOOD, dict(GOOD, score=float('nan'))]
    }, "'v' > 1 > score must be"),
    ({
        'v': [dict(GOOD, score='0.5')]
    }, "'v' > 0 > score must be"),
    ({
        'v': [dict(GOOD, score=True)]
    }, "'v' > 0 > score must be"),
    ({
        'v': [dict(GOOD, segment=[2, 1])]
    }, "segment must be .*start <= end"),
    ({
        'v': [dict(GOOD, segment=[-1, 1])]
    }, 'segment must be'),
    ({
        'v': [dict(GOOD, segment=[0, float('inf')])]
    }, 'segment must be'),
    ({
        'v': [dict(GOOD, label='')]
    }, 'label must be text'),
    ({
        'v': [dict(GOOD, extra=1)]
    }, r"'v' > 0 must have the keys \['label'"),
    ({
        'v': [dict(label='run', score=1)]
    }, "'v' > 0 must have the keys"),
])
def test_what_a_server_would_refuse(results, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_submission(results)
    with pytest.raises(ValueError):
        make_ego4d_submission({'v': [GOOD]}, results)


def test_ego4d_has_the_same_videos_twice():
    content = make_ego4d_submission({'v': [GOOD]}, {'v': [GOOD, GOOD]})
    assert content['challenge'] == 'ego4d_moment_queries'
    assert (len(content['detect_results']['v']),
            len(content['retrieve_results']['v'])) == (1, 2)
    with pytest.raises(ValueError, match="in one file only, such as .'w'"):
        make_ego4d_submission({'v': [GOOD]}, {'v': [GOOD], 'w': []})


def actions(labels, segments=((1., 2.), (3., 4.))):
    return dict(
        P01_01=dict(
            segments=np.array(segments),
            scores=np.array([0.5, 0.25]),
            labels=np.array(labels)))


def test_epic_is_a_zip_that_is_read_back(tmp_path):
    path = str(tmp_path / 'out.zip')
    save_submission(path, make_epic_submission(actions([96 * 300 + 299, 7])))
    with zipfile.ZipFile(path) as file:
        assert file.namelist() == ['test.json']
        content = json.loads(file.read('test.json'))
    results = content.pop('results')
    assert content == dict(
        version='0.2',
        challenge='action_detection',
        sls_pt=2,
        sls_tl=3,
        sls_td=4)
    assert results['P01_01'][0] == dict(
        segment=[1, 2], score=0.5, verb=96, noun=299, action='96,299')
    found = load_epic_submission(path)['P01_01']
    assert found['labels'].tolist() == [29099, 7]
    np.testing.assert_array_equal(found['segments'], [[1, 2], [3, 4]])


def test_epic_verbs_and_nouns_are_official_ids(tmp_path):
    with pytest.raises(ValueError, match="'P01_01' > 1 > verb .* 0 to 96"):
        make_epic_submission(actions([1, 97 * 300]))
    path = tmp_path / 'x.zip'
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr('other.json', '{}')
    with pytest.raises(ValueError, match='x.zip.*a zip file with test.json'):
        load_epic_submission(str(path))
