"""Data sets of a few generated videos, laid out like the real ones.

Names of files and fields, formats, shapes and time grids are those of the
publishers. ``write`` knows nothing of the recipes, so that a recipe which
disagrees with the real files fails on these, too.
"""
import json
import pickle
from pathlib import Path

import numpy as np
import torch

THUMOS14 = ('BaseballPitch', 'BasketballDunk', 'Billiards', 'CleanAndJerk',
            'CliffDiving', 'CricketBowling', 'CricketShot', 'Diving',
            'FrisbeeCatch', 'GolfSwing', 'HammerThrow', 'HighJump',
            'JavelinThrow', 'LongJump', 'PoleVault', 'Shotput',
            'SoccerPenalty', 'TennisSwing', 'ThrowDiscus', 'VolleyballSpiking')


def names(count):
    """Invented class names."""
    return tuple(f'action {i:03d}' for i in range(count))


def grid(seconds, fps, stride, window):
    """Cells of a video."""
    return int((seconds * fps - window) // stride) + 1


def random_feats(length, dim, dtype=np.float32):
    """Features, (T, C)."""
    return np.random.default_rng(0).normal(size=(length, dim)).astype(dtype)


def save_npy(path, feats):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, feats)


def save_npz(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


def annotate(root, name, videos, classes, label_ids=True, **fields):
    """Write an annotation file.

    Args:
        videos (dict): Subset and seconds by video id. Each has an action of
            every class.
        label_ids (bool | Sequence[int]): Ids of the classes, their positions
            if True, none if False.
        fields (Any): Further fields of every video.
    """
    if label_ids is True:
        label_ids = range(len(classes))
    database = {}
    for video_id, (subset, seconds) in videos.items():
        actions = []
        for i, label in enumerate(classes):
            start = 0.8 * seconds * i / len(classes)
            action = dict(label=label, segment=[start, start + 0.1 * seconds])
            if label_ids:
                action['label_id'] = label_ids[i]
            actions.append(action)
        database[video_id] = dict(
            dict(subset=subset, duration=seconds, annotations=actions),
            **fields)
    path = root / 'annotations' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(version='test', database=database)))


def write_scores(root, name, video_id, classes, best, logits=False):
    """Write a score file whose classes are in another order."""
    order = classes[::-1]
    values = [9. - 3 * best.index(c) if c in best else -2. for c in order]
    if logits:
        content = dict(results={video_id: [values]})
    else:
        values = torch.tensor(values).softmax(0).tolist()
        content = dict(results={video_id: values})
    content['class'] = list(order)
    (root / 'annotations' / name).write_text(json.dumps(content))


def write_thumos14(root):
    videos = dict(
        video_validation_0000051=('Validation', 12.),
        video_test_0000004=('Test', 10.),
        video_test_0000270=('Test', 11.))
    annotate(root, 'thumos14.json', videos, THUMOS14, fps=30.)
    for video_id, (_, seconds) in videos.items():
        length = grid(seconds, 30, 4, 16)
        save_npy(root / f'i3d_features/{video_id}.npy',
                 random_feats(length, 2048))
        # one cell less, since the last window must be whole
        save_npy(root / f'videomaev2-g_features/{video_id}.npy',
                 random_feats(length - 1, 1408))
    return THUMOS14, None


def write_multithumos(root):
    classes = names(65)
    videos = dict(
        video_validation_0000051=('Validation', 12.),
        video_test_0000004=('Test', 10.))
    annotate(root, 'multithumos.json', videos, classes, fps=30.)
    for video_id, (_, seconds) in videos.items():
        save_npy(root / f'i3d_features/{video_id}.npy',
                 random_feats(grid(seconds, 30, 4, 16), 2048))
    return classes, None


def write_activitynet(root):
    classes = names(200)
    videos = {
        '-4cuiVHp0tQ': ('training', 60.),
        'z-yHQ2PYXpk': ('validation', 50.)
    }
    annotate(root, 'anet1.3_tsp_filtered.json', videos, classes)
    for video_id, (_, seconds) in videos.items():
        save_npy(root / f'tsp_features/v_{video_id}.npy',
                 random_feats(grid(seconds, 15, 16, 16), 512))
        save_npy(root / f'i3d_features/v_{video_id}.npy',
                 random_feats(grid(seconds, 25, 16, 16), 2048))
    best = (classes[150], classes[3])
    for name in ('new_3ensemble_uniformerv2_large_only_global_anet_16x10x3',
                 'cuhk_val_simp_share'):
        write_scores(root, f'{name}.json', 'z-yHQ2PYXpk', classes, best)
    return classes, best


