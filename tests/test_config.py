"""Late values: one line in a child reaches every place, however a config is read."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmyolo.registry import MODELS

from mmyolo_mnv1.config import input_shape, load_config, resolve
from mmyolo_mnv1.engine import YOLO11Runner
from mmyolo_mnv1.errors import InputError


@pytest.fixture
def child(root, tmp_path):
    """Write a child of a config and load it."""

    def load(lines: str, base: str = "yolo11_mnv1_m.py", **options) -> Config:
        path = tmp_path / "child.py"
        path.write_text(f"_base_ = {str(root / 'configs' / base)!r}\n{lines}\n")
        return load_config(path, options)

    return load


def sizes(node) -> list:
    """Every img_scale and img_size in a config, wherever it stands."""
    if isinstance(node, dict):
        own = [v for k, v in node.items() if k in ("img_scale", "img_size")]
        return own + [s for value in node.values() for s in sizes(value)]
    if isinstance(node, (list, tuple)):
        return [s for value in node for s in sizes(value)]
    return []


@pytest.mark.parametrize(
    ("rho", "side"),
    [("1", 640), ("6 / 7", 544), ("0.8", 512), ("5 / 7", 448), ("4 / 7", 352)],
)
def test_rho_reaches_everything(child, rho, side):
    cfg = child(f"rho = {rho}")
    assert input_shape(cfg) == (side, side) and cfg.input_size == side
    hook = next(h for h in cfg.custom_hooks if "Switch" in h.type)
    for part, count in (
        (cfg.train_dataloader, 3),  # loading twice, and mosaic
        (hook, 2),
        (cfg.val_dataloader, 2),  # pipeline and batch shapes
        (cfg.test_dataloader, 2),
        (cfg.tta_pipeline, 3),
        (cfg.test_pipeline, 1),
        (cfg.train_pipeline, 3),
        (cfg.train_pipeline_stage2, 2),
    ):
        found = sizes(part)
        assert len(found) == count
        assert all(size in ((side, side), side) for size in found)


def test_rectangles(child):
    cfg = child("img_scale = (640, 384)\nrho = 0.5")
    assert cfg.input_scale == (320, 192) and input_shape(cfg) == (192, 320)
    assert cfg.input_size == 320


def test_alpha_is_one_line(child):
    cfg = child("model = dict(backbone=dict(alpha=0.5))")
    assert cfg.model.backbone == dict(
        type="MobileNetV1",
        alpha=0.5,
        act_cfg=dict(type="ReLU", inplace=True),
        norm_cfg=dict(type="BN", momentum=0.03, eps=1e-3),
    )


@pytest.mark.parametrize("base", ["yolo11_finetune", "yolo11_mnv1_finetune"])
def test_own_data_is_two_lines(child, base):
    lines = "data_root = 'data/mine'\nclasses = ('cat', 'dog')"
    cfg = child(lines, f"_base_/{base}.py")
    mobile = cfg.model.backbone.type == "MobileNetV1"
    assert mobile == (base == "yolo11_mnv1_finetune")
    assert cfg.model.default_num_classes == 2
    for name, split in (("train", "train"), ("val", "val"), ("test", "val")):
        dataset = cfg[f"{name}_dataloader"].dataset
        assert dataset.data_root == "data/mine/"
        assert dataset.metainfo.classes == ("cat", "dog")
        assert dataset.ann_file == f"annotations/{split}.json"
        assert dataset.data_prefix.img == "images/"
    assert cfg.val_evaluator.ann_file == "data/mine/annotations/val.json"
    assert cfg.test_evaluator.ann_file == "data/mine/annotations/val.json"


DATA = "_base_/yolo11_finetune.py"


def test_own_data_on_coco_config(child):
    cfg = child(
        "data_root = '/data/mine/'\nclasses = ('cat',)\n"
        "ann_files = dict(test='/elsewhere/test.json')"
    )
    assert cfg.model.default_num_classes == 1
    assert cfg.test_dataloader.dataset.ann_file == "/elsewhere/test.json"
    assert cfg.test_evaluator.ann_file == "/elsewhere/test.json"
    assert cfg.val_evaluator.ann_file.startswith("/data/mine/annotations/instances_val")


def test_epochs_are_one_line(child):
    cfg = child("max_epochs = 12\nclasses = ('cat',)", DATA)
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[1].end == 12
    assert cfg.custom_hooks[1].switch_epoch == 7
    assert child("max_epochs = 3\nclasses = ('a',)", DATA).switch_epoch == 0


def test_batch_size_reaches_the_optimizer(child):
    cfg = child("train_dataloader = dict(batch_size=4)")
    assert cfg.optim_wrapper.optimizer.batch_size_per_gpu == 4


MOBILE = "_base_/yolo11_mnv1_finetune.py"
OWN = "classes = ('cat',)\nmodel = dict(scale='n', backbone=dict(alpha=0.5))\n"


def test_finetuning_starts_from_pretrained_weights(child):
    cfg = child(OWN, MOBILE)
    assert cfg.load_from == "timm://mobilenetv1_100.ra4_e3600_r224_in1k"
    assert cfg.model.backbone.alpha == 0.5 and cfg.model.scale == "n"
    cfg = child("classes = ('cat',)\nmodel = dict(scale='s')", DATA)
    assert cfg.load_from == "ultralytics://yolo11s.pt"
    cfg.merge_from_dict({"model.scale": "l"})
    assert cfg.load_from == cfg.pretrained == "ultralytics://yolo11l.pt"


def traits(cfg) -> tuple:
    """Activation, epsilon of BN and mean, which follow from the weights."""
    backbone = cfg.model.backbone
    mean = cfg.model.data_preprocessor.mean
    return backbone.act_cfg.type, backbone.norm_cfg.eps, mean[0]


def test_layers_follow_from_the_weights(child, tmp_path):
    slim, own = ("ReLU6", 1e-3, 127.5), ("ReLU", 1e-3, 0)
    assert traits(child(OWN, MOBILE)) == ("ReLU6", 1e-5, 127.5)
    assert traits(child(OWN + "pretrained = None", MOBILE)) == own
    assert traits(child(OWN + "pretrained = 'w.npz'", MOBILE)) == slim
    np.savez(tmp_path / "z.npz", **{"MobileNet/conv_1/weights": np.ones(1)})
    lines = OWN + f"pretrained = {str(tmp_path / 'z.npz')!r}"
    assert traits(child(lines, MOBILE)) == ("ReLU", 1e-3, 127.5)
    meta = dict(
        backbone=dict(act_cfg=dict(type="SiLU"), norm_cfg=dict(type="BN", eps=1e-4)),
        data_preprocessor=dict(mean=[1.0] * 3, std=[2.0] * 3),
    )
    torch.save(dict(state_dict={}, meta=meta), tmp_path / "own.pth")
    lines = OWN + f"pretrained = {str(tmp_path / 'own.pth')!r}"
    assert traits(child(lines, MOBILE)) == ("SiLU", 1e-4, 1)
    lines = OWN + "model['backbone']['act_cfg'] = dict(type='SiLU')"
    assert traits(child(lines, MOBILE)) == ("SiLU", 1e-5, 127.5)


def test_changed_weights_change_the_layers(child):
    cfg = child(OWN, MOBILE)
    cfg.pretrained = None
    assert traits(cfg) == ("ReLU", 1e-3, 0) and cfg.load_from is None
    cfg.merge_from_dict(dict(pretrained="weights/w.npz"))
    assert traits(cfg) == ("ReLU6", 1e-3, 127.5) and cfg.load_from == "weights/w.npz"
    with pytest.raises(InputError, match="pretrained is 1: give a name"):
        cfg.merge_from_dict(dict(pretrained=1))


def test_bad_options_of_the_command_line(child):
    with pytest.raises(InputError, match="child.py: ") as error:
        child("", **{"train_pipeline.99.type": "x"})
    assert "\n" not in str(error.value)


def test_options_of_the_command_line(child):
    cfg = child("", rho=0.8, data_root="x")
    assert cfg.input_size == 512
    assert cfg.train_dataloader.dataset.data_root == "x/"


def test_twice_is_once(child):
    cfg = child("rho = 0.8")
    assert resolve(cfg).pretty_text == cfg.pretty_text


def test_dumped_config_is_plain(child, tmp_path):
    child("rho = 0.8").dump(tmp_path / "dumped.py")
    text = (tmp_path / "dumped.py").read_text()
    assert "${" not in text
    again = load_config(tmp_path / "dumped.py")
    assert input_shape(again) == (512, 512)


@pytest.mark.parametrize(
    "change",
    ["rho = 0.5", "data_root = 'x/'", "max_epochs = 3", "classes = ('a',)"],
)
def test_values_of_a_dump_cannot_be_changed(child, tmp_path, change):
    """They stand in every place: one changed alone would change nothing else."""
    child("rho = 0.8").dump(tmp_path / "dumped.py")
    path = tmp_path / "grandchild.py"
    path.write_text(f"_base_ = './dumped.py'\n{change}\n")
    name = change.split(" ")[0]
    with pytest.raises(InputError, match=f"is a dump, with {name} = ") as error:
        load_config(path)
    assert "\n" not in str(error.value)
    path.write_text("_base_ = './dumped.py'\nrho = 0.8\nlog_level = 'ERROR'\n")
    assert load_config(path).input_size == 512


def test_wrapped_model(child):
    cfg = Config.fromfile(child("classes = ('a', 'b')").filename)
    cfg.model = dict(**cfg.tta_model, module=cfg.model)  # as test.py --tta does
    assert resolve(cfg).model.module.default_num_classes == 2


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("rho = 0", "rho is 0"),
        ("rho = -0.5", "rho is -0.5"),
        ("rho = 2", "rho is 2"),
        ("rho = 'half'", "rho is 'half'"),
        ("rho = True", "rho is True"),
        ("rho = 0.01", "rho 0.01 leaves less than 32 px"),
        ("img_scale = (640, 500)", "img_scale is (640, 500): give (width, height)"),
        ("img_scale = 640", "img_scale is 640"),
        ("img_scale = (0, 0)", "img_scale is (0, 0)"),
        ("classes = ()", "classes is ()"),
        ("classes = 'cat'", "classes is 'cat'"),
        ("classes = ('a', 'b', 'a')", "classes names ['a'] more than once"),
        ("model = dict(num_classes=3)", "num_classes is 3 and classes has 80"),
        (
            "val_dataloader = dict(dataset=dict(metainfo=dict(classes=('a',))))",
            "val_dataloader.dataset.metainfo.classes is ('a',)",
        ),
        ("work_dir = '${nothing}'", "${nothing} is wanted: set nothing"),
        ("loop = '${loop}'", "stands for itself"),
        ("rho = (", "SyntaxError"),
        ("rho = undefined", "NameError"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("num_classes = 2", "num_classes is 2 and classes has 80"),
        (
            "model = dict(bbox_head=dict(head_module=dict(num_classes=2)))",
            "model.bbox_head.head_module.num_classes is 2",
        ),
        (
            "model = dict(train_cfg=dict(assigner=dict(num_classes=2)))",
            "model.train_cfg.assigner.num_classes is 2",
        ),
        ("data_root = None", "data_root is None"),
        ("ann_files = 'x.json'", "ann_files is 'x.json'"),
        ("ignore_classes = 'cow'", "ignore_classes is 'cow'"),
        ("max_epochs = 'a'", "max_epochs is 'a'"),
        ("switch_epoch = 3", "switch_epoch is 3: it follows from close_mosaic_epochs"),
        ("input_scale = (32, 32)", "input_scale is (32, 32): it follows from img_scal"),
        ("ann_paths = dict(test='x')", "ann_paths is {'test': 'x'}: it follows from a"),
        ("val_interval = 0", "val_interval is 0: give a number of epochs, at least 1"),
        (
            "custom_imports = dict(imports=['json'])",
            'set imports = [*_base_.custom_imports["imports"], ...]',
        ),
    ],
)
def test_contradictions_end_with_one_line(child, lines, words):
    with pytest.raises(InputError) as error:
        child(lines)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_classes_must_be_said(child):
    with pytest.raises(InputError, match=r"\$\{classes\} is wanted: set classes"):
        child("", DATA)


@pytest.mark.parametrize(
    ("option", "right"),
    [
        ("max_epoch", "max_epochs"),
        ("train_dataloader.batchsize", "batch_size"),
        ("model.backbone.out_indices", ""),
        ("work_dir", ""),
        ("model.test_cfg.new.name", ""),
    ],
)
def test_misspelled_options(root, option, right):
    """Close misspellings are refused, new names are accepted."""
    path, options = root / "configs/yolo11_mnv1_n.py", {option: 3}
    if not right:
        assert load_config(path, options)
        return
    wrong = pytest.raises(InputError, match=f"--cfg-options {option}: .* {right}")
    with wrong:
        load_config(path, options)
    with wrong:  # as tools of MMYOLO and MMDetection do
        Config.fromfile(path).merge_from_dict(options)


@pytest.mark.parametrize("option", ["switch_epoch", "ann_paths.test"])
def test_options_that_are_computed(root, option):
    path = root / "configs/yolo11_mnv1_n.py"
    with pytest.raises(InputError, match=r"it follows from \w+, set that instead"):
        load_config(path, {option: 3})
    with pytest.raises(InputError, match=r"it follows from \w+, set that instead"):
        Config.fromfile(path).merge_from_dict({option: 3})


def test_options_below_a_placeholder(root):
    path, options = (
        root / "configs/yolo11_mnv1_n.py",
        {"train_dataloader.dataset.pipeline.2.recent": 4},
    )
    words = "has train_pipeline there: set train_pipeline.2.recent"
    with pytest.raises(InputError, match=words):
        load_config(path, options)
    with pytest.raises(InputError, match=words):
        Config.fromfile(path).merge_from_dict(options)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="none.py not found"):
        load_config(tmp_path / "none.py")


def test_other_configs_stay_as_they_are(tmp_path):
    path = tmp_path / "plain.py"
    path.write_text("model = dict(type='X')\n")
    cfg = load_config(path)
    assert cfg.model == dict(type="X") and set(cfg) == {"model"}
    with pytest.raises(InputError, match="plain.py has no img_scale"):
        input_shape(cfg)


def test_print_config(root, tool):
    done = tool("tools/print_config.py", root / "configs/yolo11_mnv1_m_r080.py")
    assert done.returncode == 0, done.stderr
    # The fork of MMDetection prints about an optional part when it is imported.
    text = done.stdout.replace("Could not import OneDL. Skipping OneDL datasets.", "")
    assert "${" not in text and "input_size = 512" in text
    namespace: dict = {}
    exec(text, namespace)  # a config is Python
    assert sizes(namespace["train_dataloader"]) == [(512, 512)] * 3
    done = tool("tools/print_config.py", root / "nothing.py")
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1


def test_text_follows_changes(root):
    cfg = load_config(root / "configs/yolo11_mnv1_m.py")
    first = cfg.pretty_text
    assert cfg.pretty_text == first == Config(cfg.to_dict()).pretty_text
    cfg.model.backbone.alpha = 0.5
    assert "alpha=0.5" in cfg.pretty_text and cfg.pretty_text != first


def test_files_are_short(root):
    lengths = [len(p.read_text().splitlines()) for p in (root / "configs").glob("*.py")]
    assert max(lengths) < 15
    assert sorted(lengths)[len(lengths) // 2] < 6
    assert all(Path(p).read_text().startswith("# ") for p in root.glob("configs/*.py"))


@pytest.fixture
def digits_config(root) -> Config:
    """The demo's config, read by MMEngine alone."""
    return Config.fromfile(root / "configs/yolo11_mnv1_n_digits.py")


