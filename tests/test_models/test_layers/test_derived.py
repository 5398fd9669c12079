"""What is derived from weights is kept, and is never stale."""
import copy
import gc
import importlib
import pickle
import threading
import weakref

import pytest
import torch
from torch import nn

from dyfadet_mm.models import DyHead, DyTower
from dyfadet_mm.models.layers.derived import Derived, DerivesWeights
from dyfadet_mm.structures import Cells, PackedPyramid

# the package has the function of that name
conv1d = importlib.import_module('dyfadet_mm.ops.conv1d')


@pytest.fixture
def calls():
    return []


@pytest.fixture
def derived(calls):

    def double(param):
        calls.append(len(calls))
        return 2 * param

    return Derived(double)


def test_value_is_kept_while_the_parameter_is_the_same(derived, calls):
    param = nn.Parameter(torch.tensor([1., 2.]))
    with torch.no_grad():
        first = derived(param)
        assert derived(param) is first
    assert first.tolist() == [2, 4] and len(calls) == 1
    with torch.inference_mode():
        assert derived(param) is first
    assert len(calls) == 1


def test_values_are_not_compared(derived, monkeypatch):
    """On a GPU that would wait for the device."""

    def refuse(*args):
        raise AssertionError

    monkeypatch.setattr(torch, 'equal', refuse)
    monkeypatch.setattr(torch.Tensor, 'equal', refuse)
    monkeypatch.setattr(torch.Tensor, '__bool__', refuse)
    param = nn.Parameter(torch.tensor([1., 2.]))
    with torch.no_grad():
        derived(param), derived(param)


@pytest.mark.parametrize('edit', [
    lambda param: param.add_(1),
    lambda param: param.double() + 1,
    lambda param: param.double(),
    lambda param: nn.Parameter(param.clone()),
    lambda param: param.clone(),
])
def test_value_follows_every_change(derived, edit):
    param = nn.Parameter(torch.tensor([1., 2.]))
    with torch.no_grad():
        derived(param)
        changed = edit(param)
        value = derived(changed)
        assert value.dtype == changed.dtype
        assert torch.equal(value, 2 * changed)


def test_value_depends_on_its_options():
    derived = Derived(lambda param, factor: factor * param)
    param = nn.Parameter(torch.ones(1))
    with torch.no_grad():
        assert [derived(param, factor=x).item()
                for x in (2, 3, 2)] == [2, 3, 2]


def test_an_edit_of_the_data_is_seen_once_it_is_forgotten(derived):
    """Such an edit leaves no trace, so that the owner must tell."""
    param = nn.Parameter(torch.tensor([1., 2.]))
    with torch.no_grad():
        derived(param)
        param.data.add_(1)
        derived.forget()
        assert derived(param).tolist() == [4, 6]


def test_gradients_flow_and_nothing_is_kept(derived, calls):
    param = nn.Parameter(torch.tensor([1., 2.]))
    for _ in range(2):
        derived(param).sum().backward()
    assert param.grad.tolist() == [4, 4] and len(calls) == 2
    with torch.no_grad():
        assert not derived(param).requires_grad


def test_parameters_made_in_inference_mode_have_no_version(derived):
    with torch.inference_mode():
        param = torch.tensor([1., 2.])
        assert derived(param).tolist() == [2, 4]
        param.add_(1)
        derived.forget()
        assert derived(param).tolist() == [4, 6]


def test_a_copy_keeps_nothing_of_the_original():
    linear = nn.Linear(1, 1)
    linear.derived = Derived(torch.neg)
    with torch.no_grad():
        linear.derived(linear.weight)
        twin = copy.deepcopy(linear)
        twin.weight.fill_(5)
        assert twin.derived(twin.weight).item() == -5
        assert linear.derived(linear.weight) == -linear.weight
    assert list(linear.state_dict()) == ['weight', 'bias']


@pytest.fixture(params=['direct', 'minimal filtering'])
def tower(request, monkeypatch):
    """All modules that derive something from their weights."""
    if request.param != 'direct':
        monkeypatch.setattr(conv1d, 'MIN_CHANNELS', 1)
    return make_tower(0)


def make_tower(seed):
    """A dynamic layer and a static one."""
    torch.manual_seed(seed)
    head = DyHead(2, 4, 6, num_layers=2, regression_ranges=[(0, 4), (4, 9)])
    for param in head.parameters():
        nn.init.normal_(param, 0.2, 0.4)
    return head.eval()


PYRAMID = PackedPyramid(
    [Cells.of([9], 12, 'cpu'),
     Cells.of([9], 12, 'cpu').halved], 2)
X = PYRAMID.pack([
    torch.randn(1, 4, n, generator=torch.Generator().manual_seed(0))
    for n in (12, 6)
])


def run(head, dtype=torch.float32):
    """Class features and logits, as in testing."""
    with torch.no_grad():
        x = head.cls_tower(X.to(dtype), PYRAMID)
        return torch.cat((x, head.conv_cls(x, PYRAMID.mask)), 1)


def fresh(head):
    """A head of these weights that has derived nothing yet."""
    new = make_tower(99)
    new.load_state_dict(head.state_dict())
    return new.to(head.conv_cls.weight.dtype)


def assert_up_to_date(head, before):
    """A change is seen, at once and in all that follows."""
    dtype = head.conv_cls.weight.dtype
    expected = run(fresh(head), dtype)
    for _ in range(2):
        assert torch.equal(run(head, dtype), expected)
    assert not torch.equal(expected.float(), before)


