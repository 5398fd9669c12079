"""Every number of the published yamls arrives in its recipe."""
import pytest
from settings import RANGES, load_recipe, published_settings
from spelled_out import comparable

from dyfadet_mm.conversion import convert_config

SETTINGS = published_settings()


@pytest.fixture(params=SETTINGS, scope='module')
def setting(request):
    return SETTINGS[request.param]


@pytest.fixture(scope='module')
def cfg(setting):
    return load_recipe(setting['recipe'])


def yaml_of(s):
    """The model's part of a published yaml, as its code reads it."""
    return dict(
        model=dict(
            input_dim=s['feat_dim'],
            num_classes=s['classes'],
            max_seq_len=s['max_seq_len'],
            backbone_arch=(2, 2, s['branch']),
            regression_range=RANGES[s['ranges']],
            n_encoder_win_size=s['window'],
            k=s['k'],
            mlp_dim=s['mlp'],
            init_conv_vars=s['conv_std'],
            use_abs_pe=bool(s['abs_pe']),
            input_noise=s['noise'],
            embd_dim=s['width'],
            fpn_dim=s['width'],
            head_dim=s['head_width'],
            head_kernel_size=s['head_kernel'],
            dyn_head=dict(tau=s['tau'], type='GeReTanH', dyn_type='c')),
        train_cfg=dict(
            init_loss_norm=s['loss_norm'],
            label_smoothing=s['smoothing'],
            droppath=s['drop_path']),
        test_cfg=dict(
            pre_nms_topk=s['topk'],
            max_seg_num=s['max_num'],
            nms_sigma=s['sigma'],
            min_score=0.001,
            multiclass_nms=bool(s['class_wise']),
            voting_thresh=s['voting'],
            duration_thresh=s['min_length']))


def test_model_is_the_published_one(cfg, setting):
    recipe = comparable(cfg.model.to_dict())
    fusion = recipe.pop('score_fusion')
    assert (fusion is not None) == bool(setting['external'])
    published = comparable(convert_config(yaml_of(setting)))
    published.pop('score_fusion')
    assert recipe == published


def test_optimization_is_the_published_one(cfg, setting):
    optimizer, (warmup, cosine) = cfg.optim_wrapper, cfg.param_scheduler
    assert optimizer.optimizer.lr == setting['lr']
    assert optimizer.optimizer.weight_decay == setting['weight_decay']
    assert optimizer.clip_grad.max_norm == setting['clip']
    assert warmup.end == cosine.begin == setting['warmup']
    assert cosine.end == cfg.train_cfg.max_epochs == setting['epochs']
    assert cosine.eta_min == setting['eta_min']
    batch = setting['batch']
    assert cfg.train_dataloader.batch_size == batch
    assert cfg.auto_scale_lr.base_batch_size == batch
    assert cfg.train_dataloader.drop_last


def test_data_are_the_published_ones(cfg, setting):
    loaders = (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader)
    for loader in loaders:
        data = loader.dataset
        assert data.feat_stride == setting['stride']
        assert data.feat_num_frames == setting['window_frames']
        assert data.get('fps') == setting['fps']
        assert data.pipeline[0].feat_dim == setting['feat_dim']
    truncate = dict(loaders[0].dataset.pipeline[-2])
    assert truncate == dict(
        type='RandomTruncate',
        max_seq_len=setting['max_seq_len'],
        trunc_thresh=setting['trunc'],
        crop_ratio=(0.9, 1.0),
        margin=0.)


def evaluated_epochs(train_cfg):
    """Epochs after which MMEngine evaluates."""
    changes = train_cfg.get('dynamic_intervals') or []
    epochs = []
    for epoch in range(train_cfg.val_begin, train_cfg.max_epochs + 1):
        interval = train_cfg.val_interval
        for milestone, value in changes:
            if epoch + 1 >= milestone:
                interval = value
        if epoch % interval == 0 or epoch == train_cfg.max_epochs:
            epochs.append(epoch)
    return epochs


def test_evaluation_follows_half_of_the_training(cfg, setting):
    """Every second epoch, and each of the last seven."""
    total = setting['epochs']
    last = range(total - 6, total + 1)
    assert [n for n in evaluated_epochs(cfg.train_cfg) if n > total / 2] == [
        n for n in range(1, total + 1)
        if n > total / 2 and (n % 2 == 0 or n in last)
    ]
    assert cfg.train_cfg.val_begin >= total // 2
