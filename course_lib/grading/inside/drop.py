"""Become an ordinary user, then start a program: ``drop.py UID GID PATHS PROGRAM ARGS...``.

Run by root only. The interpreter may lie where only root may look (``/root``), so in a private
mount namespace each such folder is replaced by an empty one in which only PATHS are visible.
"""

import ctypes
import os
import stat
import sys

NEWNS, REC, PRIVATE, BIND = 0x00020000, 0x4000, 1 << 18, 0x1000


def main():
    uid, gid, paths = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(os.pathsep)
    libc = ctypes.CDLL(None, use_errno=True)

    def check(result):
        if result:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    check(libc.unshare(NEWNS))
    check(libc.mount(b"none", b"/", None, REC | PRIVATE, None))
    closed = {}
    for path in paths:
        folder = os.path.dirname(path)
        hidden = None
        while folder != "/":
            if not os.stat(folder).st_mode & stat.S_IXOTH:
                hidden = folder
            folder = os.path.dirname(folder)
        if hidden:
            closed.setdefault(hidden, []).append((path, os.open(path, os.O_PATH)))
    for hidden, entries in closed.items():
        check(libc.mount(b"tmpfs", hidden.encode(), b"tmpfs", 0, b"mode=755,size=1m"))
        for path, fd in sorted(entries):
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                os.makedirs(path, exist_ok=True)
            else:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                open(path, "w").close()
            check(libc.mount(f"/proc/self/fd/{fd}".encode(), path.encode(), None, BIND | REC, None))
            os.close(fd)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    os.execv(sys.argv[4], sys.argv[4:])


if __name__ == "__main__":
    main()
