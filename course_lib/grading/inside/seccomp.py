"""A small seccomp filter, assembled here so that nothing needs to be compiled.

The filter is a list of calls that an answer never needs and that widen what it could attack:
new processes and programs, sockets, shared memory outside the capped file systems, namespaces,
mounts, tracing, kernel interfaces. They fail with EPERM (clone3 with ENOSYS, so that the C library
falls back to clone, whose flags can be read). Threads are allowed. Calls that are newer than this
list do not exist for an answer (ENOSYS). See seccomp(2), bpf(2).
"""

import ctypes
import errno
import os
import struct

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435
CLONE_THREAD = 0x00010000
UNKNOWN = 450  # the first call, on both machines, that this list was not made for

# Calls with the same number on both machines (all that were added since Linux 5.1).
_COMMON = (424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 440, 442, 443, 447)
# pidfd_send_signal, io_uring_*, open_tree, move_mount, fs*, pidfd_open, pidfd_getfd,
# process_madvise, mount_setattr, quotactl_fd, memfd_secret

DENIED = {
    "x86_64": _COMMON
    + (
        29,
        30,
        31,
        64,
        65,
        66,
        68,
        69,
        70,
        71,  # System V shared memory, semaphores, queues
        41,
        42,
        43,
        49,
        50,
        288,  # socket, connect, accept, bind, listen, accept4
        57,
        58,
        59,
        322,  # fork, vfork, execve, execveat
        101,
        310,
        311,
        312,  # ptrace, process_vm_readv, process_vm_writev, kcmp
        103,
        134,
        135,
        136,
        139,
        154,
        155,
        159,
        161,
        163,
        164,  # syslog .. settimeofday
        165,
        166,
        167,
        168,
        169,
        170,
        171,
        172,
        173,
        175,
        176,
        179,  # mount .. quotactl
        206,
        207,
        208,
        209,
        210,
        212,  # aio, lookup_dcookie
        237,
        238,
        239,
        240,
        241,
        242,
        243,
        244,
        245,
        246,  # NUMA policy, mq_*, kexec_load
        248,
        249,
        250,
        256,
        272,
        278,
        279,
        298,
        300,
        301,  # keys, unshare, vmsplice, perf, fanotify
        303,
        304,
        305,
        308,
        313,
        319,
        320,
        321,
        323,  # handles, setns, memfd_create, bpf, userfault
    ),
    "aarch64": _COMMON
    + (
        186,
        187,
        188,
        189,
        190,
        191,
        192,
        193,
        194,
        195,
        196,
        198,
        200,
        201,
        202,
        203,
        242,
        221,
        281,
        117,
        270,
        271,
        272,
        116,
        92,
        41,
        171,
        51,
        89,
        170,
        40,
        39,
        224,
        225,
        142,
        161,
        162,
        105,
        106,
        60,
        0,
        1,
        2,
        3,
        4,
        18,
        235,
        236,
        237,
        180,
        181,
        182,
        183,
        184,
        185,
        104,
        217,
        218,
        219,
        238,
        97,
        75,
        239,
        241,
        262,
        263,
        264,
        265,
        266,
        268,
        273,
        279,
        294,
        280,
        282,
    ),
}

_LOAD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


def supported() -> bool:
    """True when a filter for this machine's instruction set is known."""
    return os.uname().machine in DENIED


def program(machine: str | None = None) -> bytes:
    """The filter as an array of ``struct sock_filter``. Raises KeyError on other machines."""
    machine = machine or os.uname().machine

    def refuse(number):
        return _RET, 0, 0, _ERRNO | number

    steps = [
        (_LOAD, 0, 0, 4),  # the architecture of the call
        (_JEQ, 1, 0, AUDIT_ARCH[machine]),
        (_RET, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # the number of the call
    ]
    if machine == "x86_64":  # the x32 calls have numbers of their own: none is allowed
        steps += [(_JGE, 0, 1, 0x40000000), refuse(errno.EPERM)]
    steps += [(_JEQ, 0, 1, CLONE3), refuse(errno.ENOSYS)]
    steps += [(_JGE, 0, 1, UNKNOWN), refuse(errno.ENOSYS)]
    for number in sorted(DENIED[machine]):
        steps += [(_JEQ, 0, 1, number), refuse(errno.EPERM)]
    steps += [
        (_JEQ, 0, 3, CLONE[machine]),
        (_LOAD, 0, 0, 16),  # clone's flags
        (_JSET, 1, 0, CLONE_THREAD),
        refuse(errno.EPERM),
        (_RET, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *step) for step in steps)


def install(libc) -> None:
    """Put the filter on this thread and all that it starts. Raises OSError."""
    code = program()
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(header, len(header))
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    if libc.prctl(set_seccomp, filter_mode, ctypes.c_void_p(ctypes.addressof(holder)), 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")
