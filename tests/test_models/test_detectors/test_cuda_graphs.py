"""Graphs by buckets, on a CPU: a recorded function runs again in its place."""
import copy
import pickle
import threading
from types import MethodType

import pytest
import torch
from small_detector import make_model
from torch import nn
from torch.utils._pytree import tree_map

from dyfadet_mm.models.detectors.cuda_graphs import BucketCells, GraphedNetwork
from dyfadet_mm.structures import Cells, Padding

LENGTHS = (16, 60, 61, 30)


class Replayed:
    """In the place of a CUDA graph: same memory, nothing from the host."""

    def __init__(self, run, device):
        run()
        own, copy_of_host = threading.get_ident(), torch.from_numpy

        def refuse(array):
            assert threading.get_ident() != own, 'asks the host'
            return copy_of_host(array)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, 'from_numpy', refuse)
            run()
        self.run = run

    def __call__(self, fill):
        fill()
        return tree_map(torch.clone, self.run())


def network(model, inputs, cells):
    """As of a detector; the class agrees with a method of it."""
    with torch.autocast('cpu', enabled=model.half):
        pyramid = model.extract_feat(inputs, cells)
        outputs = model.head(pyramid)
    return model.head.decode_by_feat(*outputs, pyramid.masks)


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr(GraphedNetwork, 'graph_class', Replayed)
    monkeypatch.setattr(GraphedNetwork, 'device_type', 'cpu')
    model = make_model()
    with torch.no_grad():
        for param in model.parameters():
            param.add_(0.1 * torch.randn_like(param))
    model.half = False
    model.graphs = GraphedNetwork(MethodType(network, model))
    return model.eval()


def video(length, total=64):
    inputs = torch.zeros(1, 6, total)
    inputs[..., :length].normal_()
    return inputs, Cells.of([length], total, 'cpu')


@torch.no_grad()
def assert_right(model, length=60, total=64):
    inputs = video(length, total)
    torch.testing.assert_close(
        model.graphs(*inputs), network(model, *inputs), rtol=0, atol=0)


def test_videos_of_a_bucket_share_a_graph(model):
    for length in LENGTHS:
        assert_right(model, length)
    assert len(model.graphs) == 2  # up to 31 cells, and up to 63
    assert_right(model, 60, total=128)
    model.half = True  # inside the network, and so no matter of the bucket
    assert len(model.graphs) == 3


def test_results_are_not_overwritten(model):
    with torch.no_grad():
        first = model.graphs(*video(60))
        kept = copy.deepcopy(first)
        model.graphs(*video(61))
    torch.testing.assert_close(first, kept, rtol=0, atol=0)


def test_graphs_used_longest_ago_go_first(model):
    model.graphs.max_graphs = 2
    for total in (64, 128, 64, 192):
        assert_right(model, 60, total)
    totals = [key[0][2] for key in model.graphs._graphs]
    assert totals == [64, 192]


def in_place(model):
    model.head.conv_cls.bias.add_(1.)


def edit_data(model):
    model.head.conv_cls.bias.data += 1
    model.eval()


def replace_data(model):
    model.head.conv_cls.weight.data = model.head.conv_cls.weight.data + 1


def assign(model):
    model.head.conv_cls.bias = nn.Parameter(model.head.conv_cls.bias + 1)


def load(model):
    model.load_state_dict({
        name: x + 0.1
        for name, x in model.state_dict().items()
    })


def load_a_part(model):
    model.head.load_state_dict({
        name: x + 0.1
        for name, x in model.head.state_dict().items()
    })


def convert(model):
    model.double().float()


@pytest.mark.parametrize('change', [
    in_place, edit_data, replace_data, assign, load, load_a_part, convert,
    nn.Module.train, nn.Module.eval
])
@torch.no_grad()
def test_graphs_are_dropped_where_weights_change(model, change):
    assert_right(model)
    [old] = model.graphs._graphs.values()
    change(model)
    model.eval() if model.training else None
    assert_right(model)
    [new] = model.graphs._graphs.values()
    assert new is not old


