// The page's side of the worker.

/** A model in a worker. */
export class Detector {
  #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  #last = Promise.resolve();

  /** Load the model; returns its metadata and the number of threads. */
  load() {
    return this.#ask({ task: "load" });
  }

  /**
   * Detect objects.
   *
   * @param {ImageData} photo Its pixels are handed over.
   * @returns {Promise<{detections: object[], times: object}>}
   */
  detect({ data, width, height }) {
    return this.#ask({ task: "detect", photo: { data, width, height } }, [data.buffer]);
  }

  /** One question at a time, in their order. */
  #ask(message, transfer = []) {
    const answer = this.#last.then(() => this.#exchange(message, transfer));
    this.#last = answer.catch(() => {});
    return answer;
  }

  #exchange(message, transfer) {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data: { result, error } }) =>
        error === undefined ? resolve(result) : reject(new Error(error));
      this.#worker.onerror = ({ message: text }) =>
        reject(new Error(text || "the worker cannot start"));
      this.#worker.postMessage(message, transfer);
    });
  }
}
