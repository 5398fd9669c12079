import pytest
import torch
from device_waits import DeviceWaits

X = torch.arange(6.)
MASK = X > 2


@pytest.mark.parametrize('run, expected', [
    (lambda: X[0].item(), '_local_scalar_dense'),
    (lambda: 1 if MASK.any() else 0, '_local_scalar_dense'),
    (lambda: X[:MASK.sum()], '_local_scalar_dense'),
    (lambda: torch.equal(X, X), 'equal'),
    (lambda: torch.where(MASK), 'nonzero'),
    (lambda: X[MASK], 'index by mask'),
    (lambda: X.clone().__setitem__(MASK, X[:3]), 'index by mask'),
    (lambda: X.unique(return_inverse=True), '_unique2'),
    (lambda: X.repeat_interleave(MASK.long()), 'repeat_interleave'),
    (lambda: X.tolist(), 'tolist'),
    (lambda: X.cpu().add(1), 'cpu'),
    (lambda: X.new_tensor([1., 2.]), 'tensor of numbers'),
    (lambda: X.to('meta'), 'copy to meta'),
])
def test_what_waits_is_counted(run, expected):
    with DeviceWaits() as waits:
        run()
    assert waits.waits == {expected: 1}


@pytest.mark.parametrize('run', [
    lambda: X[torch.arange(2)] + X.sort(stable=True)[0][:2],
    lambda: torch.where(MASK, X, 0.).clamp(min=X.mean()),
    lambda: X.clone().__setitem__(MASK, 0.),
    lambda: X.half().new_full((3, ), 2.).masked_fill(MASK[:3], 0),
    lambda: X.repeat_interleave(2).to('meta', non_blocking=True),
])
def test_what_does_not_wait_is_not_counted(run):
    with DeviceWaits() as waits:
        run()
    assert not waits.waits
