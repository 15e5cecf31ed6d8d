# SPDX-License-Identifier: MIT
"""manual.py - what the manual says is true, as far as a machine can tell.

An example is a literal block after one of these comments:

    .\\" example: program       complete; it is run, and ends with status 0
    .\\" example: server        the same, but it is given a port on which it
                               sends back what it is sent
    .\\" example: fragment      compiles behind the headers of SYNOPSIS and
                               those of FRAGMENT_HEADERS
"""

import errno
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SRC = os.path.abspath(os.environ.get("top_srcdir", "."))
BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
CC = os.environ.get("CC", "cc").split()
CFLAGS = os.environ.get("CFLAGS", "").split()
EMULATOR = os.environ.get("EMULATOR", "").split()
STRICT = "-std=gnu99 -pedantic -Wall -Wextra -Werror -Wno-unused-function " \
    "-Wno-unused-command-line-argument"
FRAGMENT_HEADERS = ("signal.h", "stdio.h", "stdlib.h", "string.h", "unistd.h",
                    "iv.h", "iv_event.h", "iv_list.h")
SECTIONS = ("NAME", "LIBRARY", "SYNOPSIS", "DESCRIPTION", "RETURN VALUES",
            "EXAMPLES", "ERRORS", "THREADS", "NOTES", "SEE ALSO", "HISTORY")
SECONDS = 30

# Pages about lib/compat: where the headers are, how a program is compiled, and
# what it is linked with before the library.
COMPAT = {
    "evio": ("ivykis-evio", "-DEVIO_COMPAT=1", "lib/libivykis-evio.a"),
    "evio2": ("ivykis-evio", "-DEVIO_COMPAT=2", "lib/libivykis-evio2.a"),
}

LOOKED_FOR = ("epoll", "signal", "child", "idle", "libev", "libevent", "libuv",
              "poll", "socket", "thread", "timeout", "timer")

results = []


def case(name, complaints):
    """COMPLAINTS is a string, or None if the case does not apply here."""
    results.append(not complaints)
    if complaints:
        print(re.sub("^", "# ", complaints.rstrip(), flags=re.M))
    print("%sok %d - %s%s" % ("not " if complaints else "", len(results),
                              name, " # SKIP" if complaints is None else ""),
          flush=True)


