"""Number type of matrix products: bf16 where the device has instructions for it.

Elsewhere bf16 products are emulated, at a third of the speed of float32.
"""

import os

import torch

ISA_LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Environment variables that restrict oneDNN, which multiplies on a CPU, to older instructions."""

ISA_WITHOUT_BF16 = frozenset(
    ["SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"]
)


def multiplies_bf16(accelerator: str) -> bool:
    """Whether a device, or the one that Lightning picks for ``auto``, has bf16 instructions.

    Takes Lightning's names of accelerators and torch's of device types.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return accelerator in ("auto", "cpu") and _cpu_multiplies_bf16()


def product_type(device: torch.device) -> torch.dtype:
    """The type for products that need few digits: bf16 where it is fast, otherwise float32."""
    return torch.bfloat16 if multiplies_bf16(device.type) else torch.float32


def _cpu_multiplies_bf16() -> bool:
    limit = next((os.environ[name] for name in ISA_LIMITS if os.environ.get(name)), "DEFAULT")
    if limit.upper() in ISA_WITHOUT_BF16:
        return False
    capability = torch.backends.cpu.get_cpu_capability()
    return capability.startswith("AVX512") and bool(torch.cpu._is_avx512_bf16_supported())
