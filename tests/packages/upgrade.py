#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""upgrade.py ROOT - a running syslog-ng is upgraded to our library.

ROOT is a Debian with syslog-ng-core on its own libivykis0, /proc mounted, and
our packages in ROOT/packages.  Messages are accepted before, while and after the package
is replaced and syslog-ng restarted: by TCP into a reliable disk-buffer, whose
destination is down until the end, and from a file that grows all the time.
Every one has to arrive, and ours has to be the library.  Needs root.
"""
import glob
import os
import signal
import socket
import subprocess
import sys
import threading
import time

CONF = """@version: 3.38
options {{ keep-hostname(yes); stats-freq(0); stats-level(1); time-reopen(1);
	use-dns(no); }};
source s_tcp {{ network(transport(tcp) ip(127.0.0.1) port({tcp})
	flags(no-parse)); }};
source s_file {{ file("/tmp/followed" follow-freq(0.1) flags(no-parse)); }};
destination d_net {{ network("127.0.0.1" transport(tcp) port({sink})
	template("$MSG\\n") disk-buffer(reliable(yes)
	disk-buf-size(16777216) mem-buf-size(1048576) dir("/tmp"))); }};
destination d_mirror {{ file("/tmp/mirror" template("$MSG\\n")
	flush-lines(1)); }};
log {{ source(s_tcp); source(s_file); destination(d_net);
	destination(d_mirror); flags(flow-control); }};
"""
ROOT = sys.argv[1]


def inside(*path):
    return os.path.join(ROOT, *path)


def chroot(*command, **more):
    return subprocess.Popen(["chroot", ROOT, *command],
                            stdin=subprocess.DEVNULL, **more)


def wait_for(condition, what, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"timed out: {what}")
        time.sleep(0.05)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def lines(path):
    try:
        with open(path, "rb") as f:
            return [line for line in f.read().split(b"\n") if line]
    except FileNotFoundError:
        return []


def start(tcp):
    proc = chroot("syslog-ng", "-F", "--no-caps", "-f", "/tmp/conf",
                  "-R", "/tmp/persist", "-p", "/tmp/pid", "-c", "/tmp/ctl")

    def listens():
        if proc.poll() is not None:
            sys.exit(f"syslog-ng ended with {proc.returncode}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", tcp)) == 0
    wait_for(listens, "syslog-ng listens")
    return proc


def library(proc):
    """The real name of what it has mapped."""
    with open(inside(f"proc/{proc.pid}/maps")) as f:
        return {os.path.basename(line.split()[5]) for line in f
                if "libivykis" in line}


def stop(proc):
    proc.send_signal(signal.SIGTERM)
    if proc.wait(30) != 0:
        sys.exit(f"syslog-ng ended with {proc.returncode}")


def send(tcp, texts):
    """Sends them, and returns when syslog-ng has accepted every one."""
    with socket.create_connection(("127.0.0.1", tcp)) as s:
        s.sendall(b"".join(text + b"\n" for text in texts))
        wait_for(lambda: set(texts) <= set(lines(inside("tmp/mirror"))),
                 "messages accepted")


class Follower(threading.Thread):
    """Appends to the followed file until it is told to end."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sent, self.ending = [], threading.Event()

    def run(self):
        with open(inside("tmp/followed"), "ab", buffering=0) as f:
            while not self.ending.wait(0.002):
                self.sent.append(b"file %d" % len(self.sent))
                f.write(self.sent[-1] + b"\n")


def collect(port, got, wanted):
    """The destination, at last."""
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(60)
    conn, _ = listener.accept()
    conn.settimeout(60)
    with conn, conn.makefile("rb") as f:
        while not wanted <= set(got):
            got.append(f.readline().rstrip(b"\n"))
    listener.close()


def main():
    tcp, sink = free_port(), free_port()
    with open(inside("tmp/conf"), "w") as f:
        f.write(CONF.format(tcp=tcp, sink=sink))
    open(inside("tmp/followed"), "w").close()

    proc = start(tcp)
    before = library(proc)
    follower = Follower()
    follower.start()
    accepted = [b"before %d" % i for i in range(2000)]
    send(tcp, accepted)

    arch = subprocess.check_output(["chroot", ROOT, "dpkg",
                                    "--print-architecture"], text=True).strip()
    debs = ["/packages/" + os.path.basename(p)
            for p in glob.glob(inside(f"packages/libivykis0_*_{arch}.deb"))]
    status = chroot("dpkg", "-i", *debs, stdout=subprocess.DEVNULL).wait()
    if status != 0:
        sys.exit(f"dpkg -i: {status}")
    # The old one is still mapped, and has to go on working.
    more = [b"replaced %d" % i for i in range(2000)]
    send(tcp, more)
    accepted += more
    stop(proc)

    proc = start(tcp)
    after = library(proc)
    more = [b"after %d" % i for i in range(2000)]
    send(tcp, more)
    accepted += more
    follower.ending.set()
    follower.join()
    accepted += follower.sent

    got = []
    receiver = threading.Thread(target=collect, daemon=True,
                                args=(sink, got, set(accepted)))
    receiver.start()
    receiver.join(90)
    stop(proc)
    lost = len(set(accepted) - set(got))
    print(f"{sorted(before)} -> {sorted(after)}: {len(accepted)} accepted, "
          f"{lost} lost, {len(got) - len(set(got))} doubled")
    if lost or before == after or not after:
        sys.exit(1)


main()