def test_mmengine_reads_a_config_without_placeholders(digits_config):
    cfg = digits_config
    assert isinstance(cfg, Config) and "${" not in cfg.pretty_text
    assert cfg.input_scale == (192, 192)
    assert sizes(cfg.train_dataloader) == [(192, 192)] * 3
    assert cfg.model.default_num_classes == 10


def test_mmengine_merges_options_into_every_place(digits_config):
    options = dict(rho=0.5, classes=("cat", "dog"), max_epochs=9, data_root="x")
    digits_config.merge_from_dict(options)
    cfg = digits_config
    assert sizes(cfg.test_dataloader) == [96, (96, 96)]
    assert cfg.model.default_num_classes == 2
    assert cfg.val_dataloader.dataset.metainfo.classes == ("cat", "dog")
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[1].end == 9
    assert cfg.test_evaluator.ann_file == "x/annotations/val.json"
    cfg.merge_from_dict({"rho": 1.0, "train_dataloader.batch_size": 3})
    assert cfg.input_size == 192 and cfg.auto_scale_lr.base_batch_size == 3


def test_assignment_reaches_every_place(digits_config):
    digits_config.rho = 0.5
    assert sizes(digits_config.train_dataloader) == [(96, 96)] * 3
    digits_config["classes"] = ("a",)
    assert digits_config.num_classes == 1
    assert digits_config.train_dataloader.dataset.metainfo.classes == ("a",)


