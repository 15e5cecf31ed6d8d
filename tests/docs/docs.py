# SPDX-License-Identifier: MIT
"""docs.py - what the documents say is true.

The info string of a code block says what becomes of it:

    c NAME.c            a program: compiled, run, talked to
    c part of NAME.c    the parts of a program, in order
    c mistake           stops the program with the message in the next block
    c note              the same, but only debug builds say it
    ... before iv_init, ... in another thread, ... on epoll
    text message        see above
    text output of NAME what that program prints
    sh run              done, in a directory with the programs
    ... by hand         commands and switches in it exist

Fragments ("mistake", "note") are compiled inside mistakes.c.
"""

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SRC = os.path.abspath(os.environ.get("top_srcdir", "."))
BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
CC = os.environ.get("CC", "cc").split()
CC[0] = shutil.which(CC[0]) or CC[0]  # that in bin/ would call itself
CC = " ".join(CC)
CFLAGS = os.environ.get("CFLAGS", "")
EMULATOR = os.environ.get("EMULATOR", "").split()
DOCUMENTS = ["README.md", "docs/guide.md", "examples/README.md"]
SECONDS = 30

count = failures = 0


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def case(name, function, *args):
    global count, failures
    count += 1
    try:
        function(*args)
        print("ok %d - %s" % (count, name), flush=True)
    except Skipped as why:
        print("ok %d - %s # SKIP %s" % (count, name, why), flush=True)
    except (Failed, OSError, subprocess.TimeoutExpired) as why:
        failures += 1
        print(re.sub("^", "# ", str(why), flags=re.M))
        print("not ok %d - %s" % (count, name), flush=True)


def check(true, *what):
    if not true:
        raise Failed(" ".join(str(w) for w in what))


def equal(got, wanted):
    check(got == wanted, "got %r, wanted %r" % (got, wanted))


# ---- The documents ----------------------------------------------------------


class Block:
    def __init__(self, document, line, info, text):
        self.document, self.line = document, line
        self.info, self.text = info, text

    def __str__(self):
        return "%s:%d" % (self.document, self.line)


def blocks_of(document):
    """Its code blocks; with the info string None if it is only indented."""
    with open(os.path.join(SRC, document), encoding="utf-8") as f:
        lines = f.read().split("\n")
    blocks, block, before = [], None, ""
    for number, line in enumerate(lines, 1):
        if block is not None and line == "```":
            blocks.append(block)
            block = None
        elif block is not None:
            block.text += line + "\n"
        elif line.startswith("```"):
            block = Block(document, number, line[3:], "")
        elif before == "" and re.match("    |\t", line):
            blocks.append(Block(document, number, None, line))
        before = line
    check(block is None, "%s: a code block does not end" % block)
    return blocks


KINDS = (
    r"c \w[\w-]*\.c",
    r"c part of \w[\w-]*\.c",
    r"c (mistake|note)( before iv_init| in another thread| on epoll)?",
    r"text message",
    r"text output of \w+",
    r"sh run",
    r"(sh|console) by hand",
)


def check_kinds(blocks):
    for b in blocks:
        check(b.info is not None, b, "is indented, not fenced")
        check(
            any(re.fullmatch(kind, b.info) for kind in KINDS),
            b, "says nothing known about itself:", b.info,
        )


# ---- Links ------------------------------------------------------------------

LINKED = DOCUMENTS + ["CONTRIBUTING.md", "lib/README.md", "docs/porting.md",
                      "docs/guarantees.md", "docs/performance.md",
                      "docs/io_uring.md"]


def anchors_of(document):
    """Its headings, as they are spelled in links."""
    with open(os.path.join(SRC, document), encoding="utf-8") as f:
        headings = re.findall(r"^#+ (.*)", f.read(), flags=re.M)
    return [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-")
            for h in headings]


def check_links():
    for document in LINKED:
        with open(os.path.join(SRC, document), encoding="utf-8") as f:
            links = re.findall(r"\]\(([^()\s]+)\)", f.read())
        for link in links:
            if link.startswith("https:"):
                continue
            path, _, anchor = link.partition("#")
            target = document if path == "" else os.path.normpath(
                os.path.join(os.path.dirname(document), path))
            check(os.path.exists(os.path.join(SRC, target)), document, link)
            check(not anchor or anchor in anchors_of(target), document, link)


# ---- Commands by hand -------------------------------------------------------


def source_of(command):
    path = os.path.join(SRC, "examples", command + ".c")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            return f.read()
    return None


