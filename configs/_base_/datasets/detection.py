# A COCO-format dataset with YOLO's augmentations. ${name} is put in when every file has
# been read (mmyolo_mnv1/config.py), so that a child sets the names below and no more.
runner_type = "mmyolo.YOLO11Runner"

img_scale = (640, 640)  # width, height at rho = 1
rho = 1.0  # resolution multiplier: the input is img_scale x rho, in multiples of 32

data_root = "data/"
ann_files = dict(
    train="annotations/train.json",
    val="annotations/val.json",
    test="annotations/val.json",
)
img_dirs = dict(train="images/", val="images/", test="images/")
dataset_type = "mmyolo.CheckedCocoDataset"
ignore_classes = ()  # of the annotations, that are not to be learnt

image_cache_gb = 2.0  # decoded training images kept in memory, by each process
mosaic_recent = 0  # above 0: mosaics of the last so many images, for data beyond that
bad_images = "stop"  # what training does at one that cannot be used; or "skip" it

scaling_ratio_range = (0.5, 1.5)  # random zoom of the training images
flip_prob = 0.5  # left to right

load = [
    dict(type="LoadAnnotations", with_bbox=True, box_type=None),
    dict(
        type="LoadResized",
        img_scale="${input_scale}",
        cache_gb="${image_cache_gb}",
        on_bad_image="${bad_images}",
    ),
]
affine = dict(
    max_rotate_degree=0.0,
    max_shear_degree=0.0,
    scaling_ratio_range="${scaling_ratio_range}",
    max_aspect_ratio=100,
)
augment = [
    dict(
        type="SeededAlbu",
        transforms=[
            dict(type="Blur", p=0.01),
            dict(type="MedianBlur", p=0.01),
            dict(type="ToGray", p=0.01),
            dict(type="CLAHE", p=0.01),
        ],
        keymap=dict(img="image"),  # boxes stay where they are
    ),
    dict(type="HSVRandomAug"),
    dict(type="HorizontalFlip", prob="${flip_prob}"),
    dict(
        type="PackTrainInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape"),
    ),
]
train_pipeline = [
    *load,
    dict(
        type="MosaicAffine",
        img_scale="${input_scale}",
        pre_transform=load,
        recent="${mosaic_recent}",
        **affine,
    ),
    *augment,
]
train_pipeline_stage2 = [  # the last epochs: without mosaic
    *load,
    dict(type="LetterboxAffine", img_scale="${input_scale}", **affine),
    *augment,
]
pack = dict(
    type="mmdet.PackDetInputs",
    meta_keys=(
        "img_id",
        "img_path",
        "ori_shape",
        "img_shape",
        "scale_factor",
        "pad_param",
        "flip",
        "flip_direction",
    ),
)
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="mmyolo.Letterbox", img_scale="${input_scale}", allow_scale_up=False),
    dict(type="LoadAnnotations", with_bbox=True, _scope_="mmdet"),
    pack,
]
tta_model = dict(
    type="YOLO11TTAModel",
    tta_cfg=dict(nms=dict(type="nms", iou_threshold=0.65), max_per_img=300),
)
tta_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(
        type="TestTimeAug",
        transforms=[
            [
                dict(type="Letterbox", img_scale="${input_scale}", multiplier=m)
                for m in (1.0, 0.83, 0.67)
            ],
            [dict(type="mmdet.RandomFlip", prob=p) for p in (0.0, 1.0)],
            [dict(type="mmdet.LoadAnnotations", with_bbox=True)],
            [pack],
        ],
    ),
]

loader = dict(num_workers=4, persistent_workers=True, pin_memory=True)
train_dataloader = dict(
    batch_size=16,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="channels_last_collate"),
    dataset=dict(
        type="${dataset_type}",
        data_root="${data_root}",
        ann_file="${ann_files.train}",
        data_prefix=dict(img="${img_dirs.train}"),
        metainfo=dict(classes="${classes}"),
        ignore_classes="${ignore_classes}",
        filter_cfg=dict(filter_empty_gt=False),
        on_bad_image="${bad_images}",
        pipeline="${train_pipeline}",
    ),
    **loader,
)
val_batch_size = 16
held_out = dict(
    type="${dataset_type}",
    data_root="${data_root}",
    metainfo=dict(classes="${classes}"),
    ignore_classes="${ignore_classes}",
    on_bad_image="${bad_images}",
    test_mode=True,
    batch_shapes_cfg=dict(
        type="BatchShapePolicy",
        batch_size="${val_batch_size}",
        img_size="${input_size}",
        size_divisor=32,
        extra_pad_ratio=0.5,
    ),
    pipeline="${test_pipeline}",
)
val_dataloader = dict(
    batch_size="${val_batch_size}",
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        ann_file="${ann_files.val}",
        data_prefix=dict(img="${img_dirs.val}"),
        **held_out,
    ),
    **loader,
)
test_dataloader = dict(
    batch_size="${val_batch_size}",
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        ann_file="${ann_files.test}",
        data_prefix=dict(img="${img_dirs.test}"),
        require_boxes=False,  # test.py --json-prefix needs none
        **held_out,
    ),
    **loader,
)
val_evaluator = dict(
    type="mmyolo.CheckedCocoMetric",
    ann_file="${ann_paths.val}",
    ignore_classes="${ignore_classes}",
    metric="bbox",
    proposal_nums=(100, 1, 10),
)
test_evaluator = dict(
    type="mmyolo.CheckedCocoMetric",
    ann_file="${ann_paths.test}",
    ignore_classes="${ignore_classes}",
    metric="bbox",
    proposal_nums=(100, 1, 10),
)

del load, affine, augment, pack, loader, held_out  # only used above