def copied(cfg: Config) -> dict[str, Config]:
    """Copies of a config that can still be changed."""
    return dict(deep=copy.deepcopy(cfg), pickled=pickle.loads(pickle.dumps(cfg)))


@pytest.mark.parametrize("how", ["deep", "pickled"])
def test_copies_can_be_changed(digits_config, how):
    cfg = copied(digits_config)[how]
    assert cfg.pretty_text == digits_config.pretty_text
    cfg.merge_from_dict(dict(rho=0.5))
    assert sizes(cfg.test_pipeline) == [(96, 96)]
    assert sizes(digits_config.test_pipeline) == [(192, 192)]


def test_a_dump_is_read_as_it_is(digits_config, tmp_path):
    digits_config.merge_from_dict(dict(rho=0.5))
    digits_config.dump(tmp_path / "dumped.py")
    text = digits_config.dump()
    for cfg in (
        Config.fromfile(tmp_path / "dumped.py"),
        Config.fromstring(text, ".py"),
        Config(digits_config.to_dict()),
    ):
        assert cfg.pretty_text == digits_config.pretty_text
        with pytest.raises(InputError, match="is a dump, with rho = 0.5"):
            cfg.merge_from_dict(dict(rho=1.0))


def test_edited_places_stay(digits_config):
    cfg = digits_config
    cfg.train_dataloader.dataset.data_root = "mine/"
    cfg.merge_from_dict(dict(rho=0.5))
    assert cfg.train_dataloader.dataset.data_root == "mine/"
    assert cfg.val_dataloader.dataset.data_root == "data/digits/"
    with pytest.raises(InputError, match="train_dataloader.dataset.data_root was cha"):
        cfg.data_root = "other/"


