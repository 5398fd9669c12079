import pytest
import torch
from mmengine.optim import OptimWrapper
from small_detector import (assert_same_detections, make_batch, make_model,
                            make_video)

from dyfadet_mm.engine import Bfloat16OptimWrapper
from dyfadet_mm.models import TADDataPreprocessor
from dyfadet_mm.registry import MODELS


def test_loss_mode_gives_the_losses_of_the_head():
    model = make_model().train()
    data = model.data_preprocessor(
        make_batch(make_video(12), make_video(7)), training=True)
    losses = model(**data, mode='loss')
    assert list(losses) == ['loss_cls', 'loss_reg']
    total, log = model.parse_losses(losses)
    total.backward()
    assert log['loss'] == log['loss_cls'] + log['loss_reg']
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_tensor_mode_gives_the_raw_outputs_of_the_head():
    model = make_model()
    data = model.data_preprocessor(make_batch(make_video(12), make_video(7)))
    cls_logits, offsets = model(**data, mode='tensor')
    cells = model.cells_of(data['inputs'], data['data_samples'])
    assert cells.mask.sum((1, 2)).tolist() == cells.lengths == [12, 7]
    pyramid = model.extract_feat(data['inputs'], cells)
    assert [x.shape for x in pyramid.feats] == [(2, 32, n) for n in (16, 8, 4)]
    assert [x.shape for x in pyramid.masks] == [(2, 1, n) for n in (16, 8, 4)]
    expected = model.head(pyramid)
    for ours, theirs in zip((cls_logits, offsets), expected):
        assert all(map(torch.equal, ours, theirs))
    assert [x.shape for x in cls_logits] == [(2, 3, n) for n in (16, 8, 4)]
    assert [x.shape for x in offsets] == [(2, 2, n) for n in (16, 8, 4)]


def test_tensor_mode_is_the_default_and_needs_no_samples():
    model = make_model()
    inputs = torch.randn(2, 6, 16)
    assert model.cells_of(inputs).mask.all()
    full = model(inputs)
    [sample] = make_batch(make_video(16))['data_samples']
    for ours, theirs in zip(full, model(inputs, [sample] * 2, mode='tensor')):
        assert all(map(torch.equal, ours, theirs))


def test_predict_mode_gives_detections_in_seconds_best_first():
    model = make_model()
    samples = model.test_step(make_batch(make_video(12), make_video(7)))
    assert [sample.video_id for sample in samples] == ['v_12', 'v_7']
    for sample in samples:
        found = sample.pred_instances
        assert len(found.scores) > 5
        assert found.segments.shape == (len(found.scores), 2)
        assert found.labels.min() >= 0 and found.labels.max() < 3
        assert (found.scores[:-1] >= found.scores[1:]).all()
        assert (found.segments >= 0).all()
        assert (found.segments <= sample.duration).all()
        assert sample.gt_instances.labels.tolist() == [2]


