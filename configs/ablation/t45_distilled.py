# Knowledge distillation: teacher yolo11_mnv1_t100_bccd,
# student yolo11_mnv1_t45_bccd.
_base_ = "../yolo11_mnv1_t45_bccd.py"
model = dict(
    type="DistilledYOLO11Detector",
    teacher="configs/yolo11_mnv1_t100_bccd.py",
    teacher_checkpoint="work_dirs/light/bccd/yolo11_mnv1_t100_bccd/seed0/epoch_40.pth",
)
