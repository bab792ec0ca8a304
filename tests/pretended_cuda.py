"""A CUDA device that is pretended on the CPU, to find without a GPU what a GPU would refuse or wait for.

A tensor "on the GPU" wraps a real one on the CPU: its values are right, its `device` says cuda:0. Checked, operation by
operation:

* operands on two devices, which torch refuses (it takes numbers, and CPU indices of a CUDA tensor);
* `.numpy()` of a CUDA tensor;
* numbers of 64 bits, which CUDA has and Apple's mps has not;
* waits of the host for the device: `.item()`, `.tolist()`, `nonzero`, masks as indices, copies that are not from pinned
  memory with `non_blocking`; each with the line of the library that did it.

Not seen: what lies below torch's dispatcher (cuDNN, streams, the allocator), other threads, torch.compile, NCCL.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
aten = torch.ops.aten

Waits = Counter[tuple[str, str]]  # what, and the line of the library that waited → times

TAKES_CPU_INDICES = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
COPIES = {aten.copy_.default, aten._to_copy.default}
WAITS = {
    aten._local_scalar_dense.default: "item",
    aten.nonzero.default: "nonzero",
    aten.equal.default: "equal",
    aten.masked_select.default: "masked_select",
    aten._unique2.default: "unique",
    aten.is_nonzero.default: "bool",
}

_waits: Waits = Counter()


class Mismatch(RuntimeError):
    """Operands on two devices, or a CUDA tensor where only a CPU one will do."""


@contextmanager
def pretended_cuda() -> Iterator[Waits]:
    """torch with a pretended CUDA device; yields the waits, to be read or cleared at any time."""

    def enter(self: Any) -> None:  # wrappers and inference tensors do not go together; no_grad sees the same operations
        self.before = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)

    def leave(self: Any, *_: object) -> None:
        torch._C._set_grad_enabled(self.before)

    _waits.clear()
    with (
        patch.object(torch.cuda, "get_device_name", lambda _: "a pretended GPU"),
        patch.object(torch.cuda, "is_current_stream_capturing", lambda: False),
        patch.object(torch, "autocast", _Autocast),
        patch.object(torch.inference_mode, "__enter__", enter),
        patch.object(torch.inference_mode, "__exit__", leave),
        _Moves(),
    ):
        yield _waits


def on_device(tensor: Tensor) -> bool:
    """Whether a tensor is on the pretended device."""
    return isinstance(tensor, _OnCuda)


class _OnCuda(Tensor):
    """A tensor that says it is on cuda:0."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, real: Tensor, requires_grad: bool = False) -> "_OnCuda":
        if real.dtype == torch.float64:
            raise Mismatch(f"{_line()}: float64 on the device, which mps lacks")
        made = Tensor._make_wrapper_subclass(
            cls, real.size(), strides=real.stride(), storage_offset=real.storage_offset(), dtype=real.dtype,
            layout=real.layout, device=real.device, requires_grad=requires_grad,
        )  # fmt: skip
        made.on_cpu = real
        return made

    def __init__(self, real: Tensor, requires_grad: bool = False):
        pass

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["on_cpu"], None

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, Tensor], meta: Any, size: Any, stride: Any) -> "_OnCuda":
        return _OnCuda(inner["on_cpu"])

    @property
    def device(self) -> torch.device:
        return CUDA

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"OnCuda({self.on_cpu!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> "_OnCuda":
        if id(self) not in memo:
            made = _OnCuda(self.on_cpu.clone(), self.requires_grad)
            if getattr(self, "_is_param", False):
                made._is_param = True
            memo[id(self)] = made
        return memo[id(self)]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
        others = [tensor for tensor in tensors if not isinstance(tensor, _OnCuda) and tensor.dim()]
        if others and func in TAKES_CPU_INDICES and isinstance(args[0], _OnCuda):
            _note("copy of CPU indices")
        elif others and func not in COPIES:
            shapes = [("cuda" if isinstance(tensor, _OnCuda) else "cpu", tuple(tensor.shape)) for tensor in tensors]
            raise Mismatch(f"{_line()}: {func}: operands on two devices: {shapes}")
        if func in TAKES_CPU_INDICES and any(index is not None and index.dtype == torch.bool for index in args[1]):
            _note("mask as index")
        if func is aten.copy_.default and others:
            _note("copy_ between devices")
        if func in WAITS:
            _note(WAITS[func])
        result = func(*tree_map(_unwrap, args), **tree_map(_unwrap, kwargs))
        wrapped = tree_map(lambda value: _OnCuda(value) if type(value) is Tensor else value, result)
        if func in COPIES and not isinstance(args[0], _OnCuda):
            return result if func is aten.copy_.default else wrapped
        return return_and_correct_aliasing(func, args, kwargs, wrapped)