def check_switches(block, command, words):
    source = source_of(command)
    if source is None:
        return
    for word in words:
        if word == "--":
            break
        if word.startswith("--"):
            check('"%s"' % word[2:] in source, block, command, word)


def check_by_hand(blocks, programs):
    with open(os.path.join(SRC, "dev"), encoding="utf-8") as f:
        dev = re.findall(r"^#: (\S+)", f.read(), flags=re.M)
    for b in blocks:
        for line in b.text.splitlines():
            words = line.split("#")[0].replace("$ ", "").split()
            words = [w for w in words if not re.match("[A-Z_]+=", w)]
            if not words or not words[0].startswith("./"):
                continue
            name = words[0][2:]
            if name == "dev":
                check(words[1] in dev, b, "./dev %s" % words[1])
            elif name in ("autogen.sh", "configure"):
                continue
            else:
                check(name in programs or source_of(name), b, name)
                check_switches(b, name, words[1:])


# ---- Compiling --------------------------------------------------------------
# The commands of the documents are run as they are; "cc" and "pkg-config"
# mean the compiler and the library of this build.

CC_SCRIPT = """#!/bin/sh
exec {build}/libtool --silent --mode=link --tag=CC {cc} {cflags} -no-install \
    -Wall -Wextra -Werror "$@"
"""
PKG_CONFIG_SCRIPT = """#!/bin/sh
[ "$*" = "--cflags --libs ivykis" ] || exit 1
echo "-I{src}/include {build}/lib/libivykis.la"
"""
COMPILE = "cc -pthread -o {0} {0}.c $(pkg-config --cflags --libs ivykis)"


def write_script(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.format(src=SRC, build=BUILD, cc=CC, cflags=CFLAGS))
    os.chmod(path, 0o755)


def shell(command):
    done = subprocess.run(
        ["sh", "-ec", command],
        env=dict(os.environ, PATH=os.path.abspath("bin") + ":" +
                 os.environ["PATH"]),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=120, check=False,
    )
    check(done.returncode == 0, command, "\n", done.stdout.decode())


def write_programs(blocks):
    """The sources, with the lines of the document in messages."""
    programs = {}
    for b in blocks:
        m = re.fullmatch(r"c (?:part of )?(\S+)\.c", b.info)
        if m:
            programs.setdefault(m.group(1), "")
            programs[m.group(1)] += '#line %d "%s"\n%s\n' % (
                b.line + 1, b.document, b.text)
    for name, text in programs.items():
        with open(name + ".c", "w", encoding="utf-8") as f:
            f.write(text)
    return list(programs)


def output(command, **options):
    done = subprocess.run(
        EMULATOR + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=SECONDS, check=False, **options)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# ---- Talking to programs ----------------------------------------------------


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)


def say(s, what):
    s.sendall(what)
    got = b""
    while len(got) < len(what):
        part = s.recv(65536)
        check(part, "closed after", len(got), "of", len(what), "bytes")
        got += part
    equal(got, what)


