import pytest


def entry(seconds, frames, *actions, **fields):
    return dict(
        duration_second=seconds,
        duration_frame=frames,
        feature_frame=frames // 16 * 16,
        annotations=[
            dict(segment=[start, end], label=label)
            for start, end, label in actions
        ],
        **fields)


@pytest.fixture
def files(write_json):
    train = {
        'v_--1DO2V4K74':
        entry(
            211.53,
            6337, (30.025882995319815, 205.2318595943838, 'Rock climbing'),
            fps=30.0,
            rfps=29.9579255898),
        'v_v_twice':
        entry(10, 250, (1, 2, 'Zumba'))
    }
    val = {
        'v_--6bJUbfpnQ': entry(26.75, 647, (2.5, 24.9, 'Drinking beer')),
        'bare': entry(10., 250)
    }
    return write_json('train.json', train), write_json('val.json', val)


def test_both_files(run_script, read_back, files, tmp_path):
    out = tmp_path / 'out.json'
    text = run_script('mmaction_to_tad', '--training', files[0],
                      '--validation', files[1], '--out', out)
    classes, training = read_back(out, 'training')
    assert classes == ('Drinking beer', 'Rock climbing', 'Zumba')
    duration, fps, actions = training['--1DO2V4K74']
    assert (duration, fps) == (211.53, pytest.approx(29.9579255898))
    assert actions == [(30.025882995319815, 205.2318595943838, 1)]
    assert training['v_twice'] == (10, 25, [(1, 2, 2)])  # one v_ goes
    _, validation = read_back(out, 'validation')
    assert list(validation) == ['--6bJUbfpnQ', 'bare']
    assert validation['--6bJUbfpnQ'] == (26.75, pytest.approx(647 / 26.75),
                                         [(2.5, 24.9, 0)])
    assert validation['bare'][2] == []
    assert 'training: 2 videos, 2 actions' in text


def test_order_of_label_map(converter, read_back, files, tmp_path):
    """MMAction2's own is not sorted."""
    label_map = tmp_path / 'label_map.txt'
    label_map.write_text('Zumba\nRock climbing\nDrinking beer\n')
    out = tmp_path / 'out.json'
    converter('mmaction_to_tad').main([
        f'--training={files[0]}', f'--classes={label_map}', f'--out={out}',
        '--exclude', 'v_twice'
    ])
    classes, training = read_back(out, 'training')
    assert classes == ('class_0', 'Rock climbing')  # as no Zumba is left
    assert training['--1DO2V4K74'][2][0][2] == 1


@pytest.mark.parametrize('content, complaint', [
    (dict(database={}), 'activitynet_to_tad.py'),
    ([1], 'must be a JSON object of videos'),
    (dict(v_a=3), "video 'v_a' in "),
    (dict(v_a=dict(duration_second=3)), "must have 'duration_frame'"),
    (dict(v_a=dict(duration_frame=3)), "must have 'duration_second'"),
    (dict(v_a=entry(3, 0)), "frame of video 'a'"),
    (dict(v_a=entry(3, 9, (2, 1, 'x'))), 'must not end before it starts'),
    (dict(v_a=entry(3, 9), a=entry(3, 9)), "video 'a' in "),
    ({
        'v_--6bJUbfpnQ': entry(3, 9)
    }, 'val.json'),
])
def test_bad_files_are_named(refused, write_json, files, tmp_path, content,
                             complaint):
    bad = write_json('bad.json', content)
    text = refused('mmaction_to_tad', '--validation', files[1], '--testing',
                   bad, '--out', tmp_path / 'out.json')
    assert complaint in text and 'bad.json' in text
    assert not (tmp_path / 'out.json').exists()


def test_some_file_is_needed(converter, tmp_path, capsys):
    with pytest.raises(SystemExit):
        converter('mmaction_to_tad').main(['--out', str(tmp_path / 'o.json')])
    assert 'at least one file is needed' in capsys.readouterr().err
