from typing import List, Optional, Union

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from dyfadet_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TADOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Weight decay on the weights of convolutions and linear layers only.

    The parameter itself tells: one of at most one axis (bias, norm, scale)
    does not decay, nor does one marked ``param.no_decay = True``, for
    example a per-channel scale stored as (1, C, 1). All others decay. Frozen
    parameters are left out. Without ``custom_keys`` there are two groups, the
    decaying one first.

    .. code-block:: python

        optim_wrapper = dict(
            constructor='dyfadet_mm.TADOptimWrapperConstructor',
            optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.025),
            clip_grad=dict(max_norm=1.0))

    Args:
        optim_wrapper_cfg (dict): Config of the optimizer wrapper, with
            ``optimizer`` inside, as in MMEngine.
        paramwise_cfg (dict, optional): ``custom_keys`` maps a part of a
            parameter's name to ``lr_mult`` and ``decay_mult``; the longest
            matching key counts. Defaults to None.

    Raises:
        ValueError: If ``paramwise_cfg`` has another key, or multipliers come
            without ``lr`` or ``weight_decay`` of the optimizer.
    """

    def __init__(self,
                 optim_wrapper_cfg: dict,
                 paramwise_cfg: Optional[dict] = None) -> None:
        paramwise_cfg = dict(paramwise_cfg or {})
        # never empty, so that the base class calls ``add_params``
        paramwise_cfg.setdefault('custom_keys', {})
        super().__init__(optim_wrapper_cfg, paramwise_cfg)
        # a ConfigDict would become the groups of parameters, which
        # torch.compile cannot trace
        self.optimizer_cfg = dict(self.optimizer_cfg)

    def _validate_cfg(self) -> None:
        """Refuse settings that this rule would not obey."""
        unknown = sorted(set(self.paramwise_cfg) - {'custom_keys'})
        if unknown:
            raise ValueError(
                f'paramwise_cfg must only have custom_keys, but got {unknown};'
                ' biases, norms and scales never decay here, use MMEngine\'s '
                'DefaultOptimWrapperConstructor for its other rules')
        for key, options in self.paramwise_cfg['custom_keys'].items():
            unknown = sorted(set(options) - {'lr_mult', 'decay_mult'})
            if unknown:
                raise ValueError(
                    f'custom_keys[{key!r}] must only have lr_mult and '
                    f'decay_mult, but got {unknown}')
            for option, base in (('lr_mult', self.base_lr), ('decay_mult',
                                                             self.base_wd)):
                if option in options and base is None:
                    raise ValueError(
                        f'optimizer must give lr and weight_decay for {option}'
                        f' of custom_keys[{key!r}], but got '
                        f'{self.optimizer_cfg}')

    def _options(self, name: str) -> dict:
        """Multipliers of a parameter, by the longest matching key."""
        custom_keys = self.paramwise_cfg['custom_keys']
        for key in sorted(sorted(custom_keys), key=len, reverse=True):
            if key in name:
                return custom_keys[key]
        return {}

    def add_params(self,
                   params: List[dict],
                   module: nn.Module,
                   prefix: str = '',
                   is_dcn_module: Optional[Union[int, float]] = None) -> None:
        """Sort the trainable parameters of a module into groups.

        Args:
            params (list[dict]): Parameter groups, extended in place.
            module (nn.Module): The model.
            prefix (str): Text before the names of the parameters. Defaults
                to ``''``.
            is_dcn_module (int | float, optional): Unused, of the base class.
        """
        groups: dict = {(True, 1., 1.): [], (False, 1., 1.): []}
        for name, param in module.named_parameters(prefix=prefix):
            if not param.requires_grad:
                continue
            decays = param.ndim > 1 and not getattr(param, 'no_decay', False)
            options = self._options(name)
            group = (decays, options.get('lr_mult',
                                         1.), options.get('decay_mult', 1.))
            groups.setdefault(group, []).append(param)
        for (decays, lr_mult, decay_mult), members in groups.items():
            if not members:
                continue
            group = dict(params=members)
            if lr_mult != 1.:
                group['lr'] = self.base_lr * lr_mult
            if not decays:
                group['weight_decay'] = 0.
            elif decay_mult != 1.:
                group['weight_decay'] = self.base_wd * decay_mult
            params.append(group)
