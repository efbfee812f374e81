"""The precision of matrix products on a CPU."""

from __future__ import annotations

from functools import cache

import torch


@cache
def has_bfloat16() -> bool:
    """Whether this processor multiplies in bfloat16 itself (AVX-512 BF16, AMX). Where it does not,
    torch emulates it, which takes many times as long as float32."""
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return supported is not None and bool(supported())


def cpu_products(*, bfloat16: bool) -> torch.autocast:
    """Matrix products in bfloat16 where that is asked for and this processor has them."""
    return torch.autocast("cpu", torch.bfloat16, enabled=bfloat16 and has_bfloat16())
