"""Detection service: POST a photo to /detect, get COCO annotations as JSON.

MODEL=work_dirs/deploy/mine.onnx uvicorn --app-dir docs/examples service:app
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import numpy as np
from fastapi import FastAPI, HTTPException, Request

MAX_BYTES, MAX_PIXELS = 20 << 20, 50_000_000  # of a photo
WORKERS, QUEUE = 2, 16  # photos in work, and that wait; more get status 503
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MAX_PIXELS)  # before it is imported

from mmyolo_mnv1.deploy import Detector  # noqa: E402
from mmyolo_mnv1.deploy.runtime.images import decode_image  # noqa: E402


@asynccontextmanager
async def lifespan(app: FastAPI):
    """Load the model once."""
    score = float(os.environ.get("SCORE", 0.25))
    app.state.detector = Detector(os.environ["MODEL"], score)
    app.state.photos = 0
    with ThreadPoolExecutor(WORKERS) as app.state.pool:
        yield


app = FastAPI(title="mmyolo-mnv1", lifespan=lifespan)


@app.get("/health")
async def health() -> dict:
    """Whether the service runs, and how many photos it has."""
    return {"status": "ok", "photos": app.state.photos}


@app.post("/detect")
async def detect(request: Request) -> list[dict]:
    """Detect in the photo that is the body of the request."""
    if app.state.photos >= WORKERS + QUEUE:
        raise HTTPException(503, "busy: try again", {"Retry-After": "1"})
    app.state.photos += 1
    try:
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > MAX_BYTES:
                raise HTTPException(413, f"photo: more than {MAX_BYTES >> 20} MiB")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(app.state.pool, _detect, data)
    except ValueError as e:
        raise HTTPException(422, f"photo: {e}") from None
    finally:
        app.state.photos -= 1


def _detect(data: bytearray) -> list[dict]:
    photo = decode_image(np.frombuffer(data, np.uint8), "body")
    return app.state.detector(photo).to_coco(image_id=1)