class _Moves(TorchFunctionMode):
    """`device="cuda"` makes pretended tensors, and `.to(device)` moves to and from them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is Tensor.to:
            return _move(args, kwargs)
        if func is Tensor.cpu:
            return _move((args[0], CPU), kwargs)
        if func is Tensor.cuda:
            return _move((args[0], CUDA), kwargs)
        if func is Tensor.pin_memory:
            assert not isinstance(args[0], _OnCuda), "a CUDA tensor cannot be pinned"
            made = args[0].clone()
            made.pinned = True
            return made
        if func is Tensor.tolist and isinstance(args[0], _OnCuda):
            _note("tolist")
            return args[0].on_cpu.tolist()
        if func in (Tensor.numpy, Tensor.__array__) and isinstance(args[0], _OnCuda):
            raise Mismatch(f"{_line()}: a CUDA tensor is no numpy array")
        if not _is_cuda(kwargs.get("device")):
            return func(*args, **kwargs)
        if func in (torch.tensor, torch.as_tensor):
            _note("torch.tensor on the device")
        if kwargs.get("generator") is not None:
            raise Mismatch(f"{_line()}: {func.__name__}: a CPU generator for a CUDA tensor")
        made = func(*args, **kwargs | {"device": CPU})
        return made if isinstance(made, _OnCuda) else _OnCuda(made.detach())


class _Autocast(torch.autocast):
    """autocast of "cuda" is that of "cpu", where the pretended tensors are."""

    def __init__(self, device_type: str, *args: Any, **kwargs: Any):
        super().__init__("cpu" if device_type == "cuda" else device_type, *args, **kwargs)


def _move(args: Any, kwargs: dict[str, Any]) -> Tensor:
    """`tensor.to(…)`: to the pretended device, from it, or to another type of number."""
    tensor, *rest = args
    device, others = kwargs.pop("device", None), []
    for value in rest:
        if isinstance(value, _OnCuda):
            device = CUDA
        elif isinstance(value, torch.device | str):
            device = value
        elif value is not None:
            others.append(value)
    non_blocking = kwargs.pop("non_blocking", False)
    if device is not None:  # what is left of (device, dtype, non_blocking, copy)
        others = [value for value in others if not isinstance(value, bool)]
    if device is not None and _is_cuda(device) and not isinstance(tensor, _OnCuda):
        if not (non_blocking and getattr(tensor, "pinned", False)):
            _note("copy to the device")
        real = tensor.detach()
        real = Tensor.to(real, *others, **kwargs) if others or kwargs else real
        real = real.clone() if real.data_ptr() == tensor.data_ptr() else real
        return _OnCuda(real if type(real) is Tensor else real.as_subclass(Tensor))
    if device is not None and not _is_cuda(device) and isinstance(tensor, _OnCuda):
        _note("copy from the device")
        return tensor.on_cpu.clone()
    return Tensor.to(tensor, *others, **kwargs) if others or kwargs else tensor


def _unwrap(value: Any) -> Any:
    return value.on_cpu if isinstance(value, _OnCuda) else value


def _is_cuda(device: Any) -> bool:
    return device is not None and torch.device(device).type == "cuda"


def _note(what: str) -> None:
    _waits[what, _line()] += 1


def _line() -> str:
    """The innermost line of the library on the stack."""
    frame = sys._getframe(1)
    while frame:
        _, found, inside = frame.f_code.co_filename.rpartition("/src/replication/")
        if found:
            return f"{inside}:{frame.f_lineno}"
        frame = frame.f_back
    return "elsewhere"
