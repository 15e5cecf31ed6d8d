# SPDX-License-Identifier: MIT
"""Commands for gdb: what is registered in the loops of a process or a core.

gdb loads this by itself when it sees the library, from its auto-load directory;
elsewhere "source" does.  It reads memory and calls nothing.  It needs the
debug symbols of the library, which may be in files of their own.
"""

import time

import gdb

NS = 1000000000
NEVER = (1 << 63) - 1
SLOTS = 256
PAGE = "iv_inspect(3)"


# ---- Reading memory ---------------------------------------------------------


def file_of(function):
    """The scope of the source file that defines a function."""
    # Link-time optimisation makes one file of all, and inlines functions.
    for name in (function, "iv_init"):
        symbol = gdb.lookup_global_symbol(name)
        if symbol is not None and symbol.symtab is not None:
            return symbol.symtab.static_block()
    raise gdb.GdbError("there is no libivykis here, or it has no debug "
                       "symbols: see " + PAGE)


def type_of(name, function=None):
    """A type; with FUNCTION, that of its source file."""
    if function is None:
        return gdb.lookup_type(name)
    return gdb.lookup_type(name, file_of(function))


def offset_of(kind, path):
    """Of a member, "a.b", in bytes."""
    offset = 0
    for name in path.split("."):
        field = next(f for f in kind.fields() if f.name == name)
        offset += field.bitpos // 8
        kind = field.type.strip_typedefs()
    return offset


def at(address, kind):
    return gdb.Value(int(address)).cast(kind.pointer()).dereference()


def containers(head, kind, path):
    """Each element of a list, by the node it has in the member PATH."""
    offset = offset_of(kind, path)
    end, node = int(head.address), int(head["next"])
    seen = {end}
    while node not in seen and node != 0:
        yield at(node - offset, kind)
        seen.add(node)
        node = int(at(node, head.type)["next"])
    if node != end:
        raise gdb.MemoryError("the list at 0x%x is broken" % end)


def overlaid(pub, priv, member, address, function=None):
    """The private part, over MEMBER, of the public struct at ADDRESS."""
    offset = offset_of(type_of(pub), member)
    return at(int(address) + offset, type_of(priv, function))


def public(pub, member, private):
    kind = type_of(pub)
    return at(int(private.address) - offset_of(kind, member), kind)


def in_pads(head, pub, priv, node, function=None, member="pad"):
    """The public structs of a list whose nodes are in their private parts."""
    kind = type_of(priv, function)
    for private in containers(head, kind, node):
        yield public(pub, member, private), private


def name_of(function):
    """A handler, by symbol."""
    address = int(function)
    if address == 0:
        return "-"
    said = gdb.execute("info symbol 0x%x" % address, to_string=True)
    if said.startswith("No symbol"):
        return "0x%x" % address
    return said.split(" in section")[0].strip()


def string(value):
    return '"%s"' % value.string(errors="replace")


def call_of(obj):
    return "%s, cookie 0x%x" % (name_of(obj["handler"]), int(obj["cookie"]))


# ---- Loops ------------------------------------------------------------------


def loops():
    for symbol in file_of("ivi_check_init"):
        if symbol.name == "loops":
            yield from containers(symbol.value(), type_of("struct ivi_loop"),
                                  "check.loops")


def ns_of(ts):
    ns = int(ts["tv_sec"]) * NS + int(ts["tv_nsec"])
    return min(ns, NEVER)


def is_live():
    connection = getattr(gdb.selected_inferior(), "connection", None)
    return connection is not None and connection.type == "native"


def now_of(loop):
    """The time now, or, in a core, of the last wait."""
    if is_live():
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return max(ns_of(loop["now"]["value"]), int(loop["timers"]["q"]["limit"]))


def thread_of(loop):
    number = int(loop["check"]["thread"])
    for thread in gdb.selected_inferior().threads():
        if number == thread.ptid[1]:
            return "thread %d (gdb's %d)" % (number, thread.num)
    return "thread %d" % number


def state_of(loop):
    if not loop["check"]["entered"]:
        return "not entered"
    if int(loop["run"]["depth"]) == 0:
        return "not running"
    return "told to quit" if loop["run"]["quit"] else "running"


def spin_of(loop):
    meter, waits = loop["meter"], int(loop["run"]["waits"])
    spun = int(meter["spun"])
    if spun == 0 or waits - int(meter["spun_wait"]) > 1:
        return ""
    return ", no progress for %d turns" % spun


