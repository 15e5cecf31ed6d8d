#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The customer: an unmodified syslog-ng on this library.

Prints TAP.  Every run starts syslog-ng with sources of each kind, loads it by
loggen over 100 TCP connections while it is reloaded again and again, and then
asks: did every message that TCP accepted arrive exactly once and in order?
Did unix-dgram, UDP, a followed file and a watched directory work?  Did it
survive the removal of that directory and the restart of a destination?  Did
it end with status 0, with as many descriptors and threads as before?

usage: syslog-ng.py [--library DIR] [--methods "M ..."] [--seconds N]
                    [--reference]

--library    directory with libivykis.so.0 (default: lib/.libs of the build)
--methods    poll methods to force; "default" leaves the choice to the library
--seconds    how long each load lasts
--reference  also runs on the system's own library, and compares throughputs
"""
import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

CONF = """@version: 3.38
options {{ threaded(yes); keep-hostname(yes); stats-freq(0); flush-lines(100);
	log-fifo-size(200000); time-reopen(1); use-dns(no); }};
source s_tcp {{ network(transport(tcp) ip(127.0.0.1) port({tcp})
	max-connections(300) log-iw-size(60000) flags(no-parse)); }};
source s_udp {{ network(transport(udp) ip(127.0.0.1) port({udp})
	so-rcvbuf(4194304) flags(no-parse)); }};
source s_unix {{ unix-dgram("{dir}/log.sock" flags(no-parse)); }};
source s_file {{ file("{dir}/followed" follow-freq(0.1) flags(no-parse)); }};
source s_wild {{ wildcard-file(base-dir("{dir}/watched")
	filename-pattern("*.log") recursive(no) monitor-method(auto)
	follow-freq(0.1) flags(no-parse)); }};
destination d_tcp {{ file("{dir}/tcp.out" template("$MSG\\n")); }};
destination d_udp {{ file("{dir}/udp.out" template("$MSG\\n")); }};
destination d_unix {{ file("{dir}/unix.out" template("$MSG\\n")); }};
destination d_file {{ file("{dir}/file.out" template("$MSG\\n")); }};
destination d_wild {{ file("{dir}/wild.out" template("$MSG\\n")); }};
destination d_net {{ network("127.0.0.1" transport(tcp) port({sink})
	template("$MSG\\n")); }};
log {{ source(s_tcp); destination(d_tcp); flags(flow-control); }};
log {{ source(s_udp); destination(d_udp); }};
log {{ source(s_unix); destination(d_unix); destination(d_net); }};
log {{ source(s_file); destination(d_file); }};
log {{ source(s_wild); destination(d_wild); }};
"""

CONNECTIONS = 100
LINE = re.compile(rb"seq: (\d+), thread: (\d+), runid: (-?\d+)")
COUNT = re.compile(r"average rate = ([\d.]+) msg/sec, count=(\d+)")
NUMBER = 0
FAILED = 0


def report(good, what, detail=""):
    global NUMBER, FAILED
    NUMBER += 1
    FAILED += not good
    if detail:
        print("#", detail)
    print("ok" if good else "not ok", NUMBER, "-", what, flush=True)


def skip_all(reason):
    print("1..0 # SKIP", reason)
    sys.exit(0)


def wait_for(condition, seconds=20.0):
    """Polls for something that another process brings about."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