def closed(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


class Server:
    """A server that listens, ends with the block."""

    def __init__(self, name, *args, **options):
        self.port = free_port()
        self.process = subprocess.Popen(
            EMULATOR + ["./" + name, str(self.port), *args], **options)

    def __enter__(self):
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                connect(self.port).close()
                return self
            except ConnectionRefusedError as e:
                check(self.process.poll() is None, "it has ended")
                check(time.monotonic() < deadline, e)
                time.sleep(0.02)

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()


def talk_to_echo():
    with Server("echo") as server:
        a, b = connect(server.port), connect(server.port)
        say(b, b"first\n")
        say(a, b"second\n")
        b.shutdown(socket.SHUT_WR)
        check(closed(b), "an end of file is not answered")
        say(a, b"third\n")


def talk_to_server():
    with Server("server", "60") as server:
        a, b = connect(server.port), connect(server.port)
        say(b, b"first\n")
        say(a, b"second\n")
        a.close()
        say(b, b"third\n")
        server.process.send_signal(signal.SIGTERM)
        check(closed(b), "not closed at the end")
        equal(server.process.wait(SECONDS), 0)


def silent_client():
    with Server("server", "1") as server:
        check(closed(connect(server.port)), "not closed")


def client_that_does_not_read():
    """Sends until nothing more is taken, and reads only then."""
    with Server("server", "60") as server:
        s = connect(server.port)
        s.settimeout(1)
        sent, piece = 0, bytes(range(256)) * 256
        try:
            while sent < 1 << 28:
                sent += s.send(piece[sent % len(piece):])
        except socket.timeout:
            pass
        check(sent < 1 << 28, "it has taken everything")
        s.settimeout(SECONDS)
        got = 0
        while got < sent:
            part = s.recv(65536)
            check(part, "closed")
            for i in (0, len(part) - 1):
                equal(part[i], piece[(got + i) % len(piece)])
            got += len(part)


def processor_seconds(process):
    with open("/proc/%d/stat" % process.pid, encoding="utf-8") as f:
        user, system = f.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def check_asleep(process):
    """One that spins would have much of this second."""
    if os.path.exists("/proc/self/stat"):
        before = processor_seconds(process)
        time.sleep(1)
        used = processor_seconds(process) - before
        check(used < 0.1, "it spins:", used, "s")


def starve(*command):
    """Those who came too late are served when others have gone."""
    limit = 24

    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    with Server(*command, preexec_fn=few_descriptors) as server:
        clients = [connect(server.port) for _ in range(2 * limit)]
        say(clients[0], b"hello\n")
        check_asleep(server.process)
        for s in clients:
            say(s, b"hello\n")
            s.close()


def echo_without_descriptors():
    starve("echo")


def no_descriptors_left():
    starve("server", "60")


def talk_to_cat_idle():
    code, out, _ = output(["./cat-idle"], input=b"one\ntwo\n")
    equal((code, out), (0, "one\ntwo\n"))


def talk_to_echo_server():
    """The example as its README has it."""
    with open(os.path.join(SRC, "examples/README.md"), encoding="utf-8") as f:
        readme = f.read()
    documented = re.search("^listening: .*", readme, flags=re.M).group(0)
    words = re.findall(r"^\| ((?:`\w+` ?)+)\|", readme, flags=re.M)
    with subprocess.Popen(
            EMULATOR + ["./echo_server", "--port", "0"],
            stdout=subprocess.PIPE, universal_newlines=True) as p:
        try:
            first = p.stdout.readline()
            equal(re.findall(r"\w+=", first), re.findall(r"\w+=", documented))
            with connect(int(re.search(r"port=(\d+)", first).group(1))) as s:
                say(s, b"hello\n")
                s.shutdown(socket.SHUT_WR)
                check(closed(s), "not closed")
            p.send_signal(signal.SIGUSR1)
            asked = p.stdout.readline()
            p.send_signal(signal.SIGINT)
            last = asked + p.stdout.read()
            equal(p.wait(SECONDS), 0)
        finally:
            p.kill()
    for word in re.findall(r"\w+", " ".join(words)):
        check(" %s=" % word in last, word, "is not in:", last)


TALKS = {
    "cat-idle": [talk_to_cat_idle],
    "echo": [talk_to_echo, echo_without_descriptors],
    "server": [talk_to_server, silent_client, client_that_does_not_read,
               no_descriptors_left],
    "echo_server": [talk_to_echo_server],
}


def check_output(block, name):
    code, out, err = output(["./" + name])
    equal((code, out), (0, block.text))
    check("Sanitizer" not in err, err)


# ---- Mistakes ---------------------------------------------------------------


def pattern(message):
    """Numbers and addresses differ; "..." stands for anything."""
    parts = re.split(r"(0x[0-9a-f]+|\(nil\)|\b\d+\b|\.\.\.$)", message)
    for i in range(1, len(parts), 2):
        parts[i] = ".*" if parts[i] == "..." else \
            r"(?:0x[0-9a-f]+|\(nil\)|\d+)"
    for i in range(0, len(parts), 2):
        parts[i] = re.escape(parts[i])
    return "".join(parts)


def mistakes_of(blocks):
    """Pairs of a mistake and its message."""
    pairs = []
    for b, after in zip(blocks, blocks[1:] + [None]):
        if re.match("c (mistake|note)", b.info):
            check(after is not None and after.info == "text message",
                  b, "has no message")
            pairs.append((b, after.text.rstrip("\n")))
    equal(len(pairs), sum(b.info == "text message" for b in blocks))
    return pairs


def write_fragments(mistakes):
    where = {"before iv_init": "BEFORE_INIT",
             "in another thread": "ANOTHER_THREAD"}
    with open("fragments.h", "w", encoding="utf-8") as f:
        for i, (b, _) in enumerate(mistakes):
            f.write('static void mistake_%d(void)\n{\n#line %d "%s"\n%s}\n' %
                    (i, b.line + 1, b.document, b.text))
        f.write("static const struct fragment fragments[] = {\n")
        for i, (b, _) in enumerate(mistakes):
            words = re.sub(r"^c (mistake|note) ?", "", b.info)
            f.write("\t{ mistake_%d, %s },\n" %
                    (i, where.get(words, "WITH_LOOP")))
        f.write("};\n")


def debug_build():
    with open(os.path.join(BUILD, "Makefile"), encoding="utf-8") as f:
        return "-DIVI_DEBUG" in f.read()


def environment(block):
    env = dict(os.environ)
    for name in ("IV_SELECT_POLL_METHOD", "IV_EXCLUDE_POLL_METHOD"):
        env.pop(name, None)
    if block.info.endswith("on epoll"):
        env["IV_SELECT_POLL_METHOD"] = "epoll"
    return env


def make_mistake(number, block, message):
    code, _, err = output(["./mistakes", str(number)],
                          env=environment(block))
    if block.info.endswith("on epoll") and '"epoll" is' in err:
        raise Skipped("no epoll")
    lines = [line for line in err.splitlines() if line.startswith("ivykis: ")]
    if block.info.startswith("c note"):
        equal(code, 0)
        wanted = 1 if debug_build() else 0
    else:
        check(code in (-signal.SIGABRT, 128 + signal.SIGABRT, 1),
              "status", code, err)
        lines = [line for line in lines
                 if not line.startswith("ivykis: note:")]
        wanted = 1
    check(len(lines) == wanted, "lines:", err)
    for line in lines:
        check(re.fullmatch(pattern(message), line),
              "documented: %s\nprinted:    %s" % (message, line))


# ---- All of it --------------------------------------------------------------


def check_length(program, lines):
    with open(program, encoding="utf-8") as f:
        text = [line for line in f if line.strip()
                and not line.startswith("#line")]
    check(len(text) <= lines, program, "has", len(text), "lines")


def check_compiles(name):
    shell(COMPILE.format(name))


def test_programs(blocks, programs):
    commands = [b for b in blocks if b.info == "sh run"]
    for b in commands:
        case("%s: the commands work" % b, shell, b.text)
    run = "".join(b.text for b in commands)
    for name in programs:
        if " %s.c " % name not in run:
            case("%s.c compiles" % name, check_compiles, name)
    outputs = {}
    for b in blocks:
        if b.info.startswith("text output of "):
            outputs[b.info.split()[-1]] = b
    for name, b in outputs.items():
        case("%s: the output of %s" % (b, name), check_output, b, name)
    for name in programs + ["echo_server"]:
        if name not in outputs:
            for talk in TALKS[name]:
                case("%s: %s" % (name, talk.__name__.replace("_", " ")), talk)


def test_mistakes(blocks):
    mistakes = mistakes_of(blocks)
    write_fragments(mistakes)
    shutil.copy(os.path.join(SRC, "tests/docs/mistakes.c"), ".")
    case("the mistakes compile", check_compiles, "mistakes")
    for i, (b, message) in enumerate(mistakes):
        case("%s: %s" % (b, message[len("ivykis: "):]), make_mistake, i, b,
             message)


def main():
    blocks = []
    for document in DOCUMENTS:
        blocks += blocks_of(document)
    case("every code block says what it is", check_kinds, blocks)
    if failures:
        return
    case("links lead somewhere", check_links)
    programs = write_programs(blocks)
    for name in os.listdir(os.path.join(SRC, "examples")):
        if name.endswith(".c"):
            shutil.copy(os.path.join(SRC, "examples", name), name)
    case("commands and switches exist", check_by_hand,
         [b for b in blocks if b.info.endswith("by hand")], programs)
    case("the first server has 45 lines", check_length, "echo.c", 45)
    test_programs(blocks, programs)
    test_mistakes(blocks)


if __name__ == "__main__":
    if not os.path.exists(os.path.join(BUILD, "libtool")):
        sys.exit("docs.py: %s is no build directory (top_builddir)" % BUILD)
    with tempfile.TemporaryDirectory() as tmp:
        os.chdir(tmp)
        os.mkdir("bin")
        write_script("bin/cc", CC_SCRIPT)
        write_script("bin/pkg-config", PKG_CONFIG_SCRIPT)
        main()
        os.chdir("/")
    print("1..%d" % count)
    sys.exit(failures > 0)
