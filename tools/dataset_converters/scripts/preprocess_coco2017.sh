#!/usr/bin/env bash
# Unpack COCO 2017 for `mim download mmyolo_mnv1 --dataset coco2017`, which calls this
# with the folder it downloaded to and the folder of the dataset.
set -euo pipefail
raw=$1/OpenDataLab___COCO_2017/raw
for archive in Images/train2017 Images/val2017 Annotations/annotations_trainval2017; do
    echo "$archive.zip"
    python3 -m zipfile -e "$raw/$archive.zip" "$2"
done
echo "done; $raw is no longer needed"
