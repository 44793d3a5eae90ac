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
    "SLURM_STEP_ID": "0",
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


@pytest.mark.parametrize("tasks", ["2", "4", "8", "64"])
def test_tasks_that_srun_did_not_start_get_one_line_at_once(tasks):
    alone = {name: value for name, value in SLURM.items() if name != "SLURM_STEP_ID"}
    with pytest.raises(UserError, match=rf"^SLURM_NTASKS: {tasks} tasks .*; put srun before"):
        settle(Environment(), alone | {"SLURM_NTASKS": tasks})
    assert settle(Environment(), alone | {"SLURM_NTASKS": "1", "SLURM_NTASKS_PER_NODE": "1",
                                          "SLURM_NNODES": "1"}).devices == "1"  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "placed"),
    [
        (SLURM | {"SLURM_NTASKS_PER_NODE": ""}, ("4", 2)),
        (SLURM | {"SLURM_NNODES": " "}, ("4", 1)),
        (SLURM | {"SLURM_NTASKS": ""}, ("auto", 1)),
        (TORCHRUN | {"WORLD_SIZE": ""}, ("2", 1)),
        (TORCHRUN | {"LOCAL_WORLD_SIZE": ""}, ("1", 6)),
    ],
)
def test_an_empty_variable_is_as_an_absent_one(changes, placed):
    found = settle(Environment(), changes)
    assert (found.devices, found.num_nodes) == placed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLURM_NTASKS_PER_NODE", "4(x2)"),
        ("SLURM_NTASKS", "many"),
        ("SLURM_NNODES", "1-2"),
        ("SLURM_NNODES", "0"),
        ("SLURM_NNODES", "-1"),
        ("LOCAL_WORLD_SIZE", "0"),
        ("WORLD_SIZE", "1.5"),
    ],
)
def test_a_variable_that_is_no_number_gets_one_line(name, value):
    variables = (SLURM if name.startswith("SLURM") else TORCHRUN) | {name: value}
    with pytest.raises(UserError, match=f"^{name}: must be a whole number, .* found '.*'; unset"):
        settle(Environment(), variables)
