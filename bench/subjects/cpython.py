"""The collector's workloads in CPython. Started by cpython.ts, once per cell.

The first argument is a JSON object: workload, operations, size, repetitions, and the constants of
graphs.ts. Standard input holds the edges of the graph as 32-bit integers, where there is one. The
answer is a JSON object on standard output; times are in milliseconds.

What the interpreter itself has allocated is frozen first, so that collections examine our objects
alone; but for gc_collect and gc_traversal, which are pyperformance's.
"""

import array
import gc
import json
import os
import sys
import threading
import time

TASK = json.loads(sys.argv[1])
OBJECTS = TASK["operations"]
PAUSE_MIN_MS = TASK["pauseMinMs"]


class Node:
    __slots__ = ("a", "b", "c", "d")

    def __init__(self):
        self.a = None
        self.b = None
        self.c = None
        self.d = None


def now():
    return time.perf_counter() * 1000


def timed(collect):
    """One collection: its wall time, the process's CPU, and how many objects it collected."""
    cpu = time.process_time()
    begin = now()
    collected = collect()
    wall = now() - begin
    return {"wall": wall, "cpu": (time.process_time() - cpu) * 1000, "collected": collected}


# Graphs


def read_edges():
    edges = array.array("i")
    edges.frombytes(sys.stdin.buffer.read())
    return edges


def link(nodes, edges):
    """Makes the graph of `nodes`; returns the last one and the index at which the walk ends."""
    previous = nodes[-1]
    for node, a, b in zip(nodes, edges[0::2], edges[1::2]):
        node.a = nodes[a]
        node.b = nodes[b]
        node.c = previous
        previous = node
    node = previous
    for step in range(TASK["walkSteps"]):
        node = node.b if step & 1 else node.a
    return previous, nodes.index(node)


def build_graph(edges):
    return link([Node() for _ in range(OBJECTS)], edges)


