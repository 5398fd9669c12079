"""What the values of configurations of other codes may be, by their key.

Such a value is written into a config, which is code, and decides how much a
model takes: a file from elsewhere must not ask for other types, or for more
than anyone trains with.
"""
import os.path as osp
import re
from typing import Any, Callable, NamedTuple, Tuple

from .errors import ConversionError, show


class Kind(NamedTuple):
    """What a value may be.

    Attributes:
        rule (str): What follows after "must be" in an error.
        holds (Callable): Whether a value is so.
    """

    rule: str
    holds: Callable[[Any], bool]

    def check(self, name: str, value: Any) -> None:
        """Refuse another value.

        Args:
            name (str): Section and key, for the error.
            value (Any): What stands there.

        Raises:
            ConversionError: If it is of another kind.
        """
        if not self.holds(value):
            raise ConversionError(
                f'{name} must be {self.rule}, but got {show(value)}')


def _is_number(value: Any, types: Tuple[type, ...]) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)


def _integer(low: int, high: int) -> Kind:
    return Kind(
        f'a whole number from {low} to {high}',
        lambda value: _is_number(value, (int, )) and low <= value <= high)


def _number(low: float, high: float) -> Kind:
    return Kind(
        f'a number from {low:g} to {high:g}',
        lambda value: _is_number(value, (int, float)) and low <= value <= high)


def _optional(kind: Kind) -> Kind:
    return Kind(f'{kind.rule}, or nothing',
                lambda value: value is None or kind.holds(value))


def _many(kind: Kind, low: int = 1, high: int = 17) -> Kind:
    size = f'{low} to {high}' if low < high else f'{low}'
    return Kind(
        f'a list of {size} entries, each {kind.rule}',
        lambda value: isinstance(value, (list, tuple)) and low <= len(
            value) <= high and all(map(kind.holds, value)))


def _one_or_many(kind: Kind) -> Kind:
    many = _many(kind)
    return Kind(f'{kind.rule}, or a list of these',
                lambda value: kind.holds(value) or many.holds(value))


def _is_text(value: Any) -> bool:
    """MMEngine puts other things in the place of {{x}} and ${x}."""
    return isinstance(value, str) and value.isprintable() and len(
        value) <= 1000 and not re.search(r'\{\{|\$\{', value)


def _is_path(value: Any) -> bool:
    return _is_text(value) and '://' not in value


def _is_part(value: Any) -> bool:
    return _is_path(value) and not osp.isabs(value) and '..' not in re.split(
        r'[/\\]', value)


SECTION = Kind('a section of keys and values',
               lambda value: isinstance(value, (dict, type(None))))
FLAG = Kind('true or false', lambda value: isinstance(value, int) and value in
            (0, 1))
TEXT = Kind('a printable text without {{ and ${', _is_text)
PATH = Kind('a path, no address, that is printable and without {{ and ${',
            _is_path)
#: Of a file's name.
PART = Kind('a part of a printable path, without .., {{ and ${', _is_part)
SIZE = _integer(1, 2**16)
COUNT = _integer(0, 2**30)
LAYERS = _integer(0, 16)
WINDOW = Kind('one odd positive number below 1000',
              lambda value: _integer(1, 999).holds(value) and value % 2)
FACTOR = _number(0, 1e6)
SHARE = _number(0, 1)
SIGNED = _number(-1e6, 1e6)
POSITIVE = _number(1e-6, 1e6)

