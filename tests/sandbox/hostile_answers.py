"""Answers that must never be accepted: each with what it does, and the reason it is refused for."""

from __future__ import annotations

IMPORT = "from shop.cart import total\n"
CALL = "    assert total([1]) == 1\n"


def answer(*lines: str, head: str = "") -> str:
    """A file with one test that looks at the target and does something else before."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"```python\n{head}{IMPORT}\n\ndef test_total():\n{body}{CALL}```\n"


HOSTILE: dict[str, tuple[str, str]] = {
    # No test at all.
    "empty": ("", "no_code"),
    "blank": (" \n\n", "no_code"),
    "prose": ("I am sorry, I cannot write tests for this.", "no_code"),
    "no test in it": (f"```python\n{IMPORT}print(total([1]))\n```", "no_tests"),
    "half a file": (f"```python\n{IMPORT}def test_total(:\n    assert total([1\n```", "syntax_error"),
    "javascript": ("```javascript\ntest('total', () => { expect(total([1])).toBe(1); });\n```", "no_code"),
    "a shell script": ("```bash\npytest --cov shop && echo ok\n```", "no_code"),
    "java": ("```java\n@Test public void total() { assertEquals(1, total(1)); }\n```", "no_code"),
    "another language in a python block": ("```python\nfunc TestTotal(t *testing.T) { total(1) }\n```", "syntax_error"),
    "a novel": ("x" * 100_001, "too_long"),
    # Tests that test nothing.
    "no assertion": (f"```python\n{IMPORT}def test_total():\n    total([1])\n```", "no_assertion"),
    "assert True": (f"```python\n{IMPORT}def test_total():\n    total([1])\n    assert True\n```", "no_assertion"),
    "swallowed by BaseException": (
        (
            f"```python\n{IMPORT}def test_total():\n    try:\n        assert total([1]) == 9\n"
            "    except BaseException:\n        pass\n```"
        ),
        "no_assertion",
    ),
    "swallowed by suppress": (
        (
            f"```python\nimport contextlib\n{IMPORT}def test_total():\n    with contextlib.suppress(Exception):\n"
            "        assert total([1]) == 9\n```"
        ),
        "no_assertion",
    ),
    "asserts about something else": (
        f"```python\n{IMPORT}def test_total():\n    assert total is not None\n    assert 1 + len('ab') == 3\n```",
        "target_not_reached",
    ),
    "asserts whatever happens": (
        (
            f"```python\n{IMPORT}def test_total():\n    try:\n        result = total([1])\n    except Exception:\n"
            "        result = 1\n    assert result == 1\n```"
        ),
        "survives_sabotage",
    ),
    "another function": (
        "```python\nfrom shop.cart import refund\ndef test_total():\n    assert refund(2) == -2\n```",
        "target_not_reached",
    ),
    "another package": (
        "```python\nimport math\ndef test_total():\n    assert math.floor(1.5) == 1\n```",
        "target_not_used",
    ),
    "skipped": (
        f"```python\nimport pytest\n{IMPORT}@pytest.mark.skip\ndef test_total():\n    assert total([1]) == 1\n```",
        "skipped",
    ),
    "skips itself": (answer("pytest.skip('later')", head="import pytest\n"), "skipped"),
    "expected to fail": (
        f"```python\nimport pytest\n{IMPORT}@pytest.mark.xfail\ndef test_total():\n    assert total([1]) == 9\n```",
        "expected_failure",
    ),
    "passes unexpectedly": (
        f"```python\nimport pytest\n{IMPORT}@pytest.mark.xfail\ndef test_total():\n    assert total([1]) == 1\n```",
        "expected_failure",
    ),
    "wrong": (f"```python\n{IMPORT}def test_total():\n    assert total([1]) == 9\n```", "suspected_bug"),
    "raises": (f"```python\n{IMPORT}def test_total():\n    assert total(1) == 1\n```", "raised_error"),
    "an import that is not there": (answer(head="import nowhere_to_be_found\n"), "import_error"),
    "a fixture that is not there": (
        f"```python\n{IMPORT}def test_total(database):\n    assert total([1]) == 1\n```",
        "fixture_error",
    ),
    # The target replaced.
    "redefined": (
        "```python\ndef total(prices):\n    return 1\n\ndef test_total():\n    assert total([1]) == 1\n```",
        "target_redefined",
    ),
    "assigned": (
        f"```python\n{IMPORT}total = lambda prices: 1\ndef test_total():\n    assert total([1]) == 1\n```",
        "target_redefined",
    ),
    "patched by name": (
        (
            "```python\nfrom unittest.mock import patch\nfrom shop import cart\ndef test_total():\n"
            "    with patch('shop.cart.total', return_value=1):\n        assert cart.total([1]) == 1\n```"
        ),
        "target_patched",
    ),
    "patched by monkeypatch": (
        (
            "```python\nfrom shop import cart\ndef test_total(monkeypatch):\n"
            "    monkeypatch.setattr(cart, 'total', lambda prices: 1)\n    assert cart.total([1]) == 1\n```"
        ),
        "target_patched",
    ),
    "patched behind our back": (
        (
            "```python\nfrom shop import cart\ndef test_total():\n    vars(cart)['total'] = lambda prices: 1\n"
            "    assert cart.total([1]) == 1\n```"
        ),
        "target_not_reached",
    ),
    # The process and the report.
    "os._exit": (answer("os._exit(0)", head="import os\n"), "forbidden_call"),
    "os._exit in disguise": (answer("getattr(os, '_ex' + 'it')(0)", head="import os\n"), "exited_early"),
    "sys.exit": (answer("sys.exit(0)", head="import sys\n"), "raised_error"),
    "ends before it begins": (answer(head="import os\ngetattr(os, '_ex' + 'it')(0)\n"), "exited_early"),
    "a forged report": (
        answer(
            "for number in range(3, 64):",
            "    try:",
            "        getattr(os, 'wri' + 'te')(number, b'{\"event\": \"end\", \"status\": 0}\\n')",
            "    except OSError:",
            "        pass",
            "getattr(os, '_ex' + 'it')(0)",
            head="import os\n",
        ),
        "forged_report",
    ),
    "a hook that turns failures around": (
        answer(head="def pytest_runtest_makereport(item, call):\n    return None\n"),
        "forbidden_call",
    ),
    "a plugin registered at run time": (
        f"```python\n{IMPORT}def test_total(request):\n    request.config.pluginmanager.register(object())\n{CALL}```",
        "forbidden_call",
    ),
    "tests that the file does not show": (
        (
            f"```python\n{IMPORT}def test_total():\n{CALL}\nfor n in range(3):\n"
            "    globals()[f'test_{n}'] = test_total\n```"
        ),
        "report_differs",
    ),
    "kills its parent": (
        answer("getattr(os, 'ki' + 'll')(os.getppid(), 9)", head="import os\n"),
        "exited_early",
    ),
    "stops its parent": (
        answer("getattr(os, 'ki' + 'll')(os.getppid(), 19)", head="import os\n"),
        "exited_early",
    ),
    "kills everybody": (answer("getattr(os, 'ki' + 'll')(-1, 9)", head="import os\n"), "exited_early"),
    "a daemon": (
        answer(
            "if getattr(os, 'fo' + 'rk')() == 0:",
            "    getattr(os, 'set' + 'sid')()",
            "    time.sleep(1000)",
            head="import os, time\n",
        ),
        "left_processes",
    ),
    "a subprocess": (answer("subprocess.run(['id'])", head="import subprocess\n"), "forbidden_call"),
    "forged events from the runner's memory": (
        (
            f"```python\n{IMPORT}def test_total(request):\n"
            "    for each in getattr(request.config, 'plugin' + 'manager').get_plugins():\n"
            "        if type(each).__name__ == '_Plugin':\n            each._report.tell({'event': 'phase'})\n"
            f"{CALL}```"
        ),
        "forged_report",
    ),
    "a plugin of its own": (
        (
            f"```python\n{IMPORT}pytest_plugins = 'test_generated'\n"
            "pytest_pyfunc_call = lambda pyfuncitem: (total([1]), True)[1]\n"
            "def test_total():\n    assert total([1]) == 99\n```"
        ),
        "forbidden_call",
    ),
    "a plugin in disguise": (
        (
            f"```python\n{IMPORT}globals()['pytest_' + 'plugins'] = 'test_generated'\n"
            "globals()['pytest_' + 'pyfunc_call'] = lambda pyfuncitem: (total([1]), True)[1]\n"
            "def test_total():\n    assert total([1]) == 99\n```"
        ),
        "cannot_fail",
    ),
    "a decorator that swallows": (
        (
            f"```python\n{IMPORT}def quiet(test):\n    def run():\n        try:\n            test()\n"
            "        except AssertionError:\n            pass\n    return run\n\n\n"
            "@quiet\ndef test_total():\n    assert total([1]) == 99\n```"
        ),
        "cannot_fail",
    ),
    "a fixture that replaces the test": (
        (
            f"```python\nimport pytest\n{IMPORT}@pytest.fixture(autouse=True)\ndef other(request):\n"
            "    request.node.obj = lambda: total([1])\n\n\ndef test_total():\n    assert total([1]) == 99\n```"
        ),
        "cannot_fail",
    ),
    "an assertion that is meant to fail": (
        (
            f"```python\nimport pytest\n{IMPORT}def test_total():\n    with pytest.raises(AssertionError):\n"
            "        assert total([1]) == 99\n```"
        ),
        "no_assertion",
    ),
    "breaks the control run": (
        (
            f"```python\nimport os, resource\n{IMPORT}def test_total():\n    try:\n        result = str(total([1]))\n"
            "    except Exception as error:\n        result = 'y'\n"
            "    resource.prlimit(os.getppid(), resource.RLIMIT_NPROC, (0, 0))\n    assert result != 'x'\n```"
        ),
        "cannot_fail",
    ),
    "sleeps where the target fails": (
        (
            f"```python\nimport time\n{IMPORT}def test_total():\n    try:\n        result = total([1])\n"
            "    except RuntimeError:\n        time.sleep(60)\n        result = 1\n    assert result != 'x'\n```"
        ),
        "survives_sabotage",
    ),
    "the pipes of the first process": (
        answer("os.open('/proc/1/fd/1', os.O_WRONLY)", head="import os\n"),
        "raised_error",
    ),
    "the memory of the first process": (
        answer("os.open('/proc/1/mem', os.O_RDWR)", head="import os\n"),
        "raised_error",
    ),
    "the pipes of its parent": (
        answer("os.open(f'/proc/{os.getppid()}/fd/3', os.O_WRONLY)", head="import os\n"),
        "raised_error",
    ),
    "kills the first process": (
        answer("getattr(os, 'ki' + 'll')(1, 9)", "raise SystemExit", head="import os\n"),
        "raised_error",
    ),
    # The machine.
    "the network": (answer("socket.create_connection(('1.1.1.1', 53), 1)", head="import socket\n"), "forbidden_call"),
    "the network in disguise": (
        answer("getattr(socket, 'create_' + 'connection')(('1.1.1.1', 53), 1)", head="import socket\n"),
        "raised_error",
    ),
    "a name on the network": (
        answer("assert socket.getaddrinfo('example.org', 443)", head="import socket\n"),
        "raised_error",
    ),
    "secrets of the environment": (answer("assert os.environ['CANARY_SECRET']", head="import os\n"), "raised_error"),
    "secrets in a home": (
        answer("assert any(pathlib.Path('/root').rglob('*.env'))", head="import pathlib\n"),
        "assertion_failed",
    ),
    "the host's files": (answer("assert open('/etc/shadow').read()"), "raised_error"),
    "writes outside": (answer("open('/usr/canary', 'w').close()"), "raised_error"),
    "writes into the source": (answer("open('/source/shop/cart.py', 'a').write('#')"), "raised_error"),
    "a link out": (
        answer("os.symlink('/etc', '/tmp/run/etc')", "assert open('/tmp/run/etc/shadow').read()", head="import os\n"),
        "raised_error",
    ),
    "an endless loop": (answer("while True:", "    pass"), "time_limit"),
    "a long sleep": (answer("time.sleep(10_000)", head="import time\n"), "time_limit"),
    "a fork bomb": (
        answer(
            "while True:",
            "    try:",
            "        getattr(os, 'fo' + 'rk')()",
            "    except OSError:",
            "        pass",
            head="import os\n",
        ),
        "process_limit",
    ),
    "all the memory": (answer("kept = bytearray(8 << 30)"), "memory_limit"),
    "memory, bit by bit": (
        answer("kept = []", "while True:", "    kept.append(bytearray(64 << 20))"),
        "memory_limit",
    ),
    "memory under no name": (
        answer(
            "kept = []",
            "while True:",
            "    kept.append(os.memfd_create('kept'))",
            "    os.write(kept[-1], bytes(30 << 20))",
            head="import os\n",
        ),
        "memory_limit",
    ),
    "memory shared and left alone": (
        answer(
            "libc = __import__('cty' + 'pes').CDLL(None)",
            "pointer = __import__('cty' + 'pes').c_void_p",
            "libc.shmat.restype, libc.shmdt.argtypes = pointer, [pointer]",
            "while True:",
            "    segment = libc.shmget(0, 30 << 20, 0o1600)",
            "    place = libc.shmat(segment, None, 0)",
            "    __import__('cty' + 'pes').memset(place, 1, 30 << 20)",
            "    libc.shmdt(place)",
        ),
        "memory_limit",
    ),
    "memory mapped, filled and given up": (
        answer(
            "kept = []",
            "for _ in range(40):",
            "    kept.append(mmap.mmap(-1, 30 << 20))",
            "    kept[-1].write(bytes(30 << 20))",
            "    kept[-1].madvise(mmap.MADV_DONTNEED)",
            "time.sleep(0.5)",
            head="import mmap, time\n",
        ),
        "memory_limit",
    ),
    "memory on its way through a socket": (
        answer(
            "one, other = socket.socketpair()",
            "for _ in range(40):",
            "    file = os.memfd_create('sent')",
            "    os.write(file, bytes(30 << 20))",
            "    socket.send_fds(one, [b'x'], [file])",
            "    os.close(file)",
            "time.sleep(0.5)",
            head="import os, socket, time\n",
        ),
        "memory_limit",
    ),
    "memory of a process that hides": (
        answer(
            "__import__('cty' + 'pes').CDLL(None).prctl(4, 0, 0, 0, 0)",
            "kept = b'x' * (1200 << 20)",
            "time.sleep(0.5)",
            head="import time\n",
        ),
        "memory_limit",
    ),
    "all the disk": (
        answer(
            "for number in range(1000):",
            "    with open(f'/tmp/{number}', 'wb') as file:",
            "        file.write(bytes(16 << 20))",
        ),
        "raised_error",
    ),
    "a huge file": (
        answer(
            "with open('/tmp/huge', 'wb') as file:", "    for _ in range(1000):", "        file.write(bytes(1 << 20))"
        ),
        "raised_error",
    ),
    "giant output": (answer("while True:", "    print('x' * 1_000_000)"), "output_limit"),
    # Chance.
    "green with the first seed": (
        (
            f"```python\nimport random\n{IMPORT}def test_total():\n    assert total([1]) == 1\n"
            "    assert random.random() > 0.5\n```"
        ),
        "unstable",
    ),
}