def write_hacs(root):
    classes = names(200)
    videos = {
        '-1R6Z_uG8Cs': ('training', 50.),
        'zZTM50wl8J8': ('validation', 40.)
    }
    annotate(root, 'HACS_segments_v1.1.1_slowfast.json', videos, classes)
    annotate(
        root,
        'HACS_segments_v1.1.1_videomaev2_new.json',
        videos,
        classes,
        fps=29.97)
    for name in ('slowfast', 'videomaev2_new'):
        path = root / f'annotations/HACS_segments_v1.1.1_{name}.json'
        content = json.loads(path.read_text())
        for entry in content['database'].values():
            entry['duration'] = str(entry['duration'])
        path.write_text(json.dumps(content))
    for video_id, (subset, seconds) in videos.items():
        feats = torch.from_numpy(random_feats(grid(seconds, 15, 8, 32), 2304))
        path = root / f'slowfast_features/{subset}/{video_id}.pkl'
        path.parent.mkdir(parents=True, exist_ok=True)
        slow, fast = feats.t()[None].split([2048, 256], dim=1)
        path.write_bytes(
            pickle.dumps(
                dict(slow_feature=slow.clone(), fast_feature=fast.clone())))
        save_npy(root / f'videomaev2-g_features/v_{video_id}.npy',
                 random_feats(grid(seconds, 29.97, 8, 16), 1408, np.float16))
    best = (classes[150], classes[3], classes[77])
    write_scores(
        root,
        'validation94.32.json',
        'zZTM50wl8J8',
        classes,
        best,
        logits=True)
    return classes, best


def write_epic100(root):
    videos = dict(P01_01=('training', 70.), P01_11=('validation', 60.))
    verbs = names(97)
    annotate(root, 'epic_kitchens_100_verb.json', videos, verbs, fps=59.94)
    empty = (50, 99, 100, 200, 257, 298, 299)
    ids = [i for i in range(300) if i not in empty]
    annotate(
        root,
        'epic_kitchens_100_noun.json',
        videos, [f'noun {i}' for i in ids],
        label_ids=ids,
        fps=59.94)
    for video_id, (_, seconds) in videos.items():
        feats = random_feats(grid(seconds, 30, 16, 32), 2304)
        save_npz(root / f'slowfast_features/{video_id}.npz', feats=feats)
    return None, None


def write_ego4d(root):
    # names with a comma keep their quotes in the official list
    classes = ('"arrange, fold"', ) + names(109)
    videos = {
        '07fbb0c6-6e42-4b03-9d6f-2c6b5a9a3a01': ('training', 70.),
        'fb0a0de3-7ec8-4be1-8b3e-1b7b6a9a3a02': ('validation', 60.)
    }
    annotate(root, 'ego4d_mq.json', videos, classes, fps=30.)
    for video_id, (_, seconds) in videos.items():
        length = grid(seconds, 30, 16, 32)
        for name, dim in (('slowfast', 2304), ('omnivore', 1536), ('egovlp',
                                                                   256)):
            save_npy(root / f'{name}_features/{video_id}.npy',
                     random_feats(length, dim))
    return classes, None


def write_fineaction(root):
    classes = names(106)
    # the second is longer than the 2304 cells that fit
    videos = dict(
        v_00000001=('training', 70.), v_00000002=('validation', 1400.))
    annotate(root, 'annotations_gt.json', videos, classes, label_ids=False)
    for video_id, (_, seconds) in videos.items():
        save_npy(root / f'videomaev2-g_features/{video_id}.npy',
                 random_feats(grid(seconds, 30, 16, 16), 1408))
    best = (classes[90], classes[3])
    write_scores(root, 'new_swinB_1x1x256_views2x3_max_label_avg_prob.json',
                 'v_00000002', classes, best)
    return classes, best


def write_charades(root):
    classes = names(157)
    videos = {'001YG': ('train', 30.), '003WS': ('test', 25.)}
    annotate(root, 'charades.json', videos, classes, fps=24.)
    for video_id, (_, seconds) in videos.items():
        feats = random_feats(grid(seconds, 24, 4, 16), 1024)
        save_npz(
            root / f'i3d_features/{video_id}-rgb.npz', feature=feats[None])
    return classes, None


WRITERS = dict(
    activitynet=write_activitynet,
    charades=write_charades,
    ego4d=write_ego4d,
    epic100=write_epic100,
    fineaction=write_fineaction,
    hacs=write_hacs,
    multithumos=write_multithumos,
    thumos14=write_thumos14)


def write(folder):
    """Write all data sets.

    Args:
        folder (Path): Gets a folder ``data`` with one folder per data set.

    Returns:
        dict: By the name of that folder, the class names in label order and
        the best classes of the test video by external scores, where there
        are any.
    """
    return {
        name: writer(Path(folder) / 'data' / name)
        for name, writer in WRITERS.items()
    }
