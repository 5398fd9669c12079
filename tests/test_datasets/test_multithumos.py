from dyfadet_mm.datasets import MultiTHUMOSDataset


def test_classes_follow_the_ids_of_the_file(write_set):
    actions = [
        dict(segment=[0, 1], label=name, label_id=label_id)
        for name, label_id in (('Run', 2), ('BaseballPitch', 0), ('Diving', 1))
    ]
    entry = dict(
        subset='Validation', duration=9, fps=30.0, annotations=actions)
    options = write_set(dict(a=entry, b=entry), 'a.npy')
    [info] = dataset = MultiTHUMOSDataset(**options, subset='validation')
    assert info['labels_s'].tolist() == [2, 0, 1]
    assert dataset.metainfo['classes'] == ('BaseballPitch', 'Diving', 'Run')