def build_halves(edges):
    kept = []
    dropped = []
    for _ in range(OBJECTS // 2):
        kept.append(Node())
        dropped.append(Node())
    return link(kept, edges), link(dropped, edges)


def build_ring(objects):
    first = last = Node()
    for _ in range(objects - 1):
        node = Node()
        node.c = last
        last = node
    first.c = last
    return last


def build_rings():
    for _ in range(OBJECTS // TASK["smallRing"]):
        build_ring(TASK["smallRing"])


def ring_length(last):
    length = 1
    node = last.c
    while node is not last:
        node = node.c
        length += 1
    return length


def prepare():
    """Automatic collections off, the interpreter's own objects out of the way."""
    gc.disable()
    gc.collect()
    gc.freeze()


# Explicit collections


def full_live():
    edges = read_edges()
    prepare()
    last, walk = build_graph(edges)
    runs = [timed(gc.collect) for _ in range(TASK["repetitions"])]
    return {"runs": runs, "walk": walk, "live": ring_length(last), "collected": 0}


def garbage(build):
    """Repeats: `build` returns what is kept, or None, and where the walk of the graph ended."""
    prepare()
    runs = []
    for _ in range(TASK["repetitions"]):
        kept, walk = build()
        runs.append(timed(gc.collect))
        live = 0 if kept is None else ring_length(kept)
        if kept is not None:
            kept = None
            gc.collect()
    return {"runs": runs, "walk": walk, "live": live, "collected": runs[-1]["collected"]}


def full_garbage_graph(edges):
    return None, build_graph(edges)[1]


def half_garbage_graph(edges):
    (kept, walk), _ = build_halves(edges)
    return kept, walk


def full_garbage():
    edges = read_edges()
    return garbage(lambda: full_garbage_graph(edges))


def half_garbage():
    edges = read_edges()
    return garbage(lambda: half_garbage_graph(edges))


def ring_graph():
    build_ring(OBJECTS)
    return None, 0


def rings_graph():
    build_rings()
    return None, 0


# pyperformance, bm_gc_collect and bm_gc_traversal: the same objects and the same order of steps.


class Linked:
    def __init__(self):
        self.next = None
        self.prev = None

    def link_next(self, next):
        self.next = next
        self.next.prev = self


def create_cycle(node, links):
    current = node
    for _ in range(links):
        next_node = Linked()
        current.link_next(next_node)
        current = next_node
    current.link_next(node)


def gc_collect():
    runs = []
    for _ in range(10 * TASK["repetitions"]):
        gc.collect()
        all_cycles = []
        for _ in range(TASK["rings"]):
            node = Linked()
            all_cycles.append(node)
            create_cycle(node, TASK["ring"] - 1)
        del all_cycles, node
        runs.append(timed(gc.collect))
    # It may find something of the interpreter's as well.
    collected = min(OBJECTS, *(run["collected"] for run in runs))
    return {"runs": runs, "walk": 0, "live": 0, "collected": collected}


def gc_traversal():
    top = []
    for length in range(1, TASK["arrays"]):
        top = [top] * length
    runs = []
    for _ in range(10 * TASK["repetitions"]):
        gc.collect()
        runs.append(timed(gc.collect))
    edges = 0
    current = top
    while current:
        edges += len(current)
        current = current[0]
    return {"runs": runs, "walk": 0, "live": edges, "collected": runs[-1]["collected"]}


def young_live():
    """A chain of new objects, each with an edge to an older new one and one to an old one."""
    edges = read_edges()
    prepare()
    old = [Node() for _ in range(TASK["oldObjects"])]
    gc.collect()
    runs = []
    for _ in range(10 * TASK["repetitions"]):
        nodes = [Node() for _ in range(OBJECTS)]
        previous = None
        for node, a, b in zip(nodes, edges[0::2], edges[1::2]):
            node.a = nodes[a]
            node.b = old[b]
            node.c = previous
            previous = node
        nodes[0].a = None  # not itself: the chain is to die by its counts
        del nodes, node
        runs.append(timed(lambda: gc.collect(0)))
        live = 0
        node = previous
        while node is not None:
            live += 1
            node = node.c
        # From the newest on, or the interpreter would go down the chain recursively.
        while previous is not None:
            previous = previous.c
    return {"runs": runs, "walk": 0, "live": live, "collected": runs[-1]["collected"]}


# Collections beside a mutator


class PauseLog:
    def __init__(self, begin):
        self.previous = begin
        self.longest = 0
        self.pauses = []

    def tick(self, time):
        gap = time - self.previous
        if gap > self.longest:
            self.longest = gap
        if gap >= PAUSE_MIN_MS:
            self.pauses.append([self.previous, gap])
        self.previous = time


class Mutator(threading.Thread):
    """Allocates and drops objects, and stores references over others."""

    def __init__(self, ring):
        super().__init__()
        self.pool = [ring]
        node = ring.c
        while node is not ring and len(self.pool) < TASK["mutatorPool"]:
            self.pool.append(node)
            node = node.c
        self.is_alone = threading.Event()
        self.may_go_on = threading.Event()
        self.has_begun = False
        self.is_over = False
        self.at = 0

    def work(self):
        pool = self.pool
        for _ in range(16):
            Node()
            holder = pool[self.at]
            self.at = (self.at + 1) % len(pool)
            holder.d = pool[self.at]

    def work_for(self, milliseconds):
        begin = now()
        log = PauseLog(begin)
        operations = 0
        while log.previous - begin < milliseconds:
            self.work()
            log.tick(now())
            operations += 1
        return operations / (log.previous - begin), log

    def run(self):
        self.work_for(TASK["aloneMs"])
        self.before, self.alone = self.work_for(TASK["aloneMs"])
        self.is_alone.set()
        self.may_go_on.wait()
        cpu = time.thread_time()
        log = PauseLog(now())
        begin = None  # of the operation during which the collection began
        operations = 0
        while begin is None or not self.is_over:
            last = log.previous
            self.work()
            log.tick(now())
            if self.has_begun:
                begin = last if begin is None else begin
                operations += 1
        self.during = operations / (log.previous - begin)
        self.cpu = (time.thread_time() - cpu) * 1000
        self.beside = log


def collect_beside(kept, walk, live):
    """`kept` is what of the graph stays; the mutator works on it, or else on a ring of its own."""
    mutator = Mutator(kept if kept is not None else build_ring(1000))
    mutator.start()
    mutator.is_alone.wait()
    cpu = time.process_time()
    mutator.may_go_on.set()
    time.sleep(0.001)
    mutator.has_begun = True
    run = timed(gc.collect)
    mutator.is_over = True
    mutator.join()
    run["cpu"] = (time.process_time() - cpu) * 1000 - mutator.cpu
    return {
        "runs": [run],
        "walk": walk,
        "live": 0 if live == 0 else ring_length(kept),
        "collected": run["collected"],
        "pauses": [length for _, length in mutator.beside.pauses] or [mutator.beside.longest],
        "jitter": mutator.alone.longest,
        "before": mutator.before,
        "during": mutator.during,
    }


def full_live_automatic():
    edges = read_edges()
    prepare()
    last, walk = build_graph(edges)
    return collect_beside(last, walk, OBJECTS)


def full_garbage_automatic():
    edges = read_edges()
    prepare()
    return collect_beside(None, build_graph(edges)[1], 0)


def half_garbage_automatic():
    edges = read_edges()
    prepare()
    kept, walk = half_garbage_graph(edges)
    return collect_beside(kept, walk, OBJECTS // 2)


def ring_garbage_automatic():
    prepare()
    build_ring(OBJECTS)
    return collect_beside(None, 0, 0)


def rings_garbage_automatic():
    prepare()
    build_rings()
    return collect_beside(None, 0, 0)


# Automatic collections as they come


class Message:
    __slots__ = ("bytes", "entry")


class Entry:
    __slots__ = ("message",)


def latency(has_cycles):
    window = TASK["window"]
    message_bytes = TASK["messageBytes"]
    messages = {}

    def push(index):
        message = Message()
        message.bytes = bytearray([index & 0xFF]) * message_bytes
        if has_cycles:
            entry = Entry()
            entry.message = message
            message.entry = entry
            messages[index] = entry
        else:
            messages[index] = message
        if index >= window:
            del messages[index - window]

    def byte_of(index):
        value = messages[index]
        return (value.message if has_cycles else value).bytes[message_bytes - 1]

    lengths = array.array("d", bytes(8 * OBJECTS))
    begin = previous = now()
    for index in range(OBJECTS):
        push(index)
        end = now()
        lengths[index] = end - previous
        previous = end
    checksum = len(messages) * 65536 + byte_of(OBJECTS - window) * 256 + byte_of(OBJECTS - 1)
    return {"wall": previous - begin, "pauses": lengths.tolist(), "checksum": checksum}


def mmu():
    state = 1

    def below(limit):
        nonlocal state
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        return state % limit

    gc.disable()
    rings = [build_ring(2) for _ in range(TASK["size"] // 2)]
    gc.enable()
    milliseconds = TASK["operations"]

    def work_for(duration):
        begin = now()
        log = PauseLog(begin)
        steps = 0
        while log.previous - begin < duration:
            ring = build_ring(2)
            if steps & 1 == 0:
                rings[below(len(rings))] = ring
            steps += 1
            log.tick(now())
        return steps, begin, log

    work_for(milliseconds / 10)
    steps, begin, log = work_for(milliseconds)
    live = sum(ring_length(ring) for ring in rings)
    return {
        "steps": steps,
        "begin": begin,
        "end": log.previous,
        "longest": log.longest,
        "pauses": log.pauses,
        "live": live,
    }


WORKLOADS = {
    "gc_collect": gc_collect,
    "gc_traversal": gc_traversal,
    "full-live": full_live,
    "full-live-automatic": full_live_automatic,
    "mutator-beside-scan": full_live_automatic,
    "full-garbage": full_garbage,
    "full-garbage-automatic": full_garbage_automatic,
    "half-garbage": half_garbage,
    "half-garbage-automatic": half_garbage_automatic,
    "ring-garbage": lambda: garbage(ring_graph),
    "ring-garbage-automatic": ring_garbage_automatic,
    "rings-garbage": lambda: garbage(rings_graph),
    "rings-garbage-automatic": rings_garbage_automatic,
    "young-live": young_live,
    "latency": lambda: latency(False),
    "latency-cycles": lambda: latency(True),
    "mmu": mmu,
}

print(json.dumps(WORKLOADS[TASK["workload"]]()), flush=True)
# Without the interpreter's last collection, which would take as long as the measured one.
os._exit(0)
