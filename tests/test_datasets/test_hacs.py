from dyfadet_mm.datasets import HACSDataset


def _entry(subset, *segments):
    """An entry as in the official file, whose durations are strings."""
    return dict(
        subset=subset,
        duration='92.166667',
        annotations=[dict(segment=s, label='Archery') for s in segments])


DATABASE = dict(
    a=_entry('training', [1, 2], [1, 2], [3, 3]),
    b=_entry('validation', [4, 9]),
    c=_entry('testing'))


def test_official_file_and_a_folder_per_subset(write_set):
    options = write_set(
        DATABASE,
        'slowfast_features/training/a.pkl',
        'slowfast_features/validation/b.pkl',
        subset=['training', 'validation'],
        data_prefix=dict(feats='slowfast_features/{subset}/'),
        file_suffix='.pkl',
        fps=15)
    first, second = HACSDataset(**options)
    assert first['duration'] == 92.166667
    assert first['feature_paths']['feats'].endswith('/training/a.pkl')
    assert second['feature_paths']['feats'].endswith('/validation/b.pkl')
    # the duplicate is dropped, the action without length stays
    assert first['segments_s'].tolist() == [[1, 2], [3, 3]]


def test_two_sources_differ_in_folder_prefix_and_suffix(write_set):
    options = write_set(
        DATABASE,
        'slowfast/training/a.pkl',
        'videomae/v_a.npy',
        subset='training',
        data_prefix=dict(slowfast='slowfast/{subset}', videomae='videomae'),
        file_prefix=dict(slowfast='', videomae='v_'),
        file_suffix=dict(slowfast='.pkl', videomae='.npy'),
        fps=15)
    root = options['data_root']
    [info] = HACSDataset(**options)
    assert info['feature_paths'] == dict(
        slowfast=f'{root}/slowfast/training/a.pkl',
        videomae=f'{root}/videomae/v_a.npy')
