"""Export of trained detectors to ONNX, OpenVINO, ncnn and TorchScript."""
