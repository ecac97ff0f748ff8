# Groceries on shelves: 3482 training, 731 validation, 734 test photos (docs/data.md).
_base_ = "./detection.py"
data_root = "data/groceries/"
ann_files = dict(test="annotations/test.json")
# fmt: off
classes = (
    "beans", "cake", "candy", "cereal", "chips", "chocolate", "coffee", "corn", "fish",
    "flour", "honey", "jam", "juice", "milk", "nuts", "oil", "pasta", "rice", "soda",
    "spices", "sugar", "tea", "tomato_sauce", "vinegar", "water",
)
# fmt: on
img_scale = (224, 224)
