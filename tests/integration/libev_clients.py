# SPDX-License-Identifier: MIT
"""libev_clients.py - unmodified programs of Debian on our libev.so.4.

Prints TAP.  Each program does the same work over loopback on the system's
libev and on ours, and has to give the same result on both.  A program that is
not installed is skipped.

usage: libev_clients.py [--library DIR] [--ivykis DIR] [--load N] [NAME...]

--library  directory with our libev.so.4 (default: that of the build)
--ivykis   directory with libivykis.so.0
--load     factor for the number of requests
"""
import argparse
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.path.abspath(os.environ.get("top_builddir", "build"))
SRC = os.path.abspath(os.environ.get("top_srcdir", "."))
SECONDS = 60

VERTO = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <verto.h>

static int ran;

static void ready(verto_ctx *ctx, verto_ev *ev)
{
	char c;

	(void)ctx;
	if (read(verto_get_fd(ev), &c, 1) == 1)
		ran |= 1;
	verto_del(ev);
}

static void late(verto_ctx *ctx, verto_ev *ev)
{
	(void)ev;
	ran |= 2;
	if ((ran & 31) == 31)
		verto_break(ctx);
}

static void idle(verto_ctx *ctx, verto_ev *ev)
{
	(void)ctx;
	ran |= 4;
	verto_del(ev);
}

static void caught(verto_ctx *ctx, verto_ev *ev)
{
	(void)ctx;
	(void)ev;
	ran |= 8;
}

static void ended(verto_ctx *ctx, verto_ev *ev)
{
	(void)ctx;
	if (WEXITSTATUS(verto_get_proc_status(ev)) == 7)
		ran |= 16;
}

int main(void)
{
	verto_ctx *ctx = verto_default("libev", VERTO_EV_TYPE_NONE);
	pid_t pid;
	int p[2];

	if (ctx == NULL || pipe(p) < 0)
		return 2;
	verto_add_io(ctx, VERTO_EV_FLAG_PERSIST | VERTO_EV_FLAG_IO_READ, ready,
		     p[0]);
	verto_add_timeout(ctx, VERTO_EV_FLAG_PERSIST, late, 20);
	verto_add_idle(ctx, VERTO_EV_FLAG_PERSIST, idle);
	verto_add_signal(ctx, VERTO_EV_FLAG_PERSIST, caught, SIGUSR1);
	pid = fork();
	if (pid == 0)
		_exit(7);
	verto_add_child(ctx, VERTO_EV_FLAG_NONE, ended, pid);
	if (write(p[1], "x", 1) != 1)
		return 2;
	raise(SIGUSR1);
	alarm(20);
	verto_run(ctx);
	printf("ran %d\n", ran);
	verto_free(ctx);
	return 0;
}
"""


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise Skipped("no " + program)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                raise Failed("%s has ended: %s" % (process.args[0],
                                                   process.log()))
            time.sleep(0.02)
    raise Failed("nobody listens")


class Run:
    """One run of one client: a library, a directory, processes."""

    def __init__(self, env, library, load):
        self.env, self.library, self.load = env, library, load
        self.dir = tempfile.mkdtemp()
        self.processes = []

    def path(self, name, text=None):
        path = os.path.join(self.dir, name)
        if text is not None:
            with open(path, "wb") as f:
                f.write(text if isinstance(text, bytes) else text.encode())
        return path

    def start(self, *command):
        log = self.path("log%d" % len(self.processes))
        with open(log, "wb") as out:
            process = subprocess.Popen(
                command, env=self.env, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, cwd=self.dir,
                start_new_session=True)

        def read_log():
            with open(log, encoding="utf-8", errors="replace") as f:
                return f.read()[-2000:]
        process.log = read_log
        self.processes.append(process)
        return process

    def uses_library(self, process):
        """The one that is meant."""
        with open("/proc/%d/maps" % process.pid, encoding="utf-8") as f:
            paths = set(re.findall(r"\S*/libev\.so\.4\S*", f.read()))
        good = any(p.startswith(self.library) for p in paths) \
            if self.library else bool(paths)
        if not good:
            raise Failed("runs on %s" % (paths or "no libev.so.4"))

    def output(self, *command, check=True):
        try:
            done = subprocess.run(command, env=self.env, cwd=self.dir,
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=SECONDS,
                                  check=False)
        except subprocess.TimeoutExpired as e:
            raise Failed("%s does not end" % command[0]) from e
        text = done.stdout.decode("utf-8", "replace")
        if check and done.returncode != 0:
            raise Failed("%s: status %d: %s" % (command[0], done.returncode,
                                                text[-1500:]))
        return text

    def end(self, process, sig, what):
        process.send_signal(sig)
        try:
            return "%s %d" % (what, process.wait(SECONDS))
        except subprocess.TimeoutExpired as e:
            raise Failed("%s: does not end" % what) from e

    def clean(self):
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        shutil.rmtree(self.dir)


def h2load(run, port, *options, count=2000):
    text = run.output("h2load", "-n%d" % (count * run.load), "-c8", "-t2",
                      *options, "http://127.0.0.1:%d/file" % port)
    m = re.search(r"requests: .* (\d+) succeeded, (\d+) failed", text)
    if m is None:
        raise Failed(text[-1500:])
    return "%s succeeded, %s failed" % m.groups()


def start_nghttpd(run):
    port = free_port()
    run.path("file", b"x" * 3000)
    server = run.start("nghttpd", "--no-tls", "-n2", "-d", run.dir, str(port))
    wait_for_port(port, server)
    run.uses_library(server)
    return server, port


# ---- The clients -------------------------------------------------------------


def nghttpd(run):
    need("nghttpd", "h2load", "nghttp")
    server, port = start_nghttpd(run)
    got = run.output("nghttp", "http://127.0.0.1:%d/file" % port)
    loads = [h2load(run, port, "-m5"), h2load(run, port, "-m50")]
    return [len(got)] + loads + [run.end(server, signal.SIGTERM, "end")]


def timed_h2load(run):
    """A rate, and a duration: timers."""
    need("nghttpd", "h2load")
    _, port = start_nghttpd(run)
    text = run.output("h2load", "-n60", "-c2", "-m1", "--rps=50",
                      "http://127.0.0.1:%d/file" % port)
    succeeded = re.findall(r"(\d+) succeeded", text)
    m = re.search(r"finished in ([\d.]+)(us|ms|s)", text)
    if m is None:
        raise Failed(text[-1500:])
    seconds = float(m.group(1)) * {"us": 1e-6, "ms": 1e-3, "s": 1}[m.group(2)]
    text = run.output("h2load", "-D1", "-c2", "-m1",
                      "http://127.0.0.1:%d/file" % port)
    return succeeded + ["finished in" in text, seconds > 0.4]


NGHTTPX = """frontend=127.0.0.1,{front};no-tls
backend=127.0.0.1,{back};;proto=h2
workers=2
pid-file={dir}/pid
accesslog-file=/dev/null
errorlog-file={dir}/error
"""


def nghttpx(run):
    """The hardest: forks in a callback, the child runs the loop nested."""
    need("nghttpx", "nghttpd", "h2load")
    _, back = start_nghttpd(run)
    front = free_port()
    conf = run.path("conf", NGHTTPX.format(front=front, back=back,
                                           dir=run.dir))
    proxy = run.start("nghttpx", "--conf=" + conf)
    wait_for_port(front, proxy)
    run.uses_library(proxy)
    results = [h2load(run, front, "-m5"),
               h2load(run, front, "--h1", count=500)]
    loader = threading.Thread(target=h2load, args=(run, front, "-m2"),
                              kwargs={"count": 4000})
    # Connections of the old workers end, so how many succeed is chance.
    loader.start()
    for _ in range(2):
        time.sleep(0.3)
        proxy.send_signal(signal.SIGHUP)
    loader.join()
    time.sleep(0.5)
    if proxy.poll() is not None:
        raise Failed("HUP has ended it: " + proxy.log())
    results += [h2load(run, front, "-m5")]
    return results + [run.end(proxy, signal.SIGQUIT, "quit")]


GDNSD = """options => {{ listen => [ "127.0.0.1:{port}" ], run_dir => "{dir}/run",
	state_dir => "{dir}/state" }}
