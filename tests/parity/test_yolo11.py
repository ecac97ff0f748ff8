"""YOLO11 against Ultralytics: outputs, and all forms of checkpoint."""

from pathlib import Path

import pytest
import torch

from mmyolo_mnv1.converters.ultralytics import (
    mmyolo_to_ultralytics,
    read_ultralytics,
    ultralytics_to_mmyolo,
)
from mmyolo_mnv1.weights import save_checkpoint

pytestmark = pytest.mark.slow

SHAPES = ((640, 640), (480, 352))
SCALES = list("nsmlx")


@torch.no_grad()
def outputs(model, image):
    """Class logits and distance logits by level, decoded boxes and scores."""
    features = model.extract_feat(image)
    head = model.bbox_head
    logits, distances = head.head_module(features)
    levels = [
        torch.cat([reg(x), cls], 1)
        for reg, x, cls in zip(
            head.head_module.reg_preds, features, logits, strict=True
        )
    ]
    priors = head.prior_generator.grid_priors(
        [x.shape[-2:] for x in logits], device=image.device, with_stride=True
    )
    priors = torch.cat(priors)
    boxes = head.bbox_coder.decode(
        priors[:, :2],
        torch.cat([d.flatten(2) for d in distances], 2).transpose(1, 2),
        priors[:, 2],
    )
    scores = torch.cat([x.flatten(2) for x in logits], 2).sigmoid().transpose(1, 2)
    return levels, boxes, scores


@torch.no_grad()
def reference_outputs(model, image):
    """Outputs of Ultralytics' model in the same form."""
    decoded, levels = model(image)
    xywh, scores = decoded.transpose(1, 2).split((4, decoded.shape[1] - 4), 2)
    centre, size = xywh.split(2, 2)
    return levels, torch.cat([centre - size / 2, centre + size / 2], 2), scores


def difference(a, b):
    assert a.shape == b.shape
    return (a - b).abs().max().item()


@pytest.mark.parametrize("scale", SCALES)
def test_outputs_and_round_trip(reference, detector, picture, report, tmp_path, scale):
    peer = reference(scale)
    path = tmp_path / "yolo11.pt"
    torch.save(dict(model=peer, ema=None, version="8.3.253"), path)
    state_dict, meta = ultralytics_to_mmyolo(read_ultralytics(path))
    assert (meta["scale"], meta["num_classes"]) == (scale, 80)
    model = detector(state_dict, scale=scale)
    for height, width in SHAPES:
        image = picture(1, height, width, seed=1)
        levels, boxes, scores = outputs(model, image)
        ref_levels, ref_boxes, ref_scores = reference_outputs(peer, image)
        head = max(map(difference, levels, ref_levels))
        spread = min(level.std().item() for level in ref_levels)
        assert 0.1 < spread < 100  # neither constant nor diverging
        name = f"yolo11{scale} {height} x {width}"
        for part, value, bound in (
            ("head outputs", head, 1e-4),
            ("boxes, px", difference(boxes, ref_boxes), 1e-2),
            ("class scores", difference(scores, ref_scores), 1e-5),
        ):
            report(f"{name} {part}", value)
            assert value <= bound
    back = mmyolo_to_ultralytics(model.state_dict())
    original = peer.state_dict()
    assert list(back) == list(original)
    assert all(torch.equal(back[name], original[name]) for name in original)
    peer.load_state_dict(back, strict=True)


def save_forms(peer, path: Path, form: str) -> None:
    """Save a model in one of the forms that Ultralytics' checkpoints have."""
    if form == "fused":
        peer = peer.fuse(verbose=False)
    if form == "half":
        peer = peer.half()
    other = torch.nn.Module()
    checkpoint = {
        "plain": dict(model=peer),
        "EMA": dict(model=other, ema=peer, epoch=3, optimizer=None, best_fitness=None),
        "half": dict(model=None, ema=peer),
        "fused": dict(model=peer),
        "module": peer,
        "state dict": peer.state_dict(),
    }[form]
    torch.save(checkpoint, path)