@torch.no_grad()
def test_a_layer_that_was_left_out_comes_back(model):
    """Also where it is told alone that its data has been edited."""
    layer = model.backbone.branch[0]
    convs = layer.fc, layer.phi, layer.psi, layer.window, layer.wide
    for factor in (0., 1.):
        for conv in convs:
            conv.weight.data.fill_(factor)
            conv.bias.data.fill_(factor)
        layer.eval()
        assert layer.is_dead is (factor == 0)
        assert_right(model)


def test_copies_have_graphs_of_their_own(model):
    assert_right(model)
    other = copy.deepcopy(model)
    assert len(other.graphs) == 0 and len(model.graphs) == 1
    with torch.no_grad():
        other.head.conv_cls.bias.add_(1.)
    assert_right(other)
    assert_right(model)
    # the network is a method that has no name in its class here
    made, (_, *args), state = model.graphs.__reduce__()
    made, args, state = pickle.loads(pickle.dumps((made, args, state)))
    assert made is type(model.graphs) and args == [model.graphs.max_graphs]
    assert '_graphs' not in state
    assert not any(name.startswith('graphs') for name in model.state_dict())


def test_training_and_gradients_need_no_graph(model):
    model.graphs(*video(60))
    assert len(model.graphs) == 0


def test_graphs_serve_inference_mode_and_back(model):
    with torch.inference_mode():
        first = model.graphs(*video(60))
    assert_right(model)
    assert len(model.graphs) == 1 and first


def test_threads_take_turns(model):
    found = {}

    def detect(length):
        with torch.no_grad():
            inputs = video(length)
            for _ in range(3):
                found[length] = (model.graphs(*inputs),
                                 network(model, *inputs))

    threads = [
        threading.Thread(target=detect, args=(length, )) for length in LENGTHS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(LENGTHS)
    for ours, theirs in found.values():
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_a_cpu_is_told_once(model, monkeypatch):
    said = []
    monkeypatch.setattr(GraphedNetwork, 'device_type', 'cuda')
    monkeypatch.setattr('dyfadet_mm.models.detectors.cuda_graphs.print_log',
                        lambda text, *args, **kwargs: said.append(text))
    for length in LENGTHS:
        assert_right(model, length)
    [text] = said
    assert 'cuda_graph=True needs a GPU' in text and 'on the cpu' in text
    assert len(model.graphs) == 0


def read_lengths(run, device):
    """What a layer does that cuts videos by their length."""
    BucketCells(torch.ones(1, 1, 4).bool(), Padding.PUBLISHED).halved.lengths


def wait(run, device):
    raise RuntimeError('operation not permitted when capturing\nHint')


@pytest.mark.parametrize('graph, reason', [(read_lengths, 'Cells.lengths'),
                                           (wait, 'when capturing;')])
def test_networks_that_cannot_be_recorded_run_without(model, monkeypatch,
                                                      graph, reason):
    said = []
    monkeypatch.setattr(GraphedNetwork, 'graph_class', staticmethod(graph))
    monkeypatch.setattr('dyfadet_mm.models.detectors.cuda_graphs.print_log',
                        lambda text, *args, **kwargs: said.append(text))
    assert_right(model)
    assert_right(model)
    [text] = said
    assert reason in text and '\n' not in text


def test_too_little_memory_for_one_graph_is_no_reason_for_none(
        model, monkeypatch):

    def too_large(run, device):
        raise torch.OutOfMemoryError('out of memory')

    with monkeypatch.context() as patch:
        patch.setattr(GraphedNetwork, 'graph_class', staticmethod(too_large))
        assert_right(model)
    graphed, = [m for m in model.modules() if isinstance(m, GraphedNetwork)]
    assert len(graphed) == 0
    assert_right(model)
    assert len(graphed) == 1


def test_a_number_of_graphs_below_one_is_refused():
    with pytest.raises(ValueError, match='max_graphs must be at least 1'):
        GraphedNetwork(print, max_graphs=0)