_KINDS = (
    (SECTION, 'conv_cfg dyn_head dyn_head_cfg norm_cfg attn_cfg loss cls_loss '
     'reg_loss nms external_cls prior_generator train val test backbone '
     'data_preprocessor custom'),
    (_many(SECTION, 0, 100), 'pipeline'),
    (_optional(_many(SECTION, 0, 100)), 'pre_processing_pipeline '
     'post_processing_pipeline'),
    (FLAG, 'embd_with_ln fpn_with_ln head_with_ln use_abs_pe use_rel_pe '
     'dyn_head_flag use_trident_head multiclass_nms force_upsampling '
     'filter_similar_gt use_soft_nms multiclass qkv_bias with_cp '
     'use_mean_pooling freeze_backbone temporal_checkpointing'),
    (_optional(FLAG), 'use_offset'),
    (TEXT, 'backbone_type fpn_type head_act downsample_type dyn_type '
     'center_sample nms_method dataset_name reduction method'),
    (_optional(TEXT), 'type'),
    (_one_or_many(TEXT), 'train_split val_split subset_name'),
    (PATH, 'json_file ann_file data_path path'),
    (_optional(PATH), 'ext_score_file class_map'),
    (_one_or_many(PATH), 'feat_folder'),
    (_optional(_one_or_many(PATH)), 'block_list'),
    (PART, 'file_ext suffix feat_format prefix format'),
    (_optional(PART), 'file_prefix'),
    # sizes of the network
    (SIZE, 'num_classes fpn_dim head_dim out_channels feat_channels'),
    (_integer(1, 256), 'n_head'),
    (_optional(SIZE), 'mlp_dim sgp_mlp_dim'),
    (_one_or_many(SIZE), 'input_dim embd_dim in_channels'),
    (_many(LAYERS, 3, 3), 'backbone_arch arch'),
    (_integer(1, 17), 'head_num_layers'),
    (LAYERS, 'num_convs fpn_start_level scale_factor'),
    (_optional(SIZE), 'num_levels'),
    (_many(_many(FACTOR, 2, 2)), 'regression_range'),
    (_optional(_many(SIZE)), 'strides'),
    (_integer(1, 2**17), 'max_seq_len'),
    (WINDOW, 'embd_kernel_size head_kernel_size boudary_kernel_size '
     'n_encoder_win_size encoder_win_size kernel_size'),
    (_one_or_many(WINDOW), 'n_sgp_win_size'),
    (_one_or_many(_integer(-1, 9999)), 'n_mha_win_size'),
    (_integer(0, 999), 'num_bins'),
    # and of one that sees frames
    (SIZE, 'embed_dims size'),
    (_integer(1, 1024), 'img_size patch_size num_heads'),
    (_integer(1, 256), 'depth tubelet_size'),
    (_many(_integer(0, 255), 0, 256), 'adapter_index'),
    (_number(1e-3, 64), 'mlp_ratio adapter_mlp_ratio'),
    (_optional(POSITIVE), 'qk_scale'),
    (_integer(-1, 256), 'frozen_layers'),
    (_many(SIGNED, 3, 3), 'mean'),
    (_many(POSITIVE, 3, 3), 'std'),
    # training
    (FACTOR, 'k tau init_conv_vars input_noise iou_weight_power alpha gamma '
     'center_sample_radius learning_rate lr weight_decay eta_min'),
    (_number(1e-6, 1e9), 'init_loss_norm loss_normalizer'),
    (SIGNED, 'loss_weight clip_grad_l2norm clip_grad_norm'),
    (SHARE, 'cls_prior_prob droppath dropout path_pdrop label_smoothing '
     'loss_normalizer_momentum trunc_thresh proj_pdrop input_pdrop drop_rate '
     'attn_drop_rate drop_path_rate eps window_overlap_ratio'),
    (_optional(_many(SHARE, 2, 2)), 'crop_ratio'),
    (_many(_integer(0, 2**16), 0, 2**16), 'head_empty_cls'),
    (COUNT, 'epochs warmup_epochs warmup_epoch max_epoch'),
    (_optional(COUNT), 'end_epoch val_start_epoch'),
    (_many(SHARE, 1, 100), 'tiou_thresholds'),
    (SIZE, 'batch_size'),
    # data
    (POSITIVE, 'feat_stride feature_stride sample_stride'),
    (FACTOR, 'num_frames offset_frames'),
    (_optional(POSITIVE), 'default_fps fps'),
    (_optional(_integer(1, 2**12)), 'crop_size'),
    (_optional(_many(_integer(-1, 2**12), 2, 2)), 'scale'),
    # testing
    (SHARE, 'pre_nms_thresh iou_threshold min_score voting_thresh'),
    (POSITIVE, 'nms_sigma sigma'),
    (SIGNED, 'duration_thresh'),
    (_optional(COUNT), 'pre_nms_topk max_seg_num'),
    (_optional(_integer(1, 2**17)), 'window_size resize_length'),
    (_optional(SIZE), 'topk'),
)
#: Keys mean the same in all sections that have them.
KINDS = {key: kind for kind, keys in _KINDS for key in keys.split()}