def holds_of(loop):
    """What keeps it running, without the task that calls its own posts."""
    local = loop["events"]["local"]
    own = overlaid("struct iv_task", "struct ivi_task", "pad", local.address)
    return int(loop["holds"]) - (1 if int(own["state"]) else 0)


def head_of(loop):
    run = loop["run"]
    return "loop 0x%x: %s, %s, %s, %d turns, kept running by %d%s" % (
        int(loop.address), loop["poller"]["method"]["name"].string(),
        thread_of(loop), state_of(loop),
        int(run["waits"]) + int(run["ends"]), holds_of(loop),
        spin_of(loop))


# ---- Objects of the core ----------------------------------------------------


def bits(value, words):
    return " ".join(word for bit, word in words if value & bit)


BANDS = ((1, "in"), (2, "out"), (4, "err"))
OPTIONS = ((1, "RAW"), (2, "EDGE"), (4, "EXCLUSIVE"), (8, "NOREF"),
           (16, "ANY"), (32, "PRI"))
SUSPENDED = 0x100


def fd_line(fd, private):
    handlers = ["%s %s" % (band, name_of(fd["handler_" + band]))
                for _, band in BANDS if int(fd["handler_" + band])]
    parts = handlers or ["no handlers"]
    if int(private["flags"]) & SUSPENDED:
        parts.append("suspended")
    for label, value, words in (
            ("watched for", int(private["wanted"]), BANDS),
            ("ready", int(private["ready"]) & 7, BANDS),
            ("flags", int(private["options"]), OPTIONS)):
        if bits(value, words):
            parts.append("%s %s" % (label, bits(value, words)))
    return "iv_fd 0x%x: fd %d, %s, cookie 0x%x" % (
        int(fd.address), int(fd["fd"]), ", ".join(parts), int(fd["cookie"]))


def fds(loop):
    own = int(loop["events"]["wake_fd"].address)
    for fd, private in in_pads(loop["poller"]["all"], "struct iv_fd",
                               "struct ivi_fd", "all"):
        if int(fd.address) != own:
            yield fd_line(fd, private)


def timer_lists(queue):
    yield queue["due"]
    yield queue["past"]
    for word in range(queue["used"].type.range()[1] + 1):
        used = int(queue["used"][word])
        for bit in range(64):
            if used >> bit & 1:
                yield queue["slot"][word * 64 + bit]