"""
ZONE = """$TTL 3600
@ SOA ns1 hostmaster ( 1 7200 30M 3D 900 )
@ NS ns1
ns1 A 192.0.2.1
www A 192.0.2.80
"""


def dns_query(name):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    return struct.pack(">6H", 7, 0, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def ask_udp(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.sendto(dns_query("www.example.com"), ("127.0.0.1", port))
        return s.recv(1000)[-4:].hex()


def ask_tcp(port):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        query = dns_query("www.example.com")
        s.sendall(struct.pack(">H", len(query)) + query)
        length = struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))[0]
        return s.recv(length, socket.MSG_WAITALL)[-4:].hex()


def gdnsd(run):
    need("gdnsd", "gdnsdctl")
    port = free_port()
    for name in ("run", "state", "etc", "etc/zones"):
        os.mkdir(run.path(name), 0o755)
    run.path("etc/config", GDNSD.format(port=port, dir=run.dir))
    run.path("etc/zones/example.com", ZONE)
    server = run.start("gdnsd", "-c", run.path("etc"), "start")
    wait_for_port(port, server)
    run.uses_library(server)
    results = [ask_udp(port) for _ in range(50)] + \
        [ask_tcp(port) for _ in range(50)]
    run.output("gdnsdctl", "-c", run.path("etc"), "status")
    run.output("gdnsdctl", "-c", run.path("etc"), "stop")
    server.wait(SECONDS)
    return sorted(set(results)) + [len(results), server.returncode]


def http_server(run):
    port = free_port()
    run.path("file", b"y" * 5000)
    env = {k: v for k, v in run.env.items() if k != "LD_LIBRARY_PATH"}
    saved, run.env = run.env, env
    server = run.start(sys.executable, "-m", "http.server", "--bind",
                       "127.0.0.1", str(port))
    run.env = saved
    wait_for_port(port, server)
    return port


def certificate(run):
    pem = run.path("pem")
    run.output("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
               "-days", "1", "-subj", "/CN=localhost", "-keyout",
               run.path("key"), "-out", run.path("crt"))
    with open(pem, "wb") as out:
        for part in ("key", "crt"):
            with open(run.path(part), "rb") as f:
                out.write(f.read())
    return pem


HITCH = """frontend = "[127.0.0.1]:{front}"
backend = "[127.0.0.1]:{back}"
pem-file = "{pem}"
workers = 2
"""


def hitch(run):
    need("hitch", "openssl", "curl")
    back, front = http_server(run), free_port()
    text = HITCH.format(front=front, back=back, pem=certificate(run))
    if os.getuid() == 0:
        text += 'user = "nobody"\ngroup = "nogroup"\n'
        os.chmod(run.dir, 0o755)
    proxy = run.start("hitch", "--config=" + run.path("conf", text))
    wait_for_port(front, proxy)
    run.uses_library(proxy)

    def fetch():
        text = run.output("curl", "-sk", "https://127.0.0.1:%d/file" % front)
        return len(text)
    sizes = [fetch() for _ in range(15)]
    proxy.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    sizes += [fetch() for _ in range(5)]
    return [set(sizes), len(sizes), run.end(proxy, signal.SIGTERM, "end")]


def shadowsocks(run):
    need("ss-server", "ss-local", "curl")
    back, server_port, local_port = http_server(run), free_port(), free_port()
    common = ["-k", "secret", "-m", "aes-256-gcm", "-t", "30"]
    server = run.start("ss-server", "-s", "127.0.0.1", "-p",
                       str(server_port), *common, "-u")
    wait_for_port(server_port, server)
    local = run.start("ss-local", "-s", "127.0.0.1", "-p", str(server_port),
                      "-b", "127.0.0.1", "-l", str(local_port), *common, "-u")
    wait_for_port(local_port, local)
    run.uses_library(server)
    run.uses_library(local)
    sizes = [len(run.output("curl", "-s", "--socks5-hostname",
                            "127.0.0.1:%d" % local_port,
                            "http://127.0.0.1:%d/file" % back))
             for _ in range(20)]
    return [set(sizes), run.end(local, signal.SIGTERM, "local"),
            run.end(server, signal.SIGTERM, "server")]


def multiwatch(run):
    need("multiwatch")
    child = run.path("child", "#!/bin/sh\necho x >>%s\nexec sleep 0.2\n" %
                     run.path("starts"))
    os.chmod(child, 0o755)
    process = run.start("multiwatch", "-f", "3", "--", child)
    end = time.monotonic() + SECONDS
    while not os.path.exists(run.path("starts")) or \
            os.path.getsize(run.path("starts")) < 2 * 9:
        if time.monotonic() > end or process.poll() is not None:
            raise Failed("children are not started again: " + process.log())
        time.sleep(0.05)
    run.uses_library(process)
    return [run.end(process, signal.SIGINT, "end")]


def verto(run):
    need("cc")
    if not os.path.exists("/usr/include/verto.h"):
        raise Skipped("no libverto-dev")
    run.path("v.c", VERTO)
    run.output("cc", "-o", "v", "v.c", "-lverto")
    text = run.output(run.path("v"))
    if "ran 31" not in text:
        raise Failed(text)
    return [text]


CLIENTS = [nghttpd, timed_h2load, nghttpx, gdnsd, hitch, shadowsocks,
           multiwatch, verto]


# ---- Both libraries ------------------------------------------------------------


def attempt(client, env, library, load):
    run = Run(env, library, load)
    try:
        return client(run)
    finally:
        run.clean()


def compare(client, environments, load):
    """What there is to complain about."""
    results = {}
    for name, (env, library) in environments.items():
        try:
            results[name] = attempt(client, env, library, load)
        except (Failed, OSError, subprocess.SubprocessError) as e:
            return "on %s: %s: %s" % (name, type(e).__name__, e)
    print("# %s: %s" % (client.__name__, results["ours"]))
    if results["ours"] != results["theirs"]:
        return "theirs: %s\nours: %s" % (results["theirs"], results["ours"])
    return ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", default=os.path.join(
        BUILD, "lib/compat/ev/.libs"))
    parser.add_argument("--ivykis", default=os.path.join(BUILD, "lib/.libs"))
    parser.add_argument("--load", type=int, default=1)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    theirs = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    ours = dict(theirs, LD_LIBRARY_PATH="%s:%s" % (args.library, args.ivykis))
    environments = {"theirs": (theirs, None),
                    "ours": (ours, os.path.realpath(args.library))}
    failed = number = 0
    for client in CLIENTS:
        if args.names and client.__name__ not in args.names:
            continue
        number += 1
        try:
            complaint = compare(client, environments, args.load)
        except Skipped as e:
            print("ok %d - %s # SKIP %s" % (number, client.__name__, e))
            continue
        if complaint:
            print(re.sub("^", "# ", complaint, flags=re.M))
            failed += 1
        print("%sok %d - %s" % ("not " if complaint else "", number,
                                client.__name__), flush=True)
    print("1..%d" % number)
    return 1 if failed else 0


sys.exit(main())
