"""A network whose kernels a GPU replays without being asked for each."""
import threading
from collections import OrderedDict
from typing import Any, Callable, List, Sequence, Tuple

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from dyfadet_mm.ops import compute_dtype, is_traced
from dyfadet_mm.structures import Cells, Padding
from dyfadet_mm.structures.pyramid import keep_tables
from dyfadet_mm.utils.checks import check_at_least

# runs before a capture, in which libraries choose their kernels
WARM_UPS = 2


class LengthsUnknownError(ValueError):
    """A layer asks for lengths that differ between the videos of a graph."""


class BucketCells(Cells):
    """:class:`Cells` of all videos with the same extents, or any of them.

    Only the mask differs; without ``extents`` these are all cells.
    """

    def __init__(self,
                 mask: Tensor,
                 padding: Padding,
                 extents: Sequence[int] = None) -> None:
        super().__init__(mask, padding)
        if extents is not None:
            self.extents, self._is_full = list(extents), False

    @property
    def lengths(self) -> List[int]:
        """Not known where videos of several lengths share a graph."""
        raise LengthsUnknownError(
            'lengths of videos must not decide what a graph computes, but a '
            'layer reads Cells.lengths; read the mask or the extents')


class CudaGraph:
    """Records a function once and replays its kernels.

    The function takes no arguments and returns tensors; it reads the same
    memory whenever it is called, and nothing from the host. All graphs of a
    device share the memory of their work and so run one after another.
    """

    # (stream, pool, event) of every device
    _shared: dict = {}

    def __init__(self, run: Callable[[], Any], device: torch.device) -> None:
        with torch.cuda.device(device):
            if device not in self._shared:
                self._shared[device] = (torch.cuda.Stream(),
                                        torch.cuda.graph_pool_handle(),
                                        torch.cuda.Event())
            stream, pool, self.done = self._shared[device]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARM_UPS):
                    run()
            torch.cuda.current_stream().wait_stream(stream)
            self.graph = torch.cuda.CUDAGraph()
            # other threads may allocate memory meanwhile
            with torch.cuda.graph(self.graph, pool, stream, 'thread_local'):
                self.outputs = run()
        self.device = device

    def __call__(self, fill: Callable[[], None]) -> Any:
        """Replay, and copy what the function gives of what ``fill`` wrote."""
        with torch.cuda.device(self.device):
            # another thread may have its work on another stream
            torch.cuda.current_stream().wait_event(self.done)
            fill()
            self.graph.replay()
            outputs = tree_map(torch.clone, self.outputs)
            self.done.record()
        return outputs


class GraphedNetwork(nn.Module):
    """Runs a network by CUDA graphs where it can, in testing.

    One graph serves all videos of a bucket: batches of one shape whose videos
    have the same extents, see :class:`Cells`. What a graph reads of the
    weights has to stay where it was: all graphs are dropped where a weight
    has changed or moved, and in ``train()``, ``eval()`` and loading.

    Without a GPU, or where the network cannot be recorded, it is called as it
    is; a warning says so once. Where memory does not suffice to record it, it
    is called as it is for these videos.

    Args:
        network (callable): A part or a method of the module that holds this;
            it maps features and cells to tensors in tuples, lists and dicts.
        max_graphs (int): Graphs kept, those used last. Defaults to 16.

    Raises:
        ValueError: If ``max_graphs`` is below 1.
    """

    #: Records a function, replaced in tests.
    graph_class = CudaGraph
    #: Kind of device that can.
    device_type = 'cuda'

    def __init__(self, network: Callable, max_graphs: int = 16) -> None:
        super().__init__()
        check_at_least('max_graphs', max_graphs)
        self._network = (network, )  # which does not become a part of this
        self.max_graphs = max_graphs
        self._lock = threading.RLock()
        self._graphs: OrderedDict = OrderedDict()
        self._seen: Tuple[tuple, list] = ((), [])
        self._reason = ''  # why there are no graphs

    def forget(self) -> None:
        """Drop all graphs."""
        with self._lock:
            self._graphs.clear()

    def train(self, mode: bool = True) -> nn.Module:
        """Also called by ``eval``."""
        self.forget()
        return super().train(mode)

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        self.forget()
        super()._load_from_state_dict(*args, **kwargs)

    def __len__(self) -> int:
        """Graphs that there are."""
        return len(self._graphs)

    def forward(self, inputs: Tensor, cells: Cells) -> Any:
        """Run the network on features (B, C, T)."""
        network = self._network[0]
        if torch.is_grad_enabled() or is_traced() or self._reason:
            return network(inputs, cells)
        if inputs.device.type != self.device_type:
            self._give_up(f'features are on the {inputs.device.type}')
            return network(inputs, cells)
        with self._lock, torch.inference_mode(False), torch.no_grad():
            try:
                graph, feats, mask = self._graph_of(inputs, cells)
            except torch.OutOfMemoryError:  # of this bucket, not of others
                self.forget()
                return network(inputs, cells)
            except (RuntimeError, LengthsUnknownError) as error:
                self._give_up(str(error).split('\n')[0])
                return network(inputs, cells)

            def fill() -> None:
                feats.copy_(inputs)
                mask.copy_(cells.mask)

            return graph(fill)

    def _give_up(self, reason: str) -> None:
        self.forget()
        self._reason = reason
        print_log(
            f'cuda_graph=True needs a GPU and layers that never ask it, but '
            f'{reason}; the model runs without graphs',
            'current',
            level=30)

    def _graph_of(self, inputs: Tensor, cells: Cells) -> Tuple:
        """The graph of this bucket, and the features and mask it reads."""
        state, held = self._state()
        if state != self._seen[0]:
            self._graphs.clear()
        key = (inputs.shape, inputs.dtype, inputs.device, cells.padding,
               tuple(cells.extents), compute_dtype(inputs),
               torch.get_float32_matmul_precision())
        if key not in self._graphs:
            while len(self._graphs) >= self.max_graphs:
                self._graphs.popitem(last=False)
            self._graphs[key] = self._record(inputs, cells)
        self._seen = state, held
        self._graphs.move_to_end(key)
        return self._graphs[key][:3]

    def _record(self, inputs: Tensor, cells: Cells) -> Tuple:
        """Record the network on copies of features and mask."""
        feats, mask, tables = inputs.clone(), cells.mask.clone(), {}
        bucket = (mask, cells.padding, cells.extents)

        def run() -> Any:
            # as before, but casts of weights would lie in the graph's memory
            autocast = torch.autocast(
                'cuda',
                enabled=torch.is_autocast_enabled(),
                cache_enabled=False)
            with keep_tables(tables), autocast:
                # new cells, as they keep what is computed from them
                return self._network[0](feats, BucketCells(*bucket))

        graph = self.graph_class(run, inputs.device)
        return graph, feats, mask, tables

    def _state(self) -> Tuple[tuple, list]:
        """What all graphs depend on, and the objects that it is about."""
        network = self._network[0]
        owner = getattr(network, '__self__', network)
        tensors = [*owner.parameters(), *owner.buffers()]
        state = [
            # tensors made in inference mode have no version
            (id(x), x.data_ptr(), None if x.is_inference() else x._version)
            for x in tensors
        ]
        # layers that leave out what is zero
        state += [getattr(x, 'is_dead', False) for x in owner.modules()]
        # as long as these are held, no other object has their id
        return tuple(state), tensors

    def __reduce__(self) -> tuple:
        """A copy has no graphs."""
        args = self._network[0], self.max_graphs
        return type(self), args, dict(training=self.training)
