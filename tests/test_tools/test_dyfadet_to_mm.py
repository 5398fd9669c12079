import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from dyfadet_mm.registry import DATASETS

ROOT = Path(__file__).parents[2]
CONVERTER = ROOT / 'tools/model_converters/dyfadet_to_mm.py'
NAMES = [f'class {i}' for i in range(5)]


def load_golden(name):
    return torch.load(ROOT / f'tests/data/golden/{name}.pt', weights_only=True)


@pytest.fixture(scope='module')
def golden():
    return load_golden('thumos_like')


def run(*args, cwd=ROOT):
    return subprocess.run([sys.executable, *map(str, args)],
                          cwd=cwd,
                          capture_output=True,
                          text=True)


@pytest.fixture
def published(golden, tmp_path):
    return write_published(golden, tmp_path)


def write_published(golden, tmp_path):
    """A checkpoint, a yaml and a data set, as a user of the code has them."""
    weights = {f'module.{k}': v for k, v in golden['state_dict'].items()}
    torch.save(
        dict(epoch=3, state_dict={}, state_dict_ema=weights),
        tmp_path / 'epoch_003.pth.tar')
    (tmp_path / 'feats').mkdir()
    database = {}
    for video in golden['inputs']:
        name = video['video_id']
        np.save(tmp_path / f'feats/{name}.npy', video['feats'].t().numpy())
        grid = video['segments'].double()
        seconds = (grid * 4 + 8) / 30
        database[name] = dict(
            subset='Test',
            duration=video['duration'],
            fps=30.,
            annotations=[
                dict(segment=segment, label=NAMES[label],
                     label_id=label) for segment, label in zip(
                         seconds.tolist(), video['labels'].tolist())
            ])
    for label, name in enumerate(NAMES):  # every class occurs
        database.setdefault(
            'train',
            dict(subset='Validation', duration=9.,
                 annotations=[]))['annotations'].append(
                     dict(segment=[1., 2.], label=name, label_id=label))
    (tmp_path / 'ann.json').write_text(json.dumps(dict(database=database)))
    model = dict(golden['config']['model'])
    data = {
        key: model.pop(key)
        for key in ('input_dim', 'num_classes', 'max_seq_len')
    }
    data.update(
        json_file=str(tmp_path / 'ann.json'),
        feat_folder=str(tmp_path / 'feats'),
        file_prefix=None,
        file_ext='.npy',
        feat_stride=4,
        num_frames=16,
        trunc_thresh=0.5,
        crop_ratio=[0.9, 1.0])
    (tmp_path / 'toy.yaml').write_text(
        yaml.safe_dump(
            dict(
                dataset_name='thumos',
                train_split=['validation'],
                val_split=['test'],
                dataset=data,
                model=model,
                train_cfg=golden['config']['train_cfg'],
                test_cfg=golden['config']['test_cfg'],
                opt=dict(learning_rate=1e-4, epochs=20, warmup_epochs=20))))
    return tmp_path


@pytest.mark.parametrize(
    'name', ['thumos_like', 'actionformer_thumos_like', 'tridet_thumos_like'])
def test_converted_weights_give_the_published_detections(name, tmp_path):
    golden = load_golden(name)
    published = write_published(golden, tmp_path)
    out = published / 'out'
    result = run(CONVERTER, published / 'epoch_003.pth.tar',
                 published / 'toy.yaml', '--out-dir', out)
    assert result.returncode == 0, result.stderr
    result = run('tools/test.py', out / 'toy.py', out / 'toy.pth',
                 '--work-dir', published / 'work', '--out',
                 published / 'predictions.json')
    assert result.returncode == 0, result.stderr
    predictions = json.loads((published / 'predictions.json').read_text())
    for video, expected in zip(golden['inputs'], golden['eval']):
        found = predictions['results'][video['video_id']]
        assert len(found) == len(expected['scores'])
        ours = sorted((x['label'], *x['segment']) for x in found)
        theirs = sorted((NAMES[label], *segment) for label, segment in zip(
            expected['labels'].tolist(), expected['segments'].tolist()))
        assert [x[0] for x in ours] == [x[0] for x in theirs]
        np.testing.assert_allclose(
            np.sort([x['score'] for x in found]),
            np.sort(expected['scores'].numpy()),
            atol=1e-4)
        np.testing.assert_allclose([x[1] for x in ours],
                                   [x[1] for x in theirs],
                                   atol=1e-3)