def run(command, **options):
    """Its exit status and output."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=SECONDS, check=False, **options)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def read(*path):
    with open(os.path.join(SRC, *path), encoding="utf-8") as f:
        return f.read()


# ---- Pages ------------------------------------------------------------------


class Page:
    def __init__(self, path):
        self.name = os.path.basename(path)[:-2]
        self.path = path
        self.text = read(path)
        alias = re.search(r"^\.so man3/(\S+)\.3$", self.text, flags=re.M)
        self.target = alias.group(1) if alias else None

    def section(self, name):
        m = re.search(r"^\.Sh %s\n(.*?)(?=^\.Sh |\Z)" % name, self.text,
                      flags=re.M | re.S)
        return m.group(1) if m else ""

    def sections(self):
        return re.findall(r"^\.Sh (.*)$", self.text, flags=re.M)

    def names(self):
        return re.findall(r"^\.Nm (\w+)", self.section("NAME"), flags=re.M)

    def headers(self):
        return re.findall(r"^\.In (\S+)", self.section("SYNOPSIS"),
                          flags=re.M)

    def examples(self, kind):
        """Pairs of a line number and a text."""
        pattern = r'^\.\\" example: %s\n\.Bd -literal.*?\n(.*?)^\.Ed' % kind
        for m in re.finditer(pattern, self.text, flags=re.M | re.S):
            line = self.text.count("\n", 0, m.start(1)) + 1
            yield line, plain(m.group(1))


def plain(text):
    """Literal text without the escapes of roff."""
    return text.replace("\\&", "").replace("\\e", "\\").replace("\\-", "-")


def read_pages():
    paths = sorted(glob.glob(os.path.join(SRC, "man[37]", "*.[37]")))
    pages = [Page(os.path.relpath(path, SRC)) for path in paths]
    return {page.name: page for page in pages}


# ---- Form -------------------------------------------------------------------


def lint(page):
    """Other manuals need not be installed where this one is checked, and the
    foot names us: these pages are of no base system.  On stderr it only says
    that it has no list of them, and would do so in the midst of a line."""
    done = subprocess.run(
        ["mandoc", "-T", "lint", page.path], cwd=SRC,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=SECONDS,
        check=False)
    return "\n".join(
        line for line in done.stdout.decode().splitlines()
        if "referenced manual not found" not in line
        and "operating system explicitly specified" not in line)


def man_warnings(page):
    env = dict(os.environ, MANWIDTH="80", LC_ALL="C")
    with open(os.devnull, "w", encoding="utf-8") as null:
        done = subprocess.run(
            ["man", "--warnings", "-l", page.path], cwd=SRC, env=env,
            stdout=null, stderr=subprocess.PIPE, timeout=SECONDS, check=False)
    return done.stderr.decode()


def check_form(pages, tool, function):
    if shutil.which(tool) is None:
        case("nothing displeases %s" % tool, None)
        return
    case("nothing displeases %s" % tool, "".join(
        function(page) for page in pages.values() if page.target is None))


# ---- Names ------------------------------------------------------------------


def public_names(header):
    text = re.sub(r"/\*.*?\*/", "", read("include", header), flags=re.S)
    names = set(re.findall(r"\b((?:__)?(?:iv|IV|INIT_IV)_\w+)\s*\(", text))
    names |= set(re.findall(r"^#define\s+(\w+)", text, flags=re.M))
    names |= set(re.findall(r"^struct (\w+) \{", text, flags=re.M))
    return {name for name in names if not name.endswith("_H")}


def undocumented(pages, names):
    return [name for name in sorted(names) if name not in pages]


def exported():
    return set(re.findall(r"([a-zA-Z_]\w+);",
                          re.sub("}.*", "", read("lib", "libivykis.map.in"))))


def bad_alias(page, pages):
    target = pages.get(page.target)
    if target is None or target.target is not None:
        return "%s: %s is no page\n" % (page.name, page.target)
    if not re.search(r"\b%s\b" % page.name, target.text):
        return "%s: not in %s\n" % (page.name, page.target)
    return ""


def check_names(pages):
    headers = [os.path.basename(path) for path in
               glob.glob(os.path.join(SRC, "include", "*.h"))]
    case("every public name has a page", "".join(
        "%s: %s\n" % (header, name) for header in sorted(headers)
        for name in undocumented(pages, public_names(header))))
    case("every exported symbol has a page",
         "\n".join(undocumented(pages, exported())))
    case("every name in NAME has a page", "".join(
        "%s: %s\n" % (page.name, name) for page in pages.values()
        for name in page.names() if name not in pages))
    about = " ".join(re.findall(r"^\.Nd (.*)", "\n".join(
        page.text for page in pages.values()), flags=re.M))
    case("apropos(1) finds what a newcomer looks for", " ".join(
        word for word in LOOKED_FOR if word not in about))
    case("aliases lead to pages that name them", "".join(
        bad_alias(page, pages) for page in pages.values() if page.target))


# ---- Since when -------------------------------------------------------------


def since_is_missing(page, name, version):
    """A page of which only a part is new says which."""
    history = page.section("HISTORY")
    return version not in history or (
        "0." in history and not re.search(r"\b%s\b" % name, history))


def check_since(pages):
    node = re.search(r"^IVYKIS_(1\.\d+) \{\n(.*?)^\}",
                     read("lib", "libivykis.map.in"), flags=re.M | re.S)
    names = re.findall(r"([a-z_]\w+);", node.group(2))
    case("pages say since when there is what is new", "\n".join(
        name for name in names if since_is_missing(
            pages[pages[name].target or name], name, node.group(1))))


# ---- Names of others --------------------------------------------------------

# Where what ivykis_migrate speaks of is declared; the system may lack some.
MIGRATE_FROM = {
    "libev": os.path.join(SRC, "include/ivykis-ev/ev.h"),
    "libuv": "/usr/include/uv.h",
    "libevent": "/usr/include/event2/*.h",
    "evio": os.path.join(SRC, "include/ivykis-evio/evio.h"),
}


def read_headers(pattern):
    return "".join(read(path) for path in glob.glob(pattern))


def check_migrate(page, pages):
    """It has names that exist, and all that README has in its table."""
    ours = set(re.findall(r"\b(?:iv|IV)_\w+", page.text)) - {
        "IV_EXCLUDE_POLL_METHOD"}
    case("%s: our names have pages" % page.name,
         "\n".join(undocumented(pages, ours)))
    words = set(re.findall(r"\w+", page.text))
    table = set(re.findall(r"\b(?:ev|EV|EVRUN|EVLOOP|uv|UV|event|evtimer|"
                           r"evsignal|evconnlistener)_\w+|\bEVLOOP_\w+",
                           re.search(r"^\| ivykis \| libev.*?\n\n",
                                     read("README.md"), re.M | re.S).group()))
    case("%s: README has no more" % page.name, "\n".join(
        name for name in sorted(table - words)
        if not any(word.startswith(re.sub("_t$", "_", name))
                   for word in words)))
    for library, pattern in MIGRATE_FROM.items():
        text = read_headers(pattern)
        part = re.search(r"^\.Ss From %s\n(.*?)(?=^\.S[hs] |\Z)" % library,
                         page.text, flags=re.M | re.S).group(1)
        names = set(re.findall(r"(?:Fn|Dv) (\w+)", "".join(
            re.findall(r"^\.It .*\n", part, flags=re.M))))
        case("%s: names of %s" % (page.name, library), None if not text else
             " ".join(sorted(name for name in names
                             if not re.search(r"\b%s\b" % name, text))))


# ---- SYNOPSIS ---------------------------------------------------------------


def prototypes(page):
    """Triples of type, name and parameters."""
    text = re.sub(r"^\.Fo (\w+)\n((?:\.Fa .*\n)+)\.Fc",
                  lambda m: ".Fn %s %s" % (m.group(1),
                                           m.group(2).replace(".Fa ", "")
                                           .replace("\n", " ")),
                  page.section("SYNOPSIS"), flags=re.M)
    for kind, name, args in re.findall(
            r"^\.Ft (.*)\n\.Fn (\w+) (.*)$", text, flags=re.M):
        parameters = re.findall(r'"([^"]*)"|(\S+)', args)
        yield kind, name, ", ".join(a or b for a, b in parameters)


def structs(page):
    """Pairs of a name and the members."""
    return re.findall(r"^struct (\w+) \{\n(.*?)^\};",
                      plain(page.section("SYNOPSIS")), flags=re.M | re.S)


def members(text):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for declaration in text.split(";")[:-1]:
        m = re.search(r"\(\*(\w+)\)\s*\(", declaration)
        m = m or re.search(r"(\w+)(?:\[\d+\])?\s*$", declaration)
        yield m.group(1)


MEMBER = """_Static_assert(offsetof(struct {0}, {1}) ==
	offsetof(struct documented_{0}, {1}), "{1}");
