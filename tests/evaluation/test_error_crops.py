"""Crops of errors: position of the boxes, borders of the image."""

import cv2
import numpy as np
from matplotlib.colors import to_rgb

from mmyolo_mnv1.evaluation.error_crops import (
    CROP_SIZE,
    DETECTION_COLOUR,
    OBJECT_COLOUR,
    crop_errors,
)


def test_boxes_are_drawn_in_place(tmp_path):
    photo = np.full((120, 200, 3), 255, np.uint8)
    photo[:, 100:] = 0
    path = str(tmp_path / "photo.png")
    cv2.imwrite(path, photo)

    def crop_around(**boxes):
        error = dict(
            dict(object=None, detection=None), image_id=7, reason="", image="photo.png"
        )
        error |= {what: dict(bbox=bbox) for what, bbox in boxes.items()}
        group = dict(meaning="", count=1, worst=[error])
        ((crop,),) = crop_errors({"kind": group}, {7: path}).values()
        assert crop.picture.shape == (CROP_SIZE, CROP_SIZE, 3)
        return crop.picture

    def is_colour(pixel, colour):
        return np.allclose(pixel / 255, to_rgb(colour), atol=0.01)

    # Boxes of 50 px together: a crop of 90 px, from x = 60, y = 15.
    picture = crop_around(object=[80, 40, 40, 40], detection=[90, 40, 40, 40])
    zoom = CROP_SIZE / 90
    middle = round((60 - 15) * zoom)
    assert is_colour(picture[middle, round((80 - 60) * zoom) + 3], OBJECT_COLOUR)
    assert is_colour(picture[middle, round((120 - 60) * zoom) - 3], OBJECT_COLOUR)
    assert is_colour(picture[middle, round((90 - 60) * zoom) + 1], DETECTION_COLOUR)
    assert is_colour(picture[middle, round((130 - 60) * zoom) - 1], DETECTION_COLOUR)
    edge = round((100 - 60) * zoom)
    assert (picture[5, edge - 6] > 240).all() and (picture[5, edge + 6] < 15).all()
    # At a corner the crop stays inside the image: 64 px from x = 136, y = 56.
    picture = crop_around(detection=[190, 110, 10, 10])
    left, top = (190 - 136) * CROP_SIZE // 64, (110 - 56) * CROP_SIZE // 64
    assert is_colour(picture[top + 1, left + 25], DETECTION_COLOUR)
    assert is_colour(picture[top + 25, left + 1], DETECTION_COLOUR)
    # A box as large as the image: the whole image, scaled by 1.6, black below.
    picture = crop_around(object=[0, 0, 200, 120])
    assert (picture[210:] == 0).all() and picture[100, 100].min() > 240
