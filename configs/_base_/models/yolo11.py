# YOLO11; the number of classes follows from the dataset's classes.
pretrained = None  # weights to start from (docs/weights.md): a name, address or file
load_from = "${pretrained}"
model = dict(
    type="YOLO11Detector",
    _scope_="mmyolo",  # also where MMDetection's is the default, as in DetInferencer
    scale="m",
    channels_last=True,
    data_preprocessor=dict(
        type="YOLOv5DetDataPreprocessor",
        mean=[0.0, 0.0, 0.0],
        std=[255.0, 255.0, 255.0],
        bgr_to_rgb=True,
    ),
    backbone=dict(type="YOLO11CSPDarknet"),
    neck=dict(type="YOLO11PAFPN"),
    bbox_head=dict(
        type="YOLO11Head",
        head_module=dict(type="YOLO11HeadModule"),
        # mmdet's DFL averages over the four sides, so 1.5 becomes 1.5 / 4.
        loss_cls=dict(type="SparseBCELoss", loss_weight=0.5),
        loss_bbox=dict(
            type="IoULoss",
            iou_mode="ciou",
            bbox_format="xyxy",
            reduction="sum",
            loss_weight=7.5,
            return_iou=False,
        ),
        loss_dfl=dict(
            type="mmdet.DistributionFocalLoss", reduction="mean", loss_weight=1.5 / 4
        ),
    ),
    train_cfg=dict(
        assigner=dict(
            type="YOLO11TaskAlignedAssigner",
            topk=10,
            alpha=0.5,
            beta=6.0,
            eps=1e-9,
        )
    ),
    test_cfg=dict(
        multi_label=True,
        nms_pre=30000,
        score_thr=0.001,
        nms=dict(type="nms", iou_threshold=0.7),
        max_per_img=300,
    ),
)