def detector_yaml(**model):
    """A yaml of Ego4D with two sets of features."""
    return dict(
        dataset_name='ego4d',
        train_split=['training'],
        val_split=['validation'],
        dataset=dict(
            json_file='ann.json',
            feat_folder=['slowfast', 'egovlp'],
            file_prefix=None,
            file_ext='.npy',
            input_dim=[24, 8],
            num_classes=3,
            feat_stride=16,
            num_frames=32,
            default_fps=30,
            max_seq_len=64,
            trunc_thresh=0.3,
            crop_ratio=[0.9, 1.0]),
        model=dict(backbone_arch=(2, 2, 5), head_dim=16, **model),
        loader=dict(batch_size=2),
        opt=dict(learning_rate=1e-4, epochs=10, weight_decay=0.05))


def test_sets_of_features_are_joined(converter):
    cfg = converter.make_config(
        detector_yaml(n_mha_win_size=5, embd_dim=[8, 8], fpn_dim=16))
    assert cfg.model.backbone.type == 'dyfadet_mm.LocalAttentionBackbone'
    assert cfg.model.backbone.in_channels == [24, 8]
    assert cfg.model.backbone.source_channels == [8, 8]
    for split in ('train', 'val', 'test'):
        data = cfg[f'{split}_dataloader'].dataset
        assert data.data_prefix == dict(feats0='slowfast', feats1='egovlp')
        load = data.pipeline[0]
        assert load.type == 'ConcatFeatures' and load.align is None
        assert [(x.source, x.feat_dim)
                for x in load.loaders] == [('feats0', 24), ('feats1', 8)]
        assert DATASETS.get(data.type) is not None
    names = [x.type for x in cfg.train_dataloader.dataset.pipeline]
    assert names == [
        'ConcatFeatures', 'SecondsToGrid', 'RandomTruncate', 'PackTADInputs'
    ]
    truncate = cfg.train_dataloader.dataset.pipeline[2]
    assert truncate.margin == 'half_window' and truncate.trunc_thresh == 0.3
    assert cfg.val_evaluator.tiou_thresholds == [0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize('key, detector', [('n_mha_win_size', 'ActionFormer'),
                                           ('n_sgp_win_size', 'TriDet')])
def test_activitynet_is_resized_where_its_yaml_says_so(converter, key,
                                                       detector):
    reference = detector_yaml(**{key: 7}, embd_dim=16, fpn_dim=16)
    reference['dataset'].update(
        feat_folder='tsp',
        input_dim=32,
        num_classes=1,
        force_upsampling=detector == 'ActionFormer')
    reference['dataset_name'] = 'anet'
    cfg = converter.make_config(reference)
    names = [x.type for x in cfg.test_dataloader.dataset.pipeline]
    steps = [x for x in cfg.train_dataloader.dataset.pipeline]
    assert names == [
        'LoadFeatures', *['ResizeFeatures'] * (detector == 'ActionFormer'),
        'SecondsToGrid', 'PackTADInputs'
    ]
    assert [x.type for x in steps[-3:]
            ] == ['ClipActions', 'RandomTruncate', 'PackTADInputs']
    assert ('margin' in steps[-2]) == (detector == 'ActionFormer')
    data = cfg.test_dataloader.dataset
    assert data.class_agnostic and data.data_prefix == dict(feats='tsp')


@pytest.fixture(scope='module')
def converter():
    """The script as a module; it imports others of its folder."""
    sys.path.insert(0, str(CONVERTER.parent))
    try:
        import dyfadet_to_mm
        yield dyfadet_to_mm
    finally:
        sys.path.remove(str(CONVERTER.parent))


def test_outputs_are_never_overwritten(converter, published):
    args = [
        str(published / name)
        for name in ('epoch_003.pth.tar', 'toy.yaml', 'out')
    ]
    checkpoint, _ = converter.convert(*args)
    before = Path(checkpoint).stat().st_mtime_ns
    with pytest.raises(FileExistsError, match='choose another --out-dir'):
        converter.convert(*args)
    assert Path(checkpoint).stat().st_mtime_ns == before


def test_weights_without_the_prefix_of_dataparallel(converter, golden,
                                                    published):
    torch.save(
        dict(state_dict_ema=golden['state_dict']), published / 'plain.pth.tar')
    checkpoint, _ = converter.convert(
        str(published / 'plain.pth.tar'), str(published / 'toy.yaml'),
        str(published / 'plain'))
    weights = torch.load(checkpoint, weights_only=True)['state_dict']
    torch.testing.assert_close(
        weights['head.conv_cls.bias'],
        golden['state_dict']['cls_head.cls_head.conv'
                             '.bias'])


class Bomb:

    def __reduce__(self):
        return print, ('code of the checkpoint ran', )


@pytest.mark.parametrize('content, error, message', [
    (dict(state_dict_ema=Bomb()), ValueError, 'carries code'),
    (dict(epoch=1), ValueError, "must hold 'state_dict_ema'"),
    (dict(state_dict_ema={'module.backbone.nonsense': torch.ones(1)}),
     KeyError, 'backbone.nonsense'),
    (dict(state_dict_ema={'x' * 10**6: []
                          for _ in range(3)}), ValueError, 'unknown keys'),
    (dict(state_dict_ema={1: torch.ones(1)}), ValueError, 'unknown keys'),
    (dict(state_dict_ema={'cls_head.cls_head.conv.bias': [1.]}), ValueError,
     'cls_head.conv.bias'),
    (dict(state_dict_ema={'cls_head.cls_head.conv.bias': torch.ones(1) / 0}),
     ValueError, 'cls_head.conv.bias'),
    (dict(state_dict_ema={'cls_head.cls_head.conv.bias': torch.ones(1)}),
     ValueError, 'must fit'),
    (dict(state_dict_ema=[1]), ValueError, 'state_dict_ema'),
    ([torch.ones(1)], ValueError, 'state_dict_ema'),
    (b'PK', ValueError, 'checkpoint'),
])
def test_files_that_are_no_such_checkpoint(converter, published, capsys,
                                           content, error, message):
    path = published / 'bad.pth.tar'
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(error, match=message) as raised:
        converter.convert(
            str(published / 'bad.pth.tar'), str(published / 'toy.yaml'),
            str(published / 'out'))
    assert str(path) in str(raised.value) and len(str(raised.value)) < 2000
    assert 'code of the checkpoint ran' not in capsys.readouterr().out
    assert not (published / 'out').exists()


def change(path, section, **values):
    """Change a yaml."""
    data = yaml.safe_load(path.read_text())
    data.setdefault(section, {}).update(values)
    path.write_text(yaml.safe_dump(data))


CODE = "': __import__('pathlib').Path('ran').touch(), '"


@pytest.mark.parametrize('section, key, value', [
    ('dataset', 'default_fps', {
        CODE: 1
    }),
    ('dataset', 'crop_ratio', [{
        CODE: 1
    }, 1]),
    ('dataset', 'json_file', '{{$HOME:x}}'),
    ('dataset', 'feat_folder', ['${model}']),
    ('dataset', 'feat_folder', 'http://127.0.0.1:9/x'),
    ('dataset', 'file_prefix', '../../'),
    ('dataset', 'file_ext', '/etc/passwd'),
    ('loader', 'batch_size', {
        CODE: 1
    }),
    ('opt', 'learning_rate', '1e-4'),
    ('opt', 'weight_decay', {
        CODE: 1
    }),
    ('opt', 'epochs', 10**30),
    ('model', 'k', {
        CODE: 1
    }),
    ('model', 'head_num_layers', 10**9),
    ('model', 'input_noise', float('nan')),
    ('model', 'mlp_dim', True),
    ('test_cfg', 'voting_thresh', [CODE]),
    ('test_cfg', 'ext_score_file', 's3://bucket/x'),
    ('train_cfg', 'clip_grad_l2norm', {
        CODE: 1
    }),
])
def test_no_value_of_a_yaml_is_code(converter, published, section, key, value,
                                    monkeypatch):
    monkeypatch.chdir(published)
    path = published / 'toy.yaml'
    change(path, section, **{key: value})
    with pytest.raises(
            ValueError, match=rf'{section}\.{key} must be') as error:
        converter.convert(
            str(published / 'epoch_003.pth.tar'), str(path),
            str(published / 'out'))
    assert str(path) in str(error.value) and '\n' not in str(error.value)
    assert len(str(error.value)) < 2000
    assert not (published / 'out').exists() and not Path('ran').exists()


def test_scores_are_not_read_while_converting(converter, published):
    change(published / 'toy.yaml', 'test_cfg', ext_score_file='none.json')
    _, path = converter.convert(
        str(published / 'epoch_003.pth.tar'), str(published / 'toy.yaml'),
        str(published / 'out'))
    assert "score_file='none.json'" in Path(path).read_text()


def test_a_config_takes_no_more_memory_than_its_weights(converter, published):
    """Gigabytes, without the first look at the shapes."""
    sizes = dict(embd_dim=2**16, fpn_dim=2**16, head_dim=2**16)
    change(published / 'toy.yaml', 'model', use_abs_pe=True, **sizes)
    change(published / 'toy.yaml', 'dataset', max_seq_len=2**17)
    with pytest.raises(ValueError, match='must fit .* do not') as error:
        converter.convert(
            str(published / 'epoch_003.pth.tar'), str(published / 'toy.yaml'),
            str(published / 'out'))
    for name in ('epoch_003.pth.tar', 'toy.yaml'):
        assert str(published / name) in str(error.value)


OPENTAD_CONFIG = """
dataset_type = 'ThumosPaddingDataset'
data = dict(
    type=dataset_type, ann_file={folder!r} + '/ann.json',
    block_list={folder!r} + '/feats/missing_files.txt',
    class_map={folder!r} + '/category_idx.txt',
    data_path={folder!r} + '/feats', feature_stride=4, sample_stride=1,
    offset_frames=8)
load = dict(type='LoadFeats', feat_format='npy')
dataset = dict(
    train=dict(
        data, subset_name='training', pipeline=[
            load, dict(type='RandomTrunc', trunc_len=128, trunc_thresh=0.3,
                       crop_ratio=[0.8, 1.0])]),
    test=dict(data, subset_name='test', pipeline=[load]))
evaluation = dict(type='mAP', tiou_thresholds=[0.25, 0.5])
model = {model!r}
solver = dict(train=dict(batch_size=3), clip_grad_norm=0.5, ema=True)
optimizer = dict(type='AdamW', lr=2e-4, weight_decay=0.05, paramwise=True)
scheduler = dict(type='LinearWarmupCosineAnnealingLR', warmup_epoch=4,
                 max_epoch=9, eta_min=1e-6)
post_processing = dict(
    nms=dict(use_soft_nms=True, sigma=0.4, max_seg_num=77, min_score=0.01,
             multiclass=True, voting_thresh=0.7), save_dict=False)
"""


@pytest.fixture
def opentad(published):
    """A checkpoint and a config of OpenTAD for the same data set."""
    recorded = torch.load(
        ROOT / 'tests/data/golden/opentad_thumos_like.pt', weights_only=True)
    weights = recorded['state_dict']
    raw = {name: torch.zeros_like(value) for name, value in weights.items()}
    torch.save(
        dict(epoch=3, state_dict=raw, state_dict_ema=weights, optimizer={}),
        published / 'epoch_3.pth')
    for path in (published / 'feats').glob('*.npy'):
        feats = np.random.rand(len(np.load(path)), 24)
        np.save(path, feats.astype(np.float32))
    (published / 'feats/missing_files.txt').write_text('')
    (published / 'category_idx.txt').write_text('\n'.join(NAMES[::-1]))
    (published / 'thumos.py').write_text(
        OPENTAD_CONFIG.format(folder=str(published), model=recorded['config']))
    return published


def test_opentad_converts_and_runs(opentad):
    out = opentad / 'out'
    result = run(CONVERTER, opentad / 'epoch_3.pth', opentad / 'thumos.py',
                 '--out-dir', out)
    assert result.returncode == 0, result.stderr
    # shift kernels: 3 in each of 2 x 2 layers
    assert '12 left out that no output depends on' in result.stdout
    assert 'rpn_head.cls_convs.#.depth_module.shift_conv' in result.stdout
    result = run('tools/test.py', out / 'thumos.py', out / 'thumos.pth',
                 '--work-dir', opentad / 'work', '--out',
                 opentad / 'predictions.json')
    assert result.returncode == 0, result.stderr
    assert 'mAP@0.25' in result.stdout + result.stderr
    predictions = json.loads((opentad / 'predictions.json').read_text())
    assert all(len(found) == 77 for found in predictions['results'].values())
    assert {x['label'] for x in predictions['results']['v0']} <= set(NAMES)


def test_opentad_recipe_arrives(converter, opentad):
    cfg = converter.make_config(
        converter.load_reference(str(opentad / 'thumos.py')))
    data = cfg.train_dataloader.dataset
    assert (data.feat_stride, data.feat_num_frames) == (4, 16)
    assert data.subset == 'training'
    tested = DATASETS.build(dict(cfg.test_dataloader.dataset, pipeline=[]))
    assert [info['video_id'] for info in tested] == ['v0', 'v1']
    assert tested.metainfo['classes'] == tuple(NAMES[::-1])
    assert data.pipeline[2].trunc_thresh == 0.3
    assert list(data.pipeline[2].crop_ratio) == [0.8, 1.0]
    assert cfg.train_dataloader.batch_size == 3
    assert cfg.optim_wrapper.clip_grad.max_norm == 0.5
    assert cfg.optim_wrapper.optimizer.lr == 2e-4
    assert cfg.optim_wrapper.optimizer.weight_decay == 0.05
    assert cfg.param_scheduler[0].end == cfg.param_scheduler[1].begin == 4
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[1].end == 9
    assert cfg.param_scheduler[1].eta_min == 1e-6
    assert cfg.val_evaluator.tiou_thresholds == [0.25, 0.5]
    assert cfg.model.postprocessor.nms.max_num == 77


@pytest.mark.parametrize('ema', [True, False])
def test_averaged_weights_of_opentad_are_preferred(converter, opentad, ema):
    checkpoint, _ = converter.convert(
        str(opentad / 'epoch_3.pth'), str(opentad / 'thumos.py'),
        str(opentad / 'out'), ema)
    weights = torch.load(checkpoint, weights_only=True)['state_dict']
    assert weights['head.conv_cls.bias'].any() == ema


def test_what_opentads_recipe_lacks_is_told(converter, opentad):
    path = opentad / 'thumos.py'
    path.write_text(path.read_text().replace('offset_frames', 'foo'))
    with pytest.raises(ValueError, match="must have 'offset_frames'"):
        converter.convert(
            str(opentad / 'epoch_3.pth'), str(path), str(opentad / 'out'))
    assert not (opentad / 'out').exists()