@pytest.mark.parametrize("end", [False, True])
def test_items_of_a_list_that_were_moved(digits_config, end):
    """A hook in front of PipelineSwitchHook would keep an old switch_epoch."""
    cfg, hook = digits_config, dict(type="ProfilerHook")
    switch = [h["type"].endswith("SwitchHook") for h in cfg.custom_hooks].index(True)
    cfg.custom_hooks.insert(len(cfg.custom_hooks) if end else 0, hook)
    if end:
        cfg.max_epochs = 10
        assert cfg.custom_hooks[switch].switch_epoch == cfg.switch_epoch
        cfg.custom_hooks = cfg.custom_hooks[:switch]
        cfg.max_epochs = 20
        return
    words = rf"custom_hooks.{switch} was moved in its list"
    with pytest.raises(InputError, match=words):
        cfg.max_epochs = 10


@pytest.mark.parametrize("place", ["model.bbox_head.head_module", "model"])
def test_number_of_classes_as_openmmlab_sets_it(digits_config, place):
    part = digits_config
    for name in place.split("."):
        part = part[name]
    part.num_classes = 9
    model = MODELS.build(digits_config.model)
    assert model.bbox_head.num_classes == model.bbox_head.assigner.num_classes == 9
    words = f"{place}.num_classes is 9 and classes has 10"
    with pytest.raises(InputError, match=words):
        YOLO11Runner.from_cfg(digits_config)