@pytest.mark.parametrize("num_classes", [1, 3, 120])
@pytest.mark.parametrize(
    "form", ["plain", "EMA", "half", "fused", "module", "state dict"]
)
def test_forms(reference, detector, picture, report, tmp_path, form, num_classes):
    peer = reference("n", num_classes)
    image = picture(1, 96, 160, seed=2)
    save_forms(peer, tmp_path / "x.pt", form)
    source = read_ultralytics(tmp_path / "x.pt")
    state_dict, meta = ultralytics_to_mmyolo(source)
    assert all(t.dtype != torch.float16 for t in state_dict.values())
    assert meta["num_classes"] == num_classes
    assert meta["fused"] == (form == "fused")
    if form != "state dict":
        assert meta["dataset_meta"]["classes"][0] == "class 0"
        assert len(meta["dataset_meta"]["classes"]) == num_classes
    model = detector(state_dict, scale="n", num_classes=num_classes)
    peer = peer.float()
    levels, boxes, _ = outputs(model, image)
    ref_levels, ref_boxes, _ = reference_outputs(peer, image)
    head = max(map(difference, levels, ref_levels))
    report(f"yolo11n {form}: head outputs", head)
    assert head <= 1e-4 and difference(boxes, ref_boxes) <= 1e-2


@pytest.mark.train
def test_checkpoint_of_a_training(peer, detector, picture, digits, tmp_path):
    """Checkpoints of Ultralytics' trainer, before and after it strips the file."""
    from ultralytics import YOLO

    rows = {}
    for split in ("train", "val"):
        labels = tmp_path / "data" / "labels" / split
        labels.mkdir(parents=True)
        images = tmp_path / "data" / "images" / split
        images.mkdir(parents=True)
        for photo in sorted((digits / split).glob("*.jpg"))[:4]:
            (images / photo.name).write_bytes(photo.read_bytes())
            (labels / f"{photo.stem}.txt").write_text("1 0.5 0.5 0.3 0.4\n")
        rows[split] = f"images/{split}"
    data = tmp_path / "data" / "data.yaml"
    data.write_text(
        f"path: {data.parent}\ntrain: {rows['train']}\nval: {rows['val']}\n"
        "names: [cat, dog]\n"
    )
    unstripped = tmp_path / "unstripped.pt"
    model = YOLO("yolo11n.yaml")
    model.add_callback(
        "on_model_save",
        lambda trainer: unstripped.write_bytes(trainer.last.read_bytes()),
    )
    model.train(
        data=str(data),
        epochs=1,
        imgsz=64,
        batch=4,
        workers=0,
        device="cpu",
        plots=False,
        project=str(tmp_path / "runs"),
        amp=False,
        verbose=False,
    )
    for path in (unstripped, model.trainer.last):
        state_dict, meta = ultralytics_to_mmyolo(read_ultralytics(path))
        assert meta["dataset_meta"]["classes"] == ("cat", "dog")
        assert meta["ultralytics_version"] == "8.3.253"
        converted = detector(state_dict, scale="n", num_classes=2)
        image = picture(1, 64, 64, seed=2)
        loaded = torch.load(path, weights_only=False)  # the peer's own file
        original = (loaded["ema"] or loaded["model"]).float().eval()
        levels, *_ = outputs(converted, image)
        expected, *_ = reference_outputs(original, image)
        assert max(map(difference, levels, expected)) < 1e-4


def test_tools(reference, tool, tmp_path):
    peer = reference("n", 2)
    torch.save(dict(model=peer, version="8.3.253"), tmp_path / "a.pt")
    tools = "tools/model_converters"
    converted, back = tmp_path / "b.pth", tmp_path / "c.pth"
    done = tool(f"{tools}/convert_weights.py", tmp_path / "a.pt", converted)
    assert done.returncode == 0, done.stderr
    assert "model = dict(scale='n')\nclasses = ('class 0', 'class 1')" in done.stdout
    meta = torch.load(converted, weights_only=True)["meta"]
    assert meta["dataset_meta"]["classes"] == ("class 0", "class 1")
    done = tool(f"{tools}/mmyolo_to_ultralytics.py", converted, back)
    assert done.returncode == 0, done.stderr
    written = torch.load(back, weights_only=True)
    assert all(torch.equal(t, written[k]) for k, t in peer.state_dict().items())


def test_back_refuses_another_backbone(tmp_path, tool):
    save_checkpoint(
        {"backbone.stem.conv.weight": torch.ones(32, 3, 3, 3)}, {}, tmp_path / "x.pth"
    )
    script = "tools/model_converters/mmyolo_to_ultralytics.py"
    done = tool(script, tmp_path / "x.pth", tmp_path / "y.pth")
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1
    assert "left over" in done.stderr or "missing" in done.stderr
    assert not (tmp_path / "y.pth").exists()