_Static_assert(__builtin_types_compatible_p(
	__typeof__(((struct {0} *)0)->{1}),
	__typeof__(((struct documented_{0} *)0)->{1})), "{1}");
"""


def synopsis_program(page):
    code = ["#include <%s>\n" % header for header in page.headers()]
    code.append("#include <stddef.h>\n")
    for name, text in structs(page):
        code.append("struct documented_%s {\n%s};\n" % (name, text))
        code += [MEMBER.format(name, member) for member in members(text)]
    for kind, name, parameters in prototypes(page):
        code.append("typedef %s type_%s(%s);\ntype_%s *use_%s = %s;\n" %
                    (kind, name, parameters, name, name, name))
    return "".join(code)


def header_path(header):
    for path in glob.glob(os.path.join(SRC, "include", "ivykis-*", header)):
        return os.path.relpath(path, SRC)
    return os.path.join("include", header)


def compat_options(name):
    """NAME begins with that of a page."""
    compat = COMPAT.get(name.split("_")[0])
    return compat and ["-I" + os.path.join(SRC, "include", compat[0]),
                       compat[1]] or []


def compile_source(name, text, *options):
    options = compat_options(name) + list(options)
    with open(name + ".c", "w", encoding="utf-8") as f:
        f.write(text)
    code, out = run(CC + CFLAGS + STRICT.split() +
                    ["-I" + os.path.join(SRC, "include"), *options,
                     name + ".c"])
    return out if code else ""


def check_synopsis(page):
    documented = {name for _, name, _ in prototypes(page)}
    shown = set(re.findall(r"^\.(?:F[no]|Dv) (\w+)", page.section("SYNOPSIS"),
                           flags=re.M))
    missing = set(page.names()) - documented - shown - {page.name}
    case("%s: SYNOPSIS is what the header says" % page.name,
         "".join("not in SYNOPSIS: %s\n" % name for name in sorted(missing)) +
         compile_source(page.name + "_synopsis", synopsis_program(page),
                        "-std=gnu11", "-c"))


# ---- ERRORS -----------------------------------------------------------------


def errors_in(text):
    return set(re.findall(r"\bE\w+", text)) & set(errno.errorcode.values())


def comments_about(names, header):
    """Comments are in front of what they are about."""
    for m in re.finditer(r"/\*(.*?)\*/\n(.*?)(?=^/\*|\Z)",
                         read(header_path(header)), flags=re.M | re.S):
        if names & set(re.findall(r"\w+", m.group(2))):
            yield m.group(1)


def check_errors(page):
    """What the comments of its headers name is in the page."""
    named = set()
    for header in page.headers():
        for comment in comments_about(set(page.names()), header):
            named |= errors_in(comment)
    case("%s: errors of the header" % page.name,
         " ".join(sorted(named - errors_in(page.text))))


# ---- What the reader sees ---------------------------------------------------

# Since 1.23 groff has these for - ' ^ ~ ` unless the system configures it.
TYPOGRAPHIC = str.maketrans("\u2010\u2212\u2019\u02c6\u02dc\u2018", "--'^~`")


def shown(page):
    """By each tool that there is, the page as text."""
    path = os.path.join(SRC, page.path)
    env = dict(os.environ, MANWIDTH="200", LC_ALL="C.UTF-8")
    for command in (["man", "-l", path],
                    ["mandoc", "-T", "utf8", "-O", "width=200", path]):
        if shutil.which(command[0]) is not None:
            text = run(command, env=env)[1].translate(TYPOGRAPHIC)
            yield command[0], re.sub(".\b", "", text)


def lost(text, output):
    """Lines of TEXT that are not in OUTPUT; spaces do not matter."""
    there = {tuple(line.split()) for line in output.splitlines()}
    return [line for line in text.splitlines()
            if line and tuple(line.split()) not in there]


def check_shown(page):
    """Examples are still what they are when they are copied from a screen."""
    examples = "".join(text for kind in ("program", "server", "fragment")
                       for _, text in page.examples(kind))
    case("%s: examples can be copied from the page" % page.name, "".join(
        "%s: %s\n" % (tool, line) for tool, output in shown(page)
        for line in lost(examples, output)))


# ---- EXAMPLES ---------------------------------------------------------------


def link(name):
    compat = COMPAT.get(name.split("_")[0], ())
    code, out = run([os.path.join(BUILD, "libtool"), "--silent",
                     "--mode=link", "--tag=CC", *CC, *CFLAGS, "-no-install",
                     "-pthread", "-o", name, name + ".o",
                     *[os.path.join(BUILD, path) for path in compat[2:]],
                     os.path.join(BUILD, "lib/libivykis.la")])
    return out if code else ""


def run_program(name):
    try:
        code, out = run(EMULATOR + ["./" + name])
    except subprocess.TimeoutExpired:
        return "it does not end"
    return "status %d: %s" % (code, out) if code else ""


def unused_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def connected(port):
    for _ in range(SECONDS * 10):
        try:
            return socket.create_connection(("127.0.0.1", port), SECONDS)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise TimeoutError("the server does not listen")


def echo(client, text):
    client.sendall(text)
    answer = b""
    while len(answer) < len(text):
        data = client.recv(len(text))
        if not data:
            break
        answer += data
    return answer


def talk_to(name):
    port = unused_port()
    with subprocess.Popen(EMULATOR + ["./" + name, str(port)]) as server:
        try:
            with connected(port) as one, connected(port) as two:
                said = [echo(client, text) for client in (one, two, one)
                        for text in (b"hello\n", b"x" * 10000)]
            said.append(server.poll())
        except OSError as e:
            return str(e)
        finally:
            server.kill()
    expected = [b"hello\n", b"x" * 10000] * 3 + [None]
    return "" if said == expected else "it says %.200r" % said


def check_program(page, line, text, check):
    name = "%s_%d" % (page.name, line)
    text = '#line %d "%s"\n%s' % (line, page.path, text)
    case("%s:%d: the program runs" % (page.path, line),
         compile_source(name, text, "-c") or link(name) or check(name))


def check_fragment(page, line, text):
    headers = "".join("#include <%s>\n" % header for header in
                      FRAGMENT_HEADERS + tuple(page.headers()))
    text = '%s#line %d "%s"\n%s' % (headers, line, page.path, text)
    case("%s:%d: the fragment compiles" % (page.path, line),
         compile_source("%s_%d" % (page.name, line), text, "-c"))


def check_sections(page):
    """In this order; pages that are not about a header may lack some."""
    expected = [name for name in SECTIONS
                if page.headers() or page.section(name)]
    found = [name for name in page.sections() if name in SECTIONS]
    case("%s: sections" % page.name,
         "" if found == expected else "expected: " + ", ".join(expected))


def check_page(page):
    blocks = re.findall(r"^\.Bd -literal$", page.section("EXAMPLES"),
                        flags=re.M)
    programs = list(page.examples("program"))
    servers = list(page.examples("server"))
    fragments = list(page.examples("fragment"))
    marked = len(programs) + len(servers) + len(fragments)
    case("%s: every example says what it is" % page.name,
         "" if len(blocks) == marked else
         "%d of %d do" % (marked, len(blocks)))
    check_sections(page)
    check_synopsis(page)
    check_errors(page)
    check_shown(page)
    for line, text in programs:
        check_program(page, line, text, run_program)
    for line, text in servers:
        check_program(page, line, text, talk_to)
    for line, text in fragments:
        check_fragment(page, line, text)


def usable(page):
    """A build without inotify, or evio, lacks what its page is about."""
    if not all(os.path.exists(os.path.join(BUILD, path))
               for path in COMPAT.get(page.name, ())[2:]):
        return False
    promised = re.findall(r"(\w+);", read("lib", "libivykis.map.in"))
    built = re.findall(r"^\t(\w+);", read(BUILD, "lib", "libivykis.map"),
                       flags=re.M)
    left_out = set(promised) - set(built)
    return left_out.isdisjoint(name for _, name, _ in prototypes(page))


def main():
    pages = read_pages()
    check_form(pages, "mandoc", lint)
    check_form(pages, "man", man_warnings)
    check_names(pages)
    check_since(pages)
    check_migrate(pages["ivykis_migrate"], pages)
    for page in pages.values():
        if page.target is not None:
            continue
        if usable(page):
            check_page(page)
        else:
            case("%s: not in this build" % page.name, None)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        main()
        os.chdir("/")
    print("1..%d" % len(results))
    sys.exit(not all(results))
