import torch
from device_waits import DeviceWaits

from dyfadet_mm.ops import host


def test_several_tensors_come_in_one_copy(monkeypatch):
    tensors = [
        torch.rand(3, 2).T,
        torch.tensor(True),
        torch.tensor([2**53 + 1, -1]),
        torch.rand(5).bfloat16(),
        torch.rand(0, 2),
        torch.rand(1).double(),
        torch.rand(3)[1:].half()
    ]
    monkeypatch.setattr(host, 'is_on_host', lambda tensor: False)
    with DeviceWaits() as waits:
        copies = host.to_host(tensors)
    assert waits.waits == {'cpu': 1}
    for copy, tensor in zip(copies, tensors):
        assert (copy.dtype, copy.shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(copy, tensor)


def test_tensors_of_the_cpu_are_not_copied():
    tensors = [torch.rand(2), torch.rand(3)]
    copies = host.to_host(tensors)
    assert all(a is b for a, b in zip(copies, tensors))
