import pytest
from lightning import Fabric
from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

from ae_lightning.config.environment import Environment
from ae_lightning.distributed.placement import settle
from ae_lightning.errors import UserError

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "6"}
SLURM = {
    "SLURM_JOB_NAME": "train",
    "SLURM_NTASKS": "8",
    "SLURM_NTASKS_PER_NODE": "4",
    "SLURM_NNODES": "2",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
}


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """No launcher started this process, and no variable says where to run."""
    for name in [*TORCHRUN, *SLURM, "AE_DEVICES", "AE_NUM_NODES"]:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("variables", "placed"), [(TORCHRUN, ("2", 3)), (SLURM, ("4", 2))])
def test_a_launcher_decides_where_nothing_was_said(variables, placed):
    found = settle(Environment(accelerator="cpu"), variables)
    assert (found.devices, found.num_nodes) == placed
    assert found.accelerator == "cpu"


def test_without_a_launcher_the_environment_stays():
    environment = Environment(devices="3", num_nodes=2)
    assert settle(environment, {}) is environment
    typing = SLURM | {"SLURM_JOB_NAME": "interactive"}
    assert settle(environment, typing) is environment


@pytest.mark.parametrize("devices", ["4", "0,1,2,3", "7,5,3,1"])
def test_devices_that_agree_with_the_launcher_stay(devices):
    found = settle(Environment(devices=devices, num_nodes=2), SLURM)
    assert (found.devices, found.num_nodes) == (devices, 2)


@pytest.mark.parametrize("options", [{"devices": "2"}, {"devices": "0,1"}, {"num_nodes": 4}])
def test_devices_that_disagree_get_one_line(options):
    with pytest.raises(UserError, match=r"SLURM started \(4 processes on each of 2") as caught:
        settle(Environment(**options), SLURM)
    assert str(caught.value).startswith("AE_DEVICES, AE_NUM_NODES: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "cluster", "rank"),
    [
        (
            TORCHRUN | {"RANK": "3", "LOCAL_RANK": "1", "GROUP_RANK": "1"},
            TorchElasticEnvironment,
            3,
        ),
        (SLURM, SLURMEnvironment, 5),
    ],
)
def test_lightning_sees_the_same(monkeypatch, variables, cluster, rank):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settled = settle(Environment(accelerator="cpu"))
    fabric = Fabric(accelerator="cpu", devices=settled.devices, num_nodes=settled.num_nodes)
    assert isinstance(fabric.strategy.cluster_environment, cluster)
    assert fabric.global_rank == rank
    assert fabric.world_size == int(settled.devices) * settled.num_nodes
    fabric.strategy.cluster_environment.validate_settings(int(settled.devices), settled.num_nodes)


def test_one_process_takes_the_first_device():
    for given, one in {"auto": "1", "4": "1", "2,3": "2,", "5,": "5,"}.items():
        found = Environment(
            devices=given, num_nodes=3, strategy="fsdp", precision="32-true"
        ).single()
        expected = (one, 1, "auto", "32-true")
        assert (found.devices, found.num_nodes, found.strategy, found.precision) == expected
