"""MJPEG camera on this machine that can stall, drop its clients and go down.

Each frame shows when it was made, as a bar code, so that a reader can tell its age.
"""

import http.server
import threading
import time
from types import TracebackType

import cv2
import numpy as np

BITS, BLOCK = 32, 16  # bar code: bits, and side of a bit in pixels


def write_time(image: np.ndarray, milliseconds: int) -> np.ndarray:
    """Draw a number of 32 bits into the upper edge of a copy, (H, W >= 512, 3)."""
    bits = np.unpackbits(np.array([milliseconds], ">u4").view(np.uint8))
    code = np.kron(255 * bits, np.ones((BLOCK, BLOCK), np.uint8))
    image = image.copy()
    image[:BLOCK, : BITS * BLOCK] = code[..., None]
    return image


def read_time(image: np.ndarray) -> int:
    """Read the number of :func:`write_time` from a frame."""
    centres = image[BLOCK // 2, BLOCK // 2 : BITS * BLOCK : BLOCK, 1]
    return int(np.packbits(centres > 127).view(">u4")[0])


def now() -> int:
    """Time on the clock of the bar codes, in milliseconds."""
    return int(1000 * time.monotonic()) % 2**32


class MjpegServer:
    """Server of ``/video.mjpg`` on a free port.

    Args:
        photo (np.ndarray): Picture of every frame, (H, W >= 512, 3) uint8 BGR.
        fps (float): Frames per second.
        port (int): Port. Defaults to 0, a free one.
    """

    def __init__(self, photo: np.ndarray, fps: float, port: int = 0) -> None:
        self.photo, self.fps, self.port = photo, fps, port
        #: Whether frames are sent, and connections of clients so far.
        self.sending, self.connections = threading.Event(), 0
        self.sending.set()
        self._generation = 0  # of connections; older ones are dropped
        self._server: http.server.ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Address of the stream."""
        return f"http://127.0.0.1:{self.port}/video.mjpg"

    def drop(self) -> None:
        """Close the connections of all clients."""
        self._generation += 1

    def start(self) -> None:
        """Accept clients."""
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    camera._send(self)
                except OSError:  # the client has gone
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", self.port), Handler
        )
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Drop all clients and refuse new ones until :meth:`start`."""
        self.drop()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "MjpegServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _send(self, client: http.server.BaseHTTPRequestHandler) -> None:
        client.send_response(200)
        kind = "multipart/x-mixed-replace; boundary=frame"
        client.send_header("Content-Type", kind)
        client.end_headers()
        self.connections += 1
        generation, due = self._generation, time.monotonic()
        while generation == self._generation:
            if not self.sending.wait(0.1):
                due = time.monotonic()
                continue
            picture = write_time(self.photo, now())
            data = cv2.imencode(".jpg", picture)[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}"
            client.wfile.write(head.encode() + b"\r\n\r\n" + data + b"\r\n")
            due = max(due + 1 / self.fps, time.monotonic())
            time.sleep(max(due - time.monotonic(), 0))
        client.close_connection = True
