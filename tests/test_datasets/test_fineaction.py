from dyfadet_mm.datasets import FineActionDataset, SecondsToGrid


def test_official_file_by_hand(write_set):
    actions = [
        dict(segment=[1, 2], label=name) for name in ('swim', 'dive', 'swim')
    ]
    entry = dict(subset='training', duration=16., annotations=actions)
    options = write_set(dict(v_00004011=entry), 'v_00004011.npy')
    [info] = dataset = FineActionDataset(**options, subset='training')
    assert info['fps'] == 30
    assert dataset.metainfo['classes'] == ('dive', 'swim')
    assert info['labels_s'].tolist() == [1, 0]  # without the duplicate
    results = SecondsToGrid()(info)
    assert results['labels'].tolist() == [0, 0]
    assert results['segments'].tolist() == [[1.375, 3.25]] * 2
