# Knowledge distillation: teacher yolo11_mnv1_t100_cards,
# student yolo11_mnv1_t45_cards.
_base_ = "../yolo11_mnv1_t45_cards.py"
model = dict(
    type="DistilledYOLO11Detector",
    teacher="configs/yolo11_mnv1_t100_cards.py",
    teacher_checkpoint="work_dirs/light/cards/yolo11_mnv1_t100_cards/seed0/epoch_40.pth",
)