@pytest.mark.parametrize(("name", "value"), [("num_classes", 7), ("scale", "s")])
def test_places_that_disagree(digits_config, name, value):
    model = digits_config.model
    model.bbox_head.head_module[name] = value
    model[name] = dict(num_classes=9, scale="n")[name]
    words = rf"model.{name} is .* and model.bbox_head.head_module.{name} is {value!r}"
    with pytest.raises(InputError, match=words):
        MODELS.build(model)


def test_other_projects_keep_their_placeholders(tmp_path, digits_config):
    path = tmp_path / "other.py"
    path.write_text("size = 1\nx = '${size}'\nclasses = 'a'\n")
    cfg = Config.fromfile(path)
    assert type(cfg) is Config and cfg.x == "${size}"
    cfg.size = 2
    cfg.merge_from_dict(dict(classes="b"))
    assert cfg.to_dict() == dict(size=2, x="${size}", classes="b")


def test_placeholder_that_names_nothing(root, tmp_path):
    path = tmp_path / "child.py"
    base = root / "configs/yolo11_mnv1_n_digits.py"
    path.write_text(f"_base_ = {str(base)!r}\nwork_dir = '${{nothing}}'\n")
    with pytest.raises(InputError, match=r"\$\{nothing\} is wanted") as error:
        Config.fromfile(path)
    assert "\n" not in str(error.value)
