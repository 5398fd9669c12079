"""Configs with every default written out, to compare them."""
import copy
import inspect

from dyfadet_mm.registry import MODELS, TASK_UTILS


def comparable(model):
    """Spell out the config of a detector.

    What has no effect is left out: votes after suppression by class, the
    tIoU of hard suppression; and so is the start of the gates, which other
    code has not.
    """
    model = copy.deepcopy(model)
    model.pop('train_dataset', None)  # only counts the classes
    model = spelled_out(handed_down(model))
    post, head = model['postprocessor'], model['head']
    if post['nms']['class_wise']:
        post.pop('voting_thr')
    post['nms'].pop('iou_threshold', None)
    head.pop('gate_bias', None)
    if 'tau' in head and head['depth_act_cfg'] is None:
        head['depth_act_cfg'] = dict(
            type='GeReTanH', tau=head['tau'], trains_shut=head['trains_shut'])
    return model


def handed_down(model):
    """Write out what a part takes over from the one before it."""
    backbone, head = dict(model['backbone']), dict(model['head'])
    width, levels = backbone['embed_channels'], backbone['arch'][-1] + 1
    neck = dict(channels=width, num_levels=levels)
    neck.update(model['neck'])
    head.setdefault('in_channels', width)
    head.setdefault('feat_channels', head['in_channels'])
    return dict(model, neck=neck, head=head)


def spelled_out(value):
    """Add defaults; forget about scopes and about kinds of sequences."""
    if isinstance(value, (list, tuple)):
        return [spelled_out(each) for each in value]
    if not isinstance(value, dict):
        return value
    if 'type' in value:
        name = value['type'].replace('dyfadet_mm.', '')
        value = {**default_arguments(name), **value, 'type': name}
    return {key: spelled_out(each) for key, each in value.items()}


def default_arguments(name):
    """Default arguments of a class and its bases."""
    cls = MODELS.get(name) or TASK_UTILS.get(name)
    if cls is None:  # a norm or an initialisation, by a short name
        return {}
    return {
        parameter.name: parameter.default
        for base in reversed(cls.__mro__)
        for parameter in inspect.signature(base.__init__).parameters.values()
        if parameter.default is not inspect.Parameter.empty
    }
