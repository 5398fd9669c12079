from dyfadet_mm.datasets import CharadesDataset


def test_classes_are_sorted_without_ids(write_set):
    actions = [
        dict(segment=[0, 1], label=name) for name in ('c001', 'c000', 'c001')
    ]
    entry = dict(
        subset='training', duration=10, frame=240, annotations=actions)
    options = write_set(
        dict(YSKX3=entry), 'YSKX3-rgb.npz', file_suffix='-rgb.npz')
    [info] = dataset = CharadesDataset(**options, subset='training')
    assert info['fps'] == 24
    assert info['labels_s'].tolist() == [1, 0, 1]  # duplicates stay
    assert dataset.metainfo['classes'] == ('c000', 'c001')
