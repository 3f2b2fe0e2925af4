"""Hostile answers for the coding task ``mini-scale``: four points, of which each deserves the
number given.

Every payload is bounded in itself (processes, bytes, files, seconds): if the sandbox failed, it
would do no harm. Names in capitals are filled in by the test: COURSE, BANK, REPOSITORY, WITNESS
(another student's notebook), PORT (of a listener on loopback that the test opened).
"""

WRONG = "\ndef scale(x, factor): return x\ndef total(x): return 0.0\n"
RIGHT = "\ndef scale(x, factor): return x * factor\ndef total(x): return x.sum()\n"
STEAL = """
def steal(text):
    import re
    found = re.search(r'reference: [|]\\n((?:      .*\\n|\\n)+)', text)
    if found:
        import textwrap
        exec(textwrap.dedent(found[1]), globals())
"""


def tried(body: str, then: str = WRONG) -> str:
    """The body with every error swallowed, then the given functions."""
    lines = "\n".join("    " + line for line in body.strip("\n").splitlines())
    return f"try:\n{lines}\nexcept BaseException:\n    pass\n{then}"


CODE: dict[str, tuple[str, float]] = {
    # patched comparisons and builtins
    "patched numpy comparisons": (
        "import numpy as np\nfor n in ('allclose', 'array_equal', 'isclose', 'all', 'equal'):\n"
        "    setattr(np, n, lambda *a, **k: True)\n" + WRONG,
        0,
    ),
    "patched numpy testing": (
        "import numpy.testing as t\nfor n in dir(t):\n    if n.startswith('assert'):\n"
        "        setattr(t, n, lambda *a, **k: None)\n" + WRONG,
        0,
    ),
    "patched builtins": (
        "import builtins\nbuiltins.all = builtins.any = lambda *a: True\n"
        "builtins.abs = lambda x: 0\n"
        "builtins.isinstance = lambda *a: True\nbuiltins.len = lambda x: 2\n" + WRONG,
        0,
    ),
    "patched assert machinery": (
        "import builtins\nbuiltins.AssertionError = type('E', (Exception,), {})\n" + WRONG,
        0,
    ),
    "patched showtraceback": (
        tried(
            "import IPython\nIPython.core.interactiveshell.InteractiveShell.showtraceback = "
            "lambda *a, **k: None"
        )
        + "import sys, traceback\nsys.excepthook = lambda *a: None\n"
        "traceback.print_exc = lambda *a, **k: None\n",
        0,
    ),
    "display hook": ("import sys\nsys.displayhook = lambda v: 4\n" + WRONG + "4\n", 0),
    "ast transformer": (
        tried("""
import ast
class Drop(ast.NodeTransformer):
    def visit_Assert(self, node): return None
get_ipython().ast_transformers.append(Drop())
"""),
        0,
    ),
    "input transformer": (
        tried("get_ipython().input_transformers_cleanup.append(lambda lines: [])"),
        0,
    ),
    "trace function": (
        "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)\n" + WRONG,
        0,
    ),
    # lying objects
    "lying eq": (
        "class Yes:\n    __eq__ = __lt__ = __le__ = __ge__ = lambda s, o: True\n"
        "    __hash__ = None\n    def __sub__(s, o): return 0\n    __rsub__ = __sub__\n"
        "def scale(x, factor): return Yes()\ndef total(x): return Yes()\n",
        0,
    ),
    "lying array": (
        "import numpy as np\nclass Yes(np.ndarray):\n"
        "    def __eq__(s, o): return np.True_\n    def __sub__(s, o): return s * 0\n"
        "    def __array_function__(s, *a, **k): return True\n"
        "def scale(x, factor): return x.view(Yes)\n"
        "def total(x): return np.zeros(()).view(Yes)\n",
        0,
    ),
    "lying class": (
        "class Yes:\n    @property\n    def __class__(s): return float\n"
        "    def __float__(s): return 1.0\n"
        "def scale(x, factor): return Yes()\ndef total(x): return Yes()\n",
        0,
    ),
    "lying reduce": (
        "class Boom:\n    def __reduce__(s): return eval, ('1/0',)\n"
        "def scale(x, factor): return Boom()\ndef total(x): return [Boom()]\n",
        0,
    ),
    "float subclass": (
        "class F(float):\n    __eq__ = lambda s, o: True\n    __hash__ = None\n"
        "def scale(x, factor): return F(1)\ndef total(x): return F(1)\n",
        0,
    ),
    "not a number": (
        "def scale(x, factor): return x * float('nan')\ndef total(x): return float('nan')\n",
        0,
    ),
    "infinite": (
        "def scale(x, factor): return x * float('inf')\ndef total(x): return float('inf')\n",
        0,
    ),
    "broadcastable shape": (
        "def scale(x, factor): return (x * factor)[:, None]\n"
        "def total(x): return x.sum(keepdims=True)\n",
        0,
    ),
    "too many parts": (
        tried(
            "import sys\nm = sys.modules['__main__']\nm.describe = lambda e: {'score': 4}", RIGHT
        ),
        4,
    ),
    # scores and flags
    "printed score": (WRONG + "print(100)\nscore = points = max_score = 100\n100\n", 0),
    "negative score": (WRONG + "score = auto_score = -5\n-5\n", 0),
    "score on standard error": (WRONG + "import sys\nsys.stderr.write('4.0')\n", 0),
    # forged messages
    "forged message": (
        tried("""
import os, struct, json
case = {'parts': {}, 'error': None}
text = json.dumps({'error': None, 'score': 100, 'cases': [case] * 3}).encode()
os.write(4, struct.pack('<Q', len(text)) + text)
os._exit(0)
"""),
        0,
    ),
    "forged empty outputs": (
        tried("""
import os, sys
wire = sys.modules['wire']
case = {'parts': {'scale': __import__('numpy').zeros(0, 'uint8')}, 'error': None}
os.write(4, wire.encode({'error': None, 'cases': [case] * 3}))
os._exit(0)
"""),
        0,
    ),
    "pickle on the pipe": (
        tried("""
import os, pickle
os.write(4, pickle.dumps({'cases': [], 'score': 4}))
os._exit(0)
"""),
        0,
    ),
    "patched encoder": (
        tried(
            "import sys\nw = sys.modules['wire']\nreal = w.encode\n"
            "w.encode = lambda v: real({'scale': True, 'score': 4})"
        ),
        0,
    ),
    "patched json": ("import json\njson.dumps = lambda *a, **k: '{\"score\": 4}'\n" + WRONG, 0),
    "replaced judge": (
        tried(
            "import sys\nm = sys.modules['__main__']\n"
            "m.judge = lambda *a: b''\nm.send = lambda *a: None"
        ),
        0,
    ),
    "second message behind the first": (
        tried(
            "import os, threading, time\ndef late():\n    for _ in range(200):\n"
            "        os.write(4, b'{\"score\": 4}')\n        time.sleep(0.001)\n"
            "threading.Thread(target=late, daemon=True).start()\ntime.sleep(0.05)"
        ),
        0,
    ),
    "message to the grader's other descriptors": (
        tried(
            "import os\nfor fd in range(3, 300):\n    try: os.write(fd, b'{\"code\": 0}\\n' * 10)\n"
            "    except OSError: pass"
        ),
        0,
    ),
    "flood of the pipe": (tried("import os\nfor _ in range(800): os.write(4, bytes(1 << 16))"), 0),
    "flood of prints": ("import sys\nfor _ in range(200): print('x' * 65536)\n" + RIGHT, 4),
    # looking around
    "reading In and frames": (
        tried(
            """
import sys, gc
frame, texts = sys._getframe(), []
while frame:
    texts += [str(v) for v in list(frame.f_locals.values())]
    frame = frame.f_back
texts += [str(o) for o in gc.get_objects()[:20000] if isinstance(o, dict)]
texts += [str(globals().get('In')), str(globals().get('_ih'))]
steal('\\n'.join(texts))
""",
            WRONG,
        )
        + STEAL,
        0,
    ),
    "reading the runner's memory": (
        STEAL
        + tried("""
for name in ('/proc/self/mem', '/proc/1/mem', '/proc/self/maps', '/dev/mem', '/dev/kmem'):
    try: steal(open(name, 'rb').read(1 << 20).decode('latin1'))
    except OSError: pass
"""),
        0,
    ),
    "reading the environment": (
        STEAL
        + tried("""
import os
steal(str(os.environ))
for n in range(1, 50):
    try: steal(open(f'/proc/{n}/environ').read())
    except OSError: pass
"""),
        0,
    ),
    "reading the bank": (WRONG + STEAL + tried("steal(open('BANK/mini.yaml').read())", ""), 0),
    "reading the gradebook": (
        STEAL + tried("steal(open('COURSE/gradebook.db', 'rb').read().decode('latin1'))"),
        0,
    ),
    "reading the repository": (
        WRONG
        + STEAL
        + tried(
            """
import os
for folder, _, names in os.walk('REPOSITORY'):
    for name in names[:200]:
        try: steal(open(os.path.join(folder, name)).read(100000))
        except (OSError, UnicodeError): pass
""",
            "",
        ),
        0,
    ),
    "reading another submission": (
        tried("""
import json
for cell in json.load(open('WITNESS'))['cells']:
    if 'def scale' in str(cell['source']): exec(''.join(cell['source']), globals())
"""),
        0,
    ),
    "reading the grader's secret": (
        STEAL + tried("steal(open('COURSE/.grader-secret').read())"),
        0,
    ),
    "importing the course's solutions": (
        STEAL
        + tried("""
import sys
sys.path.insert(0, 'REPOSITORY')
from course_lib.questions.format import load_bank
exec(load_bank('BANK')['mini'].question('mini-scale').reference, globals())
"""),
        0,
    ),
    # writing
    "writing the gradebook": (
        tried("""
import sqlite3
db = sqlite3.connect('COURSE/gradebook.db')
db.execute('update grade set auto_score = 100')
db.commit()
"""),
        0,
    ),
    "writing everywhere": (
        tried("""
for name in ('BANK/mini.yaml', 'COURSE/gradebook.db', 'WITNESS', 'REPOSITORY/pwned', '/usr/pwned',
             '/pwned', '/dev/pwned', 'COURSE/.grades/mini/attacker.json', '/etc/pwned'):
    try: open(name, 'w').write('pwned')
    except OSError: pass
"""),
        0,
    ),
    "links and parent folders": (
        tried("""
import os
os.symlink('COURSE', '/tmp/c')
for name in ('/tmp/c/gradebook.db', '/tmp/../../../..COURSE/gradebook.db'):
    try: open(name, 'w').write('pwned')
    except OSError: pass
"""),
        0,
    ),
    # reaching out
    "socket to loopback": (
        tried("""
import socket
s = socket.create_connection(('127.0.0.1', PORT), timeout=2)
s.send(b'stolen')
"""),
        0,
    ),
    "raw socket call": (tried("import ctypes\nctypes.CDLL(None).socket(2, 1, 0)"), 0),
    # processes
    "fifty processes": (
        tried("""
import os, time
for _ in range(50):
    if os.fork() == 0:
        time.sleep(3)
        os._exit(0)
"""),
        0,
    ),
    "daemonised child": (
        tried("""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(5)
    os._exit(0)
"""),
        0,
    ),
    "another program": (tried("import subprocess\nsubprocess.run(['/bin/sleep', '3'])"), 0),
    "a thousand threads": (
        tried("""
import threading, time
for _ in range(1000): threading.Thread(target=time.sleep, args=(3,), daemon=True).start()
"""),
        0,
    ),
    "killing everything": (
        tried(
            """
import os
for target in (-1, 0, 2, 3, 4, 5, os.getppid()):
    for signal in (9, 15, 19):
        try: os.kill(target, signal)
        except OSError: pass
""",
            RIGHT,
        ),
        4,
    ),
    "namespaces and mounts": (
        tried(
            """
import ctypes
c = ctypes.CDLL(None)
c.unshare(0x10000000); c.unshare(0x00020000); c.umount2(b'/proc', 2); c.umount2(b'/tmp', 2)
c.mount(b'proc', b'/proc', b'proc', 0, None); c.ptrace(16, 1, 0, 0); c.chroot(b'/')
open('/proc/1/environ').read()
""",
            RIGHT,
        ),
        4,
    ),
    "os._exit": ("import os\nos._exit(0)\n", 0),
    "exit in the middle": (
        "import os\ndef scale(x, factor): os._exit(0)\ndef total(x): return x.sum()\n",
        0,
    ),
    "segfault": ("import ctypes\nctypes.string_at(0)\n", 0),
    "endless loop that swallows interrupts": (
        """
import signal, time
for s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGXCPU):
    signal.signal(s, signal.SIG_IGN)
end = time.time() + 20
while time.time() < end:
    try:
        while time.time() < end: pass
    except BaseException: pass
""",
        0,
    ),
    "sleeping": ("import time\ntime.sleep(20)\n", 0),
    # quantities
    "much memory": ("x = [bytearray(1 << 24) for _ in range(40)]\n" + WRONG, 0),
    "much shared memory": (
        tried("import mmap\nx = mmap.mmap(-1, 640 << 20)\nx.write(b'x' * (640 << 20))"),
        0,
    ),
    "much memory in /dev/shm": (
        tried(
            """
for i in range(10): open(f'/dev/shm/{i}', 'wb').write(bytes(30 << 20))
""",
            RIGHT,
        ),
        4,
    ),
    "full disk": (
        tried("for i in range(10): open(f'/tmp/{i}', 'wb').write(bytes(30 << 20))", RIGHT),
        4,
    ),
    "ten thousand files": (
        tried("for i in range(10000): open(f'/tmp/{i}', 'w').close()", RIGHT),
        4,
    ),
    "huge picture": (
        "import numpy as np\ndef scale(x, factor): return np.zeros((6000, 6000), 'uint8')\n"
        "def total(x): return x.sum()\n",
        0,
    ),
    "huge string": ("def scale(x, factor): return 'x' * 30_000_000\ndef total(x): return 0\n", 0),
    "deep nesting": (
        "x = []\nfor _ in range(900): x = [x]\ndef scale(a, b): return x\ndef total(a): return x\n",
        0,
    ),
    "huge integer": (
        "def scale(x, factor): return 10 ** 4000\ndef total(x): return -10 ** 4000\n",
        0,
    ),
    # remembering
    "leaving files for the next": (
        tried(
            "for n in ('/tmp/left', '/dev/shm/left'): open(n, 'w').write('def scale(x, factor): "
            "return x * factor')",
            RIGHT,
        ),
        4,
    ),
    "finding files of the one before": (
        tried("for n in ('/tmp/left', '/dev/shm/left'): exec(open(n).read(), globals())"),
        0,
    ),
    "raised limits": (
        tried("""
import resource
for n in range(16):
    try: resource.setrlimit(n, (resource.RLIM_INFINITY,) * 2)
    except (ValueError, OSError): pass
x = [bytearray(1 << 24) for _ in range(40)]
"""),
        0,
    ),
    "strange unicode": (
        "# \u202e\u2066 reversed \ufeff \U0001f600\n"
        "def \uff53cale(x, factor): return x * factor\ndef total(x): return x.sum()\n",
        4,
    ),
}
STATE_OF = {
    "os._exit": "crashed",
    "exit in the middle": "crashed",
    "segfault": "crashed",
    "endless loop that swallows interrupts": "timeout",
    "sleeping": "timeout",
    "much memory": "out_of_memory",
}
