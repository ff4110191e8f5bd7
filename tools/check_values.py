"""Tensors of our JSON form as arrays, for the scripts that check files with other readers."""
import base64

import numpy as np


def array(t):
    dt = t["dtype"]
    if "base64" in t:
        return np.frombuffer(base64.b64decode(t["base64"]), dt).reshape(t["shape"])
    data = t["data"]
    if dt == "bfloat16":
        return (np.array(data, np.float32).view(np.uint32) >> 16).astype(np.uint16).reshape(t["shape"])
    if dt.startswith("complex"):
        return np.array(data, np.float32).view(dt).reshape(t["shape"])
    if dt == "int64":
        return np.array([int(v) for v in data], np.int64).reshape(t["shape"])
    return np.array([float(v) if isinstance(v, str) else v for v in data], dt).reshape(t["shape"])