def test_the_best_detection_is_where_the_raw_outputs_say():
    model = make_model(
        postprocessor=dict(
            type='dyfadet_mm.SegmentPostprocessor',
            pre_nms_topk=1,
            nms=dict(max_num=1)))
    data = model.data_preprocessor(make_batch(make_video(12)))
    cls_logits, offsets = model(**data, mode='tensor')
    level = max(range(3), key=lambda x: cls_logits[x][0, :, :12 // 2**x].max())
    scores = cls_logits[level][0, :, :12 // 2**level].sigmoid()
    label, cell = divmod(scores.argmax().item(), scores.size(1))
    left, right = offsets[level][0, :, cell].tolist()
    stride = 2**level
    grid = [(cell - left) * stride, (cell + right) * stride]
    seconds = [min(max((x * 5 + 10) / 10, 0), 7) for x in grid]
    [sample] = model.predict(**data)
    found = sample.pred_instances
    assert found.segments[0].tolist() == pytest.approx(seconds, abs=1e-5)
    assert found.scores[0].item() == pytest.approx(scores.max().item())
    assert found.labels.tolist() == [label]


@pytest.mark.parametrize('position', [False, True])
@pytest.mark.parametrize('lengths', [(12, 7, 16), (12, 21, 3, 18, 30)])
def test_videos_of_a_batch_are_detected_as_if_alone(lengths, position):
    """Also where one is longer than max_seq_len and widens the batch."""
    model = make_model()
    if position:
        model.backbone.position = MODELS.build(
            dict(
                type='dyfadet_mm.SinusoidPosition',
                channels=32,
                max_seq_len=16))
    batch = model.test_step(make_batch(*map(make_video, lengths)))
    for sample, length in zip(batch, lengths):
        [alone] = model.test_step(make_batch(make_video(length)))
        assert len(alone.pred_instances.scores) > 5
        assert_same_detections(sample.pred_instances, alone.pred_instances)
        assert sample.video_id == alone.video_id


@pytest.mark.parametrize('length', [1, 2, 3, 16, 17, 35])
def test_any_length_trains_and_tests(length):
    model = make_model()
    data = model.data_preprocessor(make_batch(make_video(length)), True)
    assert sum(model(**data, mode='loss').values()).isfinite()
    [sample] = model.test_step(make_batch(make_video(length)))
    assert sample.pred_instances.segments.isfinite().all()


@pytest.mark.parametrize('neighbour', [(), (make_video(9), )])
def test_videos_without_actions_train_and_test(neighbour):
    model = make_model().train()
    empty = make_video(12, segments=(), labels=())
    data = model.data_preprocessor(make_batch(empty, *neighbour), True)
    losses = model(**data, mode='loss')
    sum(losses.values()).backward()
    assert losses['loss_cls'] > 0
    assert bool(losses['loss_reg'] == 0) is not bool(neighbour)
    for parameter in model.parameters():
        assert parameter.grad.isfinite().all()
    [sample] = model.eval().test_step(make_batch(empty))
    assert len(sample.pred_instances.scores) > 0


def test_batches_without_ground_truth_are_tested():
    feats, sample = make_video(12)
    del sample.gt_instances
    [sample] = make_model().test_step(make_batch((feats, sample)))
    assert 'pred_instances' in sample


def test_train_step_updates_the_model():
    model = make_model().train()
    before = model.head.conv_cls.weight.clone()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1.))
    log = model.train_step(make_batch(make_video(12)), wrapper)
    assert log['loss'].isfinite()
    assert not torch.equal(before, model.head.conv_cls.weight)


def test_score_fusion_labels_the_detections(tmp_path):
    path = tmp_path / 'scores.json'
    path.write_text('{"v_12": [0.1, 0.2, 0.0, 0.7]}')
    model = make_model(
        head=dict(num_classes=1),
        score_fusion=dict(
            type='dyfadet_mm.ScoreFusion', score_file=str(path), max_num=4))
    [sample] = model.test_step(make_batch(make_video(12)))
    assert len(sample.pred_instances.scores) == 8
    assert set(sample.pred_instances.labels.tolist()) == {1, 3}


def test_neck_and_preprocessor_are_optional():
    preprocessor = TADDataPreprocessor(max_seq_len=8)
    model = make_model(neck=None, data_preprocessor=preprocessor)
    assert model.neck is None and model.data_preprocessor is preprocessor
    assert model(torch.randn(1, 6, 8))[0][0].shape == (1, 3, 8)


def test_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="mode must be .* but got 'train'"):
        make_model()(torch.randn(1, 6, 16), mode='train')


@pytest.mark.parametrize('mode', ['loss', 'predict', 'tensor'])
def test_wrong_feature_dimension_names_both_numbers(mode):
    feats, sample = make_video(8)
    with pytest.raises(
            ValueError,
            match=r'must have 6 channels \(model.backbone.in_channels\), '
            r'but got 5'):
        make_model()(feats[None, :5], [sample], mode=mode)


def test_init_weights_reaches_every_part():
    model = make_model(head=dict(prior_prob=0.02, empty_classes=[1]))
    with torch.no_grad():
        model.backbone.stem[0].psi.weight.fill_(1.)
    model.init_weights()
    for layer in (*model.backbone.stem, *model.backbone.branch):
        assert not layer.psi.weight.any() and not layer.phi.bias.any()
    for layer in model.backbone.branch:
        assert layer.drop_path_mlp.scale.tolist() == pytest.approx([1e-4] * 32)
    for layer in model.head.cls_tower.layers:
        assert (layer.gamma.item(), layer.alpha.item()) == (0, 1)
    priors = model.head.conv_cls.bias.sigmoid().tolist()
    assert priors == pytest.approx([0.02, 1e-6, 0.02], rel=1e-3)
    assert not model.head.conv_reg.bias.any()


