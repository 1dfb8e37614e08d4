"""Whether a program still has a file open for writing, asked of the operating system.

What always holds: nothing is written, nobody is kept waiting for longer than the question takes, and where the system
cannot say (a network share, somebody else's file, macOS) the answer is no: it is one sign among others.
"""

import os
import signal
import sys
from pathlib import Path

if sys.platform == "linux":
    import fcntl


def open_at_once(path: str, flags: int) -> int:
    """For `open(..., opener=open_at_once)`: neither a pipe nor a file under somebody's write lease makes us wait."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


if sys.platform == "linux":

    def has_writer(path: Path) -> bool:
        """True while any process has the file open for writing; may be asked from any thread."""
        try:
            descriptor = open_at_once(str(path), os.O_RDONLY)
        except BlockingIOError:
            return True  # a file server holds a write lease for its client
        try:
            return _is_lease_refused(descriptor)
        finally:
            os.close(descriptor)

    def _is_lease_refused(descriptor: int) -> bool:
        """A read lease is granted only where nobody writes; it is given back at once.

        Whoever opens the file for writing within these microseconds waits until the lease is back, and the kernel
        tells us with a signal. By default that is SIGIO, which kills; SIGURG is ignored by default, in every thread,
        so that no handler has to be set up or left behind. It is no real-time signal, and so cannot overflow the
        queue, upon which the kernel would fall back on SIGIO.
        """
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except BlockingIOError:
            return True
        except OSError:
            return False  # no leases on this file system, or not on a file of another user
        # By hand and not by closing: a process forked meanwhile holds the same open file.
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False

elif sys.platform == "win32":

    def has_writer(path: Path) -> bool:
        """True while any process has the file open at all. Not yet tried on Windows."""
        import ctypes
        from ctypes import wintypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateFileW.restype = wintypes.HANDLE
        kernel.CreateFileW.argtypes = [
            wintypes.LPCWSTR,
            wintypes.DWORD,
            wintypes.DWORD,
            wintypes.LPVOID,
            wintypes.DWORD,
            wintypes.DWORD,
            wintypes.HANDLE,
        ]
        generic_read, shared_with_nobody, open_existing, sharing_violation = 0x80000000, 0, 3, 32
        handle = kernel.CreateFileW(str(path), generic_read, shared_with_nobody, None, open_existing, 0, None)
        if handle != wintypes.HANDLE(-1).value:
            kernel.CloseHandle(wintypes.HANDLE(handle))
            return False
        code = ctypes.get_last_error()
        if code == sharing_violation:
            return True
        raise ctypes.WinError(code)

else:

    def has_writer(path: Path) -> bool:
        """Always no: this system does not tell."""
        return False