def content(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


class Sink:
    """A TCP destination that can be stopped and started again."""

    def __init__(self, port):
        self.port, self.lines, self.lock = port, [], threading.Lock()
        self.start()

    def start(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen()
        self.conns = []
        threading.Thread(target=self.accept, args=(self.listener,),
                         daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            self.conns.append(conn)
            threading.Thread(target=self.read, args=(conn,),
                             daemon=True).start()

    def read(self, conn):
        try:
            with conn.makefile("rb") as f:
                for line in f:
                    with self.lock:
                        self.lines.append(line)
        except OSError:
            pass

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for conn in self.conns:
            conn.shutdown(socket.SHUT_RDWR)
            conn.close()

    def has(self, text):
        with self.lock:
            return any(text in line for line in self.lines)


class SyslogNg:
    def __init__(self, library, method):
        self.dir = tempfile.mkdtemp(prefix="ivykis-syslog-ng-")
        self.tcp, self.udp, self.sink_port = free_ports(3)
        os.mkdir(self.path("watched"))
        open(self.path("followed"), "w").close()
        self.sink = Sink(self.sink_port)
        with open(self.path("conf"), "w") as f:
            f.write(CONF.format(dir=self.dir, tcp=self.tcp, udp=self.udp,
                                sink=self.sink_port))
        env = {k: v for k, v in os.environ.items()
               if k not in ("IV_SELECT_POLL_METHOD", "IV_EXCLUDE_POLL_METHOD",
                            "LD_LIBRARY_PATH")}
        if library:
            env["LD_LIBRARY_PATH"] = library
        if method != "default":
            env["IV_SELECT_POLL_METHOD"] = method
        self.err = open(self.path("stderr"), "wb")
        self.proc = subprocess.Popen(
            ["syslog-ng", "-F", "--no-caps", "-f", self.path("conf"),
             "-R", self.path("persist"), "-p", self.path("pid"),
             "-c", self.path("ctl")],
            env=env, stdin=subprocess.DEVNULL, stderr=self.err)

    def path(self, name):
        return os.path.join(self.dir, name)

    def alive(self):
        return self.proc.poll() is None

    def started(self):
        def connects():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.tcp)) == 0
        return wait_for(lambda: self.alive() and connects() and
                        os.path.exists(self.path("log.sock")))

    def maps(self, text):
        with open(f"/proc/{self.proc.pid}/maps") as f:
            return text in f.read()

    def resources(self):
        base = f"/proc/{self.proc.pid}"
        return len(os.listdir(base + "/fd")), len(os.listdir(base + "/task"))

    def reload(self):
        self.proc.send_signal(signal.SIGHUP)

    def datagram(self, text):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.connect(self.path("log.sock"))
            s.send(text)

    def stop(self):
        if self.alive():
            self.proc.send_signal(signal.SIGTERM)
        try:
            return self.proc.wait(30)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            return "timed out"

    def clean_up(self):
        self.stop()
        self.sink.stop()
        self.err.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def loggen(port, rate, seconds):
    """Starts the load; finish() gives (messages sent, messages/s)."""
    proc = subprocess.Popen(
        ["loggen", "--inet", "--stream", "--active-connections",
         str(CONNECTIONS), "--rate", str(rate), "--interval", str(seconds),
         "--size", "200", "127.0.0.1", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish():
        out, _ = proc.communicate(timeout=seconds + 60)
        found = COUNT.search(out)
        return (int(found[2]), float(found[1])) if found else (-1, 0.0)
    return finish


class Arrivals:
    """Messages in a file that grows, each looked at once."""

    def __init__(self, path):
        self.path = path
        self.offset = self.count = 0
        self.rest = b""
        self.expected = {}
        self.wrong = ""         # missing, doubled or out of order: the first

    def take(self, line):
        self.count += 1
        m = LINE.search(line)
        if not m:
            self.wrong = self.wrong or f"unreadable line {line[:80]!r}"
            return
        key = (m[2], m[3])
        expected = self.expected.get(key, 0)
        if int(m[1]) != expected and not self.wrong:
            self.wrong = (f"connection {key}: {int(m[1])} instead of "
                          f"{expected}")
        self.expected[key] = int(m[1]) + 1

    def look(self):
        """False if nothing has come since."""
        if not os.path.exists(self.path):
            return False
        with open(self.path, "rb") as f:
            f.seek(self.offset)
            data = f.read(1 << 24)
        self.offset += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.take(line)
        return len(data) > 0

    def wait_for(self, count):
        while self.count < count and wait_for(self.look, 30):
            pass


def tcp_under_reloads(s, arrivals, seconds, name):
    """Exactly once, in order, while SIGHUPs come as fast as they are done."""
    finish = loggen(s.tcp, 100, seconds)
    reloads = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        s.reload()
        reloads += 1
        time.sleep(0.1)         # the pace of the storm, not a synchronisation
    sent, _ = finish()
    arrivals.wait_for(sent)
    got, wrong = arrivals.count, arrivals.wrong
    report(got == sent > 0 and not wrong,
           f"{name}: TCP, {CONNECTIONS} connections, reloads under load",
           f"{sent} messages sent, {got} arrived, {reloads} reloads {wrong}")


def other_sources(s, name):
    for i in range(200):
        s.datagram(b"datagram %d" % i)
    report(wait_for(lambda: content(s.path("unix.out")).count(b"\n") == 200),
           f"{name}: unix-dgram")

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
        for i in range(200):
            u.sendto(b"udp %d" % i, ("127.0.0.1", s.udp))
    report(wait_for(lambda: content(s.path("udp.out")).count(b"\n") == 200),
           f"{name}: UDP")

    for i in range(5):
        with open(s.path("followed"), "a") as f:
            f.writelines(f"line {i} {j}\n" for j in range(100))
    report(wait_for(lambda: content(s.path("file.out")).count(b"\n") == 500),
           f"{name}: followed file")

    for i in range(5):
        with open(s.path(f"watched/{i}.log"), "w") as f:
            f.writelines(f"file {i} {j}\n" for j in range(100))
    report(wait_for(lambda: content(s.path("wild.out")).count(b"\n") == 500),
           f"{name}: files appearing in a directory")

    shutil.rmtree(s.path("watched"))
    s.datagram(b"directory is gone")
    report(wait_for(lambda: b"directory is gone" in
                    content(s.path("unix.out"))) and s.alive(),
           f"{name}: directory removed while watched")


def destination_restart(s, name):
    s.datagram(b"before restart")
    good = wait_for(lambda: s.sink.has(b"before restart"))
    s.sink.stop()
    s.sink.start()
    tries = 0

    def arrives():
        nonlocal tries
        tries += 1
        s.datagram(b"after restart %d" % tries)
        return s.sink.has(b"after restart")
    report(good and wait_for(arrives), f"{name}: destination restarted")


def throughput(s, arrivals, seconds, name):
    before = arrivals.count
    sent, rate = loggen(s.tcp, 1000000, seconds)()
    arrivals.wait_for(before + sent)
    got, wrong = arrivals.count - before, arrivals.wrong
    report(got == sent > 0 and not wrong,
           f"{name}: TCP as fast as it goes",
           f"{sent} messages sent, {got} arrived, {rate:.0f}/s {wrong}")
    return rate


def scenario(library, method, seconds, label):
    name = f"{label} {method}"
    s = SyslogNg(library, method)
    rate = 0.0
    try:
        good = s.started()
        if good and library:
            good = s.maps(os.path.realpath(library) + "/libivykis.so.0")
        report(good, f"{name}: starts on the library under test",
               "" if good else content(s.path("stderr")).decode()[-800:])
        if not good:
            return rate
        wait_for(lambda: s.resources() == s.resources(), 1)
        before = s.resources()
        arrivals = Arrivals(s.path("tcp.out"))
        tcp_under_reloads(s, arrivals, seconds, name)
        rate = throughput(s, arrivals, seconds, name)
        other_sources(s, name)
        destination_restart(s, name)
        # Idle workers end after 10 s; the sources above hold some files.
        limit = before[0] + 8, before[1] + 1
        settled = wait_for(lambda: s.resources()[0] <= limit[0] and
                           s.resources()[1] <= limit[1], 30)
        report(settled, f"{name}: descriptors and threads are back",
               f"{before} at the start, {s.resources()} at the end")
    finally:
        status = s.stop()
        report(status == 0, f"{name}: SIGTERM ends it with status 0",
               f"status {status} " + content(s.path("stderr")).decode()[-300:]
               if status else "")
        s.clean_up()
    return rate


def main():
    top = os.environ.get("top_builddir", ".")
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--library", default=os.path.join(top, "lib/.libs"))
    p.add_argument("--methods",
                   default="default epoll-timerfd epoll ppoll poll")
    p.add_argument("--seconds", type=int, default=2)
    p.add_argument("--reference", action="store_true")
    args = p.parse_args()
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin"

    for tool in ("syslog-ng", "loggen"):
        if not shutil.which(tool):
            skip_all(f"{tool} is not installed")
    library = os.path.realpath(args.library)
    if not os.path.exists(os.path.join(library, "libivykis.so.0")):
        skip_all(f"no libivykis.so.0 in {args.library}")

    ours = {m: scenario(library, m, args.seconds, "ivykis")
            for m in args.methods.split()}
    if args.reference:
        theirs = scenario("", "default", args.seconds, "system's library")
        print(f"# messages/s: ours {ours.get('default', 0):.0f}, "
              f"the system's {theirs:.0f}")
    print(f"1..{NUMBER}")
    sys.exit(FAILED != 0)


main()