@pytest.mark.parametrize('part', [
    'model',
    'head',
    'backbone',
])
def test_pretrained_weights_are_not_drawn_anew(part, tmp_path):
    """A checkpoint given as init_cfg has the last word in MMEngine."""
    first = make_model()
    source = first if part == 'model' else getattr(first, part)
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    init_cfg = dict(
        type='Pretrained', checkpoint=str(tmp_path / 'weights.pth'))
    second = make_model()
    target = second if part == 'model' else getattr(second, part)
    target.init_cfg = init_cfg
    second.init_weights()
    for name, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], value), name


def test_state_dict_holds_the_normalizer_and_loads_strictly():
    first, second = make_model().train(), make_model()
    first(
        **first.data_preprocessor(make_batch(make_video(12)), True),
        mode='loss')
    second.load_state_dict(first.state_dict(), strict=True)
    name = 'head.loss_normalizer.value'
    assert second.state_dict()[name] == first.state_dict()[name] != 100
    [one] = first.eval().test_step(make_batch(make_video(12)))
    [two] = second.test_step(make_batch(make_video(12)))
    assert_same_detections(one.pred_instances, two.pred_instances)


@pytest.mark.parametrize('head', [{}, dict(type='dyfadet_mm.ConvHead')])
def test_bfloat16_predictions_are_close_and_float32(head):
    torch.manual_seed(0)
    exact = make_model(head)
    model = make_model(head, predict_dtype='bfloat16')
    model.load_state_dict(exact.state_dict())
    video, sample = make_video(14)
    inputs = video[None]
    with torch.no_grad():
        with torch.autocast('cpu', torch.bfloat16):
            rough = model(inputs, mode='tensor')
        expected = exact(inputs, mode='tensor')
        detections = model.test_step(
            dict(inputs=[video], data_samples=[sample]))[0].pred_instances
    for ours, theirs in zip(rough[0], expected[0]):
        assert not torch.equal(ours.float(), theirs)
        torch.testing.assert_close(ours.float(), theirs, atol=0.1, rtol=0.1)
    assert detections.segments.dtype == torch.float32
    assert detections.scores.dtype == torch.float32
    assert len(detections) > 0 and detections.scores.isfinite().all()


@pytest.mark.parametrize(
    'head', ['DyHead', 'DyTridentHead', 'TridentHead', 'ConvHead'])
def test_bfloat16_training_keeps_losses_and_gradients_in_float32(head):
    torch.manual_seed(0)
    model = make_model(dict(type=f'dyfadet_mm.{head}')).train()
    params = [p for p in model.parameters() if p.requires_grad]
    wrapper = Bfloat16OptimWrapper(torch.optim.SGD(params, lr=0.01))
    videos, samples = zip(*(make_video(length) for length in (9, 14)))
    data = dict(inputs=list(videos), data_samples=list(samples))
    before = [param.detach().clone() for param in params]
    with wrapper.optim_context(model):
        batch = model.data_preprocessor(data, True)
        losses = model(**batch, mode='loss')
        targets = model.head.get_targets(
            [torch.ones(2, 1, length).bool() for length in (16, 8, 4)],
            [sample.gt_instances for sample in samples]).labels
    assert targets.dtype == torch.float32 and targets.any()
    assert all(loss.dtype == torch.float32 for loss in losses.values())
    losses.update(total=sum(losses.values()))
    wrapper.update_params(losses['total'])
    assert losses['total'].isfinite()
    assert all(param.dtype == torch.float32 for param in params)
    changed = [not torch.equal(*pair) for pair in zip(before, params)]
    assert sum(changed) > len(changed) / 2


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="predict_dtype must be .*'int8'"):
        make_model(predict_dtype='int8')


def test_a_compiled_model_computes_the_same():
    """Traced and run by Python, which needs no compiler."""
    model = make_model()
    inputs = torch.randn(1, 6, 16)
    with torch.no_grad():
        expected = model(inputs)
        compiled = torch.compile(model, backend='eager')(inputs)
    for ours, theirs in zip(sum(compiled, ()), sum(expected, ())):
        torch.testing.assert_close(ours, theirs)
