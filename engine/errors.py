"""Everything rebounce raises on purpose.

RebounceError
├── UsageError              wrong arguments: exit code 2, nothing was read
│   ├── ChainError          a chain, preset or parameter that cannot be
│   ├── RecipeError         a fault recipe or curriculum that cannot be
│   ├── ConfigError         a training config that cannot be
│   └── DeviceError         the device asked for cannot be used
├── FileError               one file failed: the batch goes on, exit code 1
│   ├── UnreadableFile      not audio, damaged, or not permitted
│   │   └── StillWritten    it changed while it was read
│   ├── UnsupportedAudio    audio, but not what the chain can take
│   ├── BundleError         a token bundle that cannot be used
│   ├── CheckpointError     a checkpoint that cannot be used
│   └── OutputError         the result cannot be written
│       └── DiskFull        for want of room
├── PluginError             a plugin failed while it ran
│   ├── PluginCrashed       its process died or stopped answering
│   └── NotAnalysed         streaming without the analysis it needs
├── CodecError              a codec that cannot be loaded, or whose weights are not the ones asked for
├── ModelError              a model package that does not hold what it says
└── TrainingError           a training that cannot go on

A message says what was expected, what was found, the likely cause and the next step.
"""


class RebounceError(Exception):
    """The root of what rebounce raises on purpose."""


class UsageError(RebounceError):
    """Wrong arguments; nothing was read or written."""


class ChainError(UsageError):
    """A chain, preset or parameter that cannot be."""


class RecipeError(UsageError):
    """A fault recipe or curriculum that cannot be."""


class ConfigError(UsageError):
    """A training config that cannot be."""


class DeviceError(UsageError):
    """The device asked for cannot be used."""


class FileError(RebounceError):
    """One file failed; others are not touched by it."""


class UnreadableFile(FileError):
    """Not audio, damaged, or not permitted."""


class StillWritten(UnreadableFile):
    """The file changed while it was read."""


class UnsupportedAudio(FileError):
    """Audio, but not what the chain can take."""


class BundleError(FileError):
    """A token bundle that cannot be used."""


class CheckpointError(FileError):
    """A checkpoint that cannot be used."""


class OutputError(FileError):
    """The result cannot be written."""


class DiskFull(OutputError):
    """The result cannot be written for want of room."""


class PluginError(RebounceError):
    """A plugin failed while it ran."""


class PluginCrashed(PluginError):
    """A hosted plugin's process died or stopped answering."""


class NotAnalysed(PluginError):
    """Streaming was asked of a plugin that must see the whole file first."""


class CodecError(RebounceError):
    """A codec that cannot be loaded, or whose weights are not the ones asked for."""


class ModelError(RebounceError):
    """A model package that does not hold what it says."""


class TrainingError(RebounceError):
    """A training that cannot go on."""
