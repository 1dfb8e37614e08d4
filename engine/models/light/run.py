"""Run this model package on a 48 kHz stereo WAV (PCM of 16, 24 or 32 bits): python run.py IN.wav OUT.wav

Needs numpy and onnxruntime, and nothing of rebounce. A codec gives its round trip; a restorer gives the input with what
its network would change added: decode(the restored latents) - decode(the input's latents). Each window of audio is
divided by its level; what is computed for its first and last frames (the context) is thrown away, and the next window
starts where the rest ended.
"""

import sys
import tomllib
import wave
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


def main(source: str, target: str) -> None:
    folder = Path(__file__).parent
    manifest = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))
    names = {item["model"] for item in manifest["input"]}
    sessions = {name: onnxruntime.InferenceSession(folder / name, providers=["CPUExecutionProvider"]) for name in names}
    audio = read_wav(source, manifest)
    window, hop, context = (manifest[f"{name}_frames"] for name in ("window", "hop", "context"))
    padded = np.pad(audio, ((0, 0), (context, window)))
    made = np.zeros_like(padded[:, : audio.shape[1] + hop])
    for start in range(0, audio.shape[1], hop):
        through = run_window(padded[:, start : start + window], sessions, manifest)
        made[:, start : start + hop] = through[:, context : context + hop]
    write_wav(target, made[:, : audio.shape[1]], manifest)


def run_window(window: Any, sessions: dict[str, Any], manifest: dict[str, Any]) -> Any:
    """One window `(channels, frames)` through all models."""
    scale = np.float32(level(window, **manifest["scaling"]))
    run = {name.removesuffix(".onnx"): session.run for name, session in sessions.items()}
    encoded = run["encoder"](None, {"audio": (window / scale)[None]})[0]
    codes = run["quantiser"](None, {"latents": encoded})[0]
    is_encoded = manifest["settings"].get("latents") == "encoded"
    latents = encoded if is_encoded else run["lookup"](None, {"codes": codes})[0]
    decoded = run["decoder"](None, {"latents": latents})[0][0]
    if "unet" not in run:
        return scale * decoded
    change = run["unet"](["latent_change"], {"codes": codes, "latents": latents})[0]
    restored = run["decoder"](None, {"latents": latents + change})[0][0]
    return window + scale * (restored - decoded)


def level(window: Any, kind: str, floor: float) -> float:
    def rms(values: Any) -> float:
        return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))

    if kind == "both-rms":
        return max(rms(window), floor)
    return max(floor + rms(window.mean(axis=0)), 10 ** (-15 / 20) * rms(window))  # mono-rms


def read_wav(path: str, manifest: dict[str, Any]) -> Any:
    with wave.open(path) as file:
        found, expected = (file.getframerate(), file.getnchannels()), (manifest["sample_rate_hz"], manifest["channels"])
        if found != expected:
            sys.exit(f"{path}: expected {expected[0]} Hz and {expected[1]} channels, found {found[0]} and {found[1]}")
        width, raw = file.getsampwidth(), file.readframes(file.getnframes())
    wide = np.zeros((len(raw) // width, 4), dtype=np.uint8)
    wide[:, 4 - width :] = np.frombuffer(raw, dtype=np.uint8).reshape(-1, width)
    return (wide.view("<i4").reshape(-1, found[1]).T / 2**31).astype(np.float32)


def write_wav(path: str, audio: Any, manifest: dict[str, Any]) -> None:
    samples = np.clip(np.rint(audio.T.astype(np.float64) * 2**23), -(2**23), 2**23 - 1).astype("<i4")
    with wave.open(path, "wb") as file:
        file.setparams((audio.shape[0], 3, manifest["sample_rate_hz"], 0, "NONE", ""))
        file.writeframes(samples.reshape(-1, 1).view(np.uint8)[:, :3].tobytes())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python run.py IN.wav OUT.wav")
    main(*sys.argv[1:])
