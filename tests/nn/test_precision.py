import pytest
import torch

from ae_lightning.nn.precision import ISA_LIMITS, multiplies_bf16, product_type

WITHOUT = ["AVX2", "AVX512_CORE", "AVX512_CORE_VNNI", "avx512_core_vnni"]
WITH = ["", "DEFAULT", "AVX512_CORE_BF16", "AVX512_CORE_AMX", "AVX10_1_512_AMX"]


@pytest.fixture
def machine(monkeypatch):
    """Plays a machine: its processor, and its card if it has one."""

    def play(capability="AVX512", instructions=True, card=None):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: card is not None)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: card)

    for limit in ISA_LIMITS:
        monkeypatch.delenv(limit, raising=False)
    play()
    return play


@pytest.mark.parametrize(
    ("processor", "fast"),
    [
        ({}, True),
        ({"instructions": False}, False),
        ({"capability": "AVX2"}, False),
        ({"capability": "DEFAULT"}, False),
    ],
)
def test_a_processor_multiplies_bf16_if_it_has_instructions(machine, processor, fast):
    machine(**processor)
    assert multiplies_bf16("cpu") is multiplies_bf16("auto") is fast
    assert product_type(torch.device("cpu")) is (torch.bfloat16 if fast else torch.float32)


@pytest.mark.parametrize("variable", ISA_LIMITS)
def test_a_processor_kept_to_older_instructions_is_an_older_one(machine, monkeypatch, variable):
    for limit in WITHOUT:
        monkeypatch.setenv(variable, limit)
        assert not multiplies_bf16("cpu"), limit
    for limit in WITH:
        monkeypatch.setenv(variable, limit)
        assert multiplies_bf16("cpu"), limit


@pytest.mark.parametrize("card", [True, False])
def test_a_card_decides_where_it_is_used(machine, card):
    machine(instructions=not card, card=card)
    assert multiplies_bf16("auto") is multiplies_bf16("gpu") is multiplies_bf16("cuda") is card
    assert multiplies_bf16("cpu") is not card


def test_other_devices_multiply_float32(machine):
    assert not multiplies_bf16("mps")
    assert not multiplies_bf16("cuda"), "without a card"