def timers(loop):
    found = []
    for head in timer_lists(loop["timers"]["q"]):
        for timer, _ in in_pads(head, "struct iv_timer", "struct ivi_timer",
                                "node"):
            found.append((ns_of(timer["expires"]), timer))
    now = now_of(loop)
    for when, timer in sorted(found, key=lambda pair: pair[0]):
        left = when - now
        yield "iv_timer 0x%x: %s %d.%06d s, %s" % (
            int(timer.address), "in" if left > 0 else "late by",
            abs(left) // NS, abs(left) % NS // 1000, call_of(timer))


def tasks(loop):
    own = int(loop["events"]["local"].address)
    for head in (loop["tasks"]["round"], loop["tasks"]["queue"]):
        for task, _ in in_pads(head, "struct iv_task", "struct ivi_task",
                               "node"):
            if int(task.address) != own:
                yield "iv_task 0x%x: %s" % (int(task.address), call_of(task))


def event_line(private):
    if int(private["owner"]) & 2:
        call = public("struct iv_call", "pad", private)
        return "iv_call 0x%x: %s" % (int(call.address), call_of(call))
    event = public("struct iv_event", "owner", private)
    return "iv_event 0x%x: posted, %s" % (int(event.address), call_of(event))


def events(loop):
    kind = type_of("struct ivi_event")
    events_ = loop["events"]
    if int(events_["registered"]):
        yield "iv_event: %d registered" % int(events_["registered"])
    for head in (events_["batch"], events_["pending"]):
        for private in containers(head, kind, "node"):
            yield event_line(private)
    node = int(events_["posts"])
    while node:
        private = at(node, kind)
        yield event_line(private)
        node = int(private["node"]["next"])
        node = node - offset_of(kind, "node") if node else 0


# ---- Objects of modules -----------------------------------------------------


def slot_of(loop, name, function, index):
    """A module's state in a loop, or None."""
    slot = loop["tls"]["slot"][int(gdb.parse_and_eval(index))]
    return at(slot, type_of(name, function)) if int(slot) else None


def length_of(queue):
    return int(queue["tail"]) - int(queue["head"]) + int(queue["resting"])


def queued(queue):
    """Its items, the oldest first."""
    for i in range(int(queue["head"]), int(queue["tail"])):
        yield queue["place"][i % SLOTS]
    item = queue["rest"]["first"]
    while int(item):
        yield item
        item = item["next"]


def item_line(what, private):
    item = public("struct iv_work_item", "list", private)
    return "  %s iv_work_item 0x%x: %s, cookie 0x%x" % (
        what, int(item.address), name_of(item["work"]), int(item["cookie"]))


def pool_lines(pool):
    workers = list(containers(pool["all"], type_of("struct ivi_worker"),
                              "all"))
    busy = [w["current"] for w in workers if int(w["current"])]
    done = sum(int(pool["ended"][i]) for i in (0, 1)) - int(pool["cancelled"])
    yield "iv_work_pool 0x%x: %d queued, %d running, %d done, %d of %d " \
        "threads" % (int(pool["name"]), length_of(pool["queue"]), len(busy),
                     done, int(pool["workers"]), int(pool["max_threads"]))
    for private in busy:
        yield item_line("running", private.dereference())
    for private in queued(pool["queue"]):
        yield item_line("queued", private.dereference())


def pools(loop):
    state = slot_of(loop, "struct state", "ivi_work_set_worker",
                    "IVI_SLOT_WORK")
    if state is not None:
        for pool in containers(state["pools"], type_of("struct ivi_pool"),
                               "pools"):
            yield from pool_lines(pool)


def children(loop):
    function = "iv_wait_interest_register"
    state = slot_of(loop, "struct children", function, "IVI_SLOT_WAIT")
    if state is None:
        return
    kind = type_of("struct child", function)
    for name in ("living", "sweeping", "ended"):
        for child in containers(state[name], kind, "node"):
            wait = child["interest"].dereference()
            yield "iv_wait_interest 0x%x: process %d%s, %s" % (
                int(wait.address), int(wait["pid"]),
                "" if child["alive"] else ", ended", call_of(wait))


def signals(loop):
    function = "iv_signal_register"
    state = slot_of(loop, "struct signals", function, "IVI_SLOT_SIGNAL")
    if state is None:
        return
    for sig, private in in_pads(state["all"], "struct iv_signal",
                                "struct ivi_signal", "node", function,
                                "an"):
        yield "iv_signal 0x%x: signal %d, %s" % (
            int(sig.address), int(private["signum"]), call_of(sig))


# ---- Commands ---------------------------------------------------------------

KINDS = (
    ("fds", fds, "descriptors: handlers, what they wait and are ready for"),
    ("timers", timers, "timers, and how long they have"),
    ("tasks", tasks, "tasks"),
    ("events", events, "posted events and calls, and how many events"),
    ("signals", signals, "signals"),
    ("children", children, "children that are waited for"),
    ("pools", pools, "work pools, what they work on and what waits"),
)


def told(lines, loop):
    """What LINES says, as far as memory can be read."""
    try:
        for line in lines(loop):
            print("  " + line)
    except gdb.MemoryError as error:
        print("  damaged, or being changed: %s" % error)


class Prefix(gdb.Command):
    """What is registered in the event loops of ivykis."""

    def __init__(self):
        super().__init__("iv", gdb.COMMAND_DATA, prefix=True)


class Loops(gdb.Command):
    """Lists the event loops of all threads."""

    def __init__(self):
        super().__init__("iv loops", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        for loop in loops():
            print(head_of(loop))


class Kind(gdb.Command):
    """Lists the objects of one kind in each loop."""

    def __init__(self, name, lines, what):
        self.__doc__ = "Lists the %s, in each loop." % what
        super().__init__("iv " + name, gdb.COMMAND_DATA)
        self.lines = lines

    def invoke(self, argument, from_tty):
        for loop in loops():
            print(head_of(loop))
            told(self.lines, loop)


class All(gdb.Command):
    """Lists all that is registered, in each loop."""

    def __init__(self):
        super().__init__("iv all", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        for loop in loops():
            print(head_of(loop))
            for _, lines, _ in KINDS:
                told(lines, loop)


Prefix()
Loops()
All()
for kind_ in KINDS:
    Kind(*kind_)
