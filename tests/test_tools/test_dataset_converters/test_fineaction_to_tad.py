import pytest

ACTIONS = [f'action {i:03d}' for i in range(106)]


@pytest.fixture
def fineaction(write_json, official, video):
    return write_json(
        'fine.json',
        official(
            ACTIONS,
            v_00004011=video('training', 5, (3, 2, 'action 000')),
            v_00000001=video('validation', 8.5, (1, 2.5, 'action 007'))))


def test_fineaction_in_the_order_of_its_scores(run_script, read_back,
                                               write_json, fineaction,
                                               tmp_path):
    order = ACTIONS[50:] + ACTIONS[:50]
    scores = write_json('scores.json', {
        'results': dict(v_00000001=[0.] * 106),
        'class': order
    })
    out = tmp_path / 'out.json'
    text = run_script('fineaction_to_tad', fineaction, '--classes', scores,
                      '--out', out, '--exclude', 'v_00004011')
    classes, videos = read_back(out, 'validation', fps=30)
    assert classes == tuple(order)
    assert videos == dict(v_00000001=(8.5, 30, [(1, 2.5, 63)]))
    assert '106 classes' in text and 'dropped: 1 videos excluded' in text


def test_bad_video_of_fineaction_can_be_left_out(refused, converter,
                                                 fineaction, tmp_path):
    text = refused('fineaction_to_tad', fineaction, '--out',
                   tmp_path / 'out.json')
    assert "video 'v_00004011' must not end before it starts" in text
    result = converter('fineaction_to_tad').convert(
        str(fineaction), excluded=['v_00004011'])
    assert result.classes == tuple(ACTIONS)


@pytest.mark.parametrize('names, complaint', [
    (ACTIONS[:-1], "1 others, such as 'action 105'"),
    (ACTIONS + ['action 106'], "1 without an action, such as ['action 106']"),
])
def test_scores_of_other_classes_are_refused(refused, write_json, fineaction,
                                             tmp_path, names, complaint):
    scores = write_json('scores.json', {'class': names, 'results': {}})
    text = refused('fineaction_to_tad', fineaction, '--classes', scores,
                   '--out', tmp_path / 'out.json', '--exclude', 'v_00004011')
    assert complaint in text