def test_every_such_module_is_in_the_tower(tower):
    deriving = [x for x in tower.modules() if isinstance(x, DerivesWeights)]
    assert {type(x).__name__
            for x in deriving} == {'MaskedConv1d', 'ShiftedConv1d', 'TapMix'}
    run(tower)
    kept = {
        type(x).__name__
        for x in deriving
        for value in vars(x).values()
        if isinstance(value, Derived) and value._kept is not None
    }
    assert kept >= {'ShiftedConv1d', 'TapMix'}


def add_to_data(head):
    for param in head.parameters():
        param.data.add_(0.1)


def swap_data(head):
    """As an average of the weights is put in their place."""
    for param in head.parameters():
        param.data = param.data * 2


def new_parameters(head):
    for module in head.modules():
        for name, param in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(param.detach() + 0.1))


def step(head):
    """One of an optimiser, as training does it."""
    params = list(head.parameters())
    for param in params:
        param.grad = torch.ones_like(param)
    torch.optim.AdamW(params, 0.1).step()


def load(head):
    head.load_state_dict(make_tower(1).state_dict())


def assign(head):
    """Load without a copy."""
    head.load_state_dict(make_tower(1).state_dict(), assign=True)


def load_one(head):
    """One convolution alone."""
    mix = head.cls_tower.layers[0].depth.mix
    mix.load_state_dict({k: v + 1 for k, v in mix.state_dict().items()})


@pytest.mark.parametrize(
    'change', [
        lambda head: add_to_data(head) or head.eval(),
        lambda head: add_to_data(head) or head.train().eval(),
        lambda head: swap_data(head) or head.eval(),
        new_parameters,
        step,
        load,
        assign,
        load_one,
        lambda head: head.double(),
        lambda head: head.to(torch.bfloat16).float(),
    ],
    ids=[
        'data, eval', 'data, train', 'swap, eval', 'parameters', 'optimiser',
        'load', 'assign', 'load one', 'double', 'bfloat16'
    ])
def test_every_change_of_the_weights_is_seen(tower, change):
    before = run(tower)
    change(tower)
    if tower.conv_cls.weight.dtype == torch.float64:
        torch.testing.assert_close(
            run(tower, torch.float64).float(), before, rtol=1e-4, atol=1e-4)
        before = before + 1
    assert_up_to_date(tower, before)


def test_training_follows_testing_and_testing_training(tower):
    """In inference mode as well, whose tensors no gradient may need."""
    with torch.inference_mode():
        inferred = run(tower).clone()
    torch.testing.assert_close(run(tower), inferred)
    tower.train()
    logits = tower.conv_cls(tower.cls_tower(X, PYRAMID), PYRAMID.mask)
    torch.testing.assert_close(logits.detach(), inferred[:, -2:])
    logits.square().sum().backward()
    params = [p for p in tower.parameters() if p.grad is not None]
    assert len(params) > 20 and all(p.grad.isfinite().all() for p in params)
    torch.optim.SGD(params, 0.01).step()
    tower.eval()
    assert_up_to_date(tower, inferred)
    with torch.inference_mode():
        assert torch.equal(run(tower), run(fresh(tower)))


def test_a_copy_follows_its_own_weights(tower):
    before = run(tower)
    twin = copy.deepcopy(tower)
    assert torch.equal(run(twin), before)
    with torch.no_grad():
        for param in twin.parameters():
            param.mul_(2)
    assert_up_to_date(twin, before)
    assert torch.equal(run(tower), before)


@pytest.mark.parametrize('minimal', [False, True])
def test_a_copy_keeps_nothing_of_the_original_alive(minimal, monkeypatch):
    if minimal:
        monkeypatch.setattr(conv1d, 'MIN_CHANNELS', 1)
    head = make_tower(0)
    run(head)
    twin = copy.deepcopy(head)
    restored = pickle.loads(pickle.dumps(head))
    watched = {
        name: weakref.ref(x)
        for name, x in (*head.named_parameters(), *head.named_modules())
    }
    del head
    gc.collect()
    alive = [name for name, x in watched.items() if x() is not None]
    assert not alive
    run(twin), run(restored)


def test_a_pickle_holds_weights_alone(tower):
    size = len(pickle.dumps(make_tower(0)))
    before = run(tower)
    text = pickle.dumps(tower)
    assert len(text) < 1.02 * size  # nothing that was derived
    restored = pickle.loads(text)
    assert torch.equal(run(restored), before)
    load(restored)
    assert_up_to_date(restored, before)


def test_no_tensor_is_kept_beside_the_weights_in_training(tower):
    run(tower)
    tower.train()
    tower.cls_tower(X, PYRAMID).sum().backward()
    assert all(value._kept is None for module in tower.modules()
               for value in vars(module).values()
               if isinstance(value, Derived))


def test_threads_that_predict_see_what_is_loaded(tower):
    """While one loads; then all is as if they had never met."""
    states = [make_tower(seed).state_dict() for seed in (1, 2)]
    stop, errors, outs = threading.Event(), [], []

    def predict():
        try:
            while not stop.is_set():
                assert run(tower).isfinite().all()
        except Exception as error:  # raised in the main thread below
            errors.append(error)

    threads = [threading.Thread(target=predict) for _ in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(40):
        tower.load_state_dict(states[turn % 2])
    last = threading.Thread(target=lambda: outs.append(run(tower)))
    last.start(), last.join()
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    for out in (*outs, run(tower), run(tower)):
        assert torch.equal(out, run(fresh(tower)))


def test_a_tower_alone_forgets_as_well():
    """The mixin acts in every module, whoever asks for eval."""
    tower = DyTower(4, 4, 1).eval()
    with torch.no_grad():
        before = tower(X, PYRAMID)
        for param in tower.parameters():
            param.data.mul_(0)
        assert not tower.layers[0].eval()(X, PYRAMID).equal(before)
