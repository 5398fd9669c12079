import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

ROOT = Path(__file__).parents[2]
CONVERTER = ROOT / 'tools/model_converters/dyfadet_to_mm.py'
NAMES = [f'class {i}' for i in range(5)]


@pytest.fixture(scope='module')
def golden():
    return torch.load(
        ROOT / 'tests/data/golden/thumos_like.pt', weights_only=True)


def run(*args, cwd=ROOT):
    return subprocess.run([sys.executable, *map(str, args)],
                          cwd=cwd,
                          capture_output=True,
                          text=True)


@pytest.fixture
def published(golden, tmp_path):
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


def test_converted_weights_give_the_published_detections(golden, published):
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


@pytest.fixture(scope='module')
def converter():
    spec = importlib.util.spec_from_file_location('converter', CONVERTER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    (dict(state_dict_ema=Bomb()), ValueError, 'tensors only'),
    (dict(epoch=1), ValueError, "must hold 'state_dict_ema'"),
    (dict(state_dict_ema={'module.backbone.nonsense': torch.ones(1)}),
     KeyError, 'backbone.nonsense'),
])
def test_files_that_are_no_such_checkpoint(converter, published, capsys,
                                           content, error, message):
    torch.save(content, published / 'bad.pth.tar')
    with pytest.raises(error, match=message):
        converter.convert(
            str(published / 'bad.pth.tar'), str(published / 'toy.yaml'),
            str(published / 'out'))
    assert 'code of the checkpoint ran' not in capsys.readouterr().out
    assert not (published / 'out').exists()
