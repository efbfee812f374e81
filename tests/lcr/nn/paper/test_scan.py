"""The selective scan: closed forms, the direct form under autograd, memory, and bad input."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lcr.nn.paper.scan import (
    by_doubling,
    mamba_ssm_kernel,
    scan_by_kernel,
    selective_scan,
    step_by_step,
)
from tests.scan_reference import direct_scan, scan_inputs, unbound_scan


def value_and_gradients(scan, inputs, weight):
    for x in inputs:
        x.grad = None
    y = scan(*inputs)
    y.backward(weight)
    return y.detach(), [x.grad for x in inputs]


def assert_parity(inputs: tuple[Tensor, ...], scan) -> None:
    """Values within 1e-5 and gradients within 1e-4 (absolute + relative) of the direct form in
    float64; each gradient is held to its own scale, since dA and dD sum over all frames."""
    weight = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(1))
    exact = tuple(x.detach().double().requires_grad_() for x in inputs)
    expected, gradients = value_and_gradients(unbound_scan, exact, weight.double())
    y, found = value_and_gradients(scan, inputs, weight.to(inputs[0].dtype))
    torch.testing.assert_close(y.double(), expected, rtol=1e-5, atol=1e-5)
    for name, a, b in zip(["u", "delta", "A", "B", "C", "D"], found, gradients, strict=True):
        scale = max(1.0, b.abs().max().item())
        error = ((a.double() - b).abs().max() / scale).item()
        assert error <= 1e-4, f"gradient of {name}: {error:.1e}"


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(1, 70),
    chunk=st.integers(1, 80),
    batch=st.integers(1, 3),
    channels=st.integers(1, 5),
    state=st.integers(1, 4),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 2**16),
)
def test_equals_the_direct_form_for_any_shape_and_chunk(
    frames, chunk, batch, channels, state, dtype, seed
) -> None:
    inputs = scan_inputs(
        frames, batch=batch, channels=channels, state=state, dtype=dtype, seed=seed
    )
    assert_parity(inputs, lambda *x: selective_scan(*x, chunk=chunk))


@pytest.mark.parametrize(
    ("frames", "channels", "state"),
    [(1, 512, 16), (64, 32, 16), (65, 32, 16), (1000, 64, 16), (6_000, 2, 4)],
)
def test_equals_the_direct_form_at_any_length(frames: int, channels: int, state: int) -> None:
    assert_parity(scan_inputs(frames, channels=channels, state=state), selective_scan)


def test_a_batch_is_the_same_whether_its_scans_run_together_or_in_groups() -> None:
    for channels in (5000, 2000):  # 35,000 states: one by one; 14,000: groups of 2, 2 and 1
        assert_parity(scan_inputs(9, batch=5, channels=channels, state=7), selective_scan)


def test_both_direct_forms_are_one() -> None:
    inputs = tuple(x.detach() for x in scan_inputs(30, batch=2, channels=3, dtype=torch.float64))
    torch.testing.assert_close(unbound_scan(*inputs), direct_scan(*inputs))


def test_gradients_pass_gradcheck() -> None:
    inputs = scan_inputs(7, batch=2, channels=3, state=2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *x: selective_scan(*x, chunk=3), inputs)


def test_no_decay_is_a_cumulative_sum() -> None:
    u = torch.randn(2, 100, 3, dtype=torch.float64)
    ones = torch.ones(2, 100, 1, dtype=torch.float64)
    y = selective_scan(u, torch.ones_like(u), u.new_zeros(3, 1), ones, ones, chunk=8)
    torch.testing.assert_close(y, u.cumsum(1))


def test_an_impulse_halves_every_step() -> None:
    u = torch.zeros(1, 30, 1, dtype=torch.float64)
    u[0, 0] = 1
    ones = torch.ones_like(u)
    A = torch.full((1, 1), -math.log(2), dtype=torch.float64)
    y = selective_scan(u, ones, A, ones, 3 * ones, torch.tensor([5.0]).double(), chunk=4)
    expected = 3 * 0.5 ** torch.arange(30, dtype=torch.float64)
    expected[0] += 5
    torch.testing.assert_close(y[0, :, 0], expected)


@pytest.mark.parametrize("step", [0.0, 1e-30, 50.0, 1e4, 1e30])
def test_any_step_gives_finite_values_and_gradients(step: float) -> None:
    inputs = scan_inputs(200, channels=4, state=3)
    with torch.no_grad():
        inputs[1].fill_(step)
        inputs[0].div_(max(1.0, step))
    y, gradients = value_and_gradients(selective_scan, inputs, torch.ones(1, 200, 4) / (1 + step))
    assert all(x.isfinite().all() for x in (y, *gradients))


def test_half_precision_and_autocast_are_scanned_in_float32() -> None:
    inputs = [x.detach() for x in scan_inputs(300, channels=8)]
    half = [x.bfloat16() for x in inputs]
    y = selective_scan(*half)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y, selective_scan(*(x.float() for x in half)).bfloat16())
    expected = selective_scan(*inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(selective_scan(*inputs), expected)


@pytest.mark.parametrize("chunk", [16, 64])
def test_backward_keeps_the_inputs_and_one_state_a_chunk(chunk: int) -> None:
    """So memory is linear in time and N / chunk of the input: no state of a single step stays."""
    frames, channels, state = 640, 32, 16
    inputs = scan_inputs(frames, channels=channels, state=state)[:5]
    kept: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        y = selective_scan(*inputs, chunk=chunk)
    assert y.requires_grad
    states = frames // chunk * channels * state
    # A is also kept transposed.
    expected = sum(x.numel() for x in inputs if x.dim() == 3) + channels * state + states
    assert sum(kept.values()) == 4 * expected


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.booleans(), st.integers(0, 2**16))
def test_doubling_is_the_step_by_step_recurrence(steps: int, reverse: bool, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    decay = torch.rand(steps, 2, 3, generator=random, dtype=torch.float64)
    x = torch.randn(steps + 1, 2, 3, generator=random, dtype=torch.float64)
    expected, found, before = x.clone(), x.clone(), decay.clone()
    step_by_step(decay, expected, reverse=reverse)
    by_doubling(decay, found, reverse=reverse)
    torch.testing.assert_close(found, expected)
    assert torch.equal(decay, before)


def test_the_recurrence_for_gpus_equals_the_direct_form(monkeypatch) -> None:
    monkeypatch.setattr("lcr.nn.paper.scan.step_by_step", by_doubling)
    for chunk in (1, 5, 64):
        inputs = scan_inputs(133, batch=2, channels=5, state=3)
        assert_parity(inputs, lambda *x, chunk=chunk: selective_scan(*x, chunk=chunk))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_equals_the_direct_form() -> None:
    inputs = tuple(x.detach().cuda().requires_grad_() for x in scan_inputs(300, batch=2))
    inputs_cpu = tuple(x.detach().cpu().requires_grad_() for x in inputs)
    weight = torch.ones(2, 300, 512)
    y, gradients = value_and_gradients(selective_scan, inputs, weight.cuda())
    expected, exact = value_and_gradients(selective_scan, inputs_cpu, weight)
    torch.testing.assert_close(y.cpu(), expected, rtol=1e-5, atol=1e-5)
    for a, b in zip(gradients, exact, strict=True):
        torch.testing.assert_close(a.cpu(), b, rtol=1e-4, atol=1e-4 * b.abs().max().item())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_mamba_ssm_equals_the_direct_form() -> None:
    kernel = mamba_ssm_kernel()
    if kernel is None:
        pytest.skip("mamba_ssm is not installed")
    inputs = tuple(x.detach().cuda() for x in scan_inputs(300, batch=2))
    expected = direct_scan(*(x.double() for x in inputs)).float()
    torch.testing.assert_close(scan_by_kernel(kernel, *inputs), expected, rtol=1e-3, atol=1e-3)


def test_kernels_are_called_with_what_mamba_ssm_takes() -> None:
    """transformers' slow path has the arguments and the layout of `mamba_ssm`'s kernel; that one
    also wants A and D in float32 and all else in the dtype of u."""
    slow_path = pytest.importorskip("transformers.models.mamba.modeling_mamba").mamba_selective_scan

    def kernel(u, delta, A, B, C, D):
        assert {x.dtype for x in (u, delta, B, C)} == {u.dtype}
        assert A.dtype == D.dtype == torch.float32
        return slow_path(u, delta, A, B, C, D)

    u, delta, A, B, C, D = (x.detach() for x in scan_inputs(50, batch=2, channels=6, state=4))
    B, C = B.bfloat16(), C.bfloat16()
    y = scan_by_kernel(kernel, u, delta, A.double(), B, C, D)
    torch.testing.assert_close(y, selective_scan(u, delta, A, B, C, D), rtol=1e-5, atol=1e-5)


def test_shapes_are_found_without_data() -> None:
    inputs = [x.detach().to("meta").requires_grad_() for x in scan_inputs(300, batch=2)]
    y = selective_scan(*inputs)
    assert y.shape == inputs[0].shape
    y.sum().backward()
    assert all(x.grad is not None and x.grad.shape == x.shape for x in inputs)


def test_what_does_not_fit_is_named() -> None:
    u, delta, A, B, C, D = (x.detach() for x in scan_inputs(5, channels=3, state=2))
    with pytest.raises(ValueError, match=r"u must be .*not \(1, 0, 3\)"):
        selective_scan(u[:, :0], delta[:, :0], A, B[:, :0], C[:, :0])
    with pytest.raises(ValueError, match=r"delta must be \(1, 5, 3\) .*not \(1, 4, 3\)"):
        selective_scan(u, delta[:, 1:], A, B, C)
    with pytest.raises(ValueError, match=r"C must be \(1, 5, 2\)"):
        selective_scan(u, delta, A, B, u)
    with pytest.raises(ValueError, match=r"D must be \(3,\)"):
        selective_scan(u, delta, A, B, C, D[1:])
    with pytest.raises(ValueError, match="chunk must be >= 1 frames, not 0"):
        selective_scan(u, delta, A, B, C, chunk=0)


def test_a_second_derivative_is_refused() -> None:
    u, *others = scan_inputs(4, channels=2, state=2)
    (gradient,) = torch.autograd.grad(
        selective_scan(u, *others).square().sum(), u, create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
