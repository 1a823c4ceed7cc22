"""Carries Ethernet frames between two links, each some milliseconds late: delay.py LINK LINK MILLISECONDS.

The header that the kernel keeps beside a frame (checksums not yet made, packets not yet cut) goes along with it.
"""

import collections
import select
import socket
import sys
import time

PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23


def open_link(name):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    link.setsockopt(socket.SOL_PACKET if hasattr(socket, "SOL_PACKET") else 263, PACKET_VNET_HDR, 1)
    link.setsockopt(263, PACKET_IGNORE_OUTGOING, 1)
    link.bind((name, 3))
    link.setblocking(False)
    return link


def carry(first, second, late):
    waiting = collections.deque()
    other = {first: second, second: first}
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, link, frame = waiting.popleft()
            try:
                link.send(frame)
            except OSError:
                pass  # the cable is out, or its queue is full: networks lose packets
        pause = waiting[0][0] - now if waiting else None
        for link in select.select([first, second], [], [], pause)[0]:
            try:
                frame = link.recv(1 << 17)
            except OSError:
                continue
            waiting.append((time.monotonic() + late, other[link], frame))


carry(open_link(sys.argv[1]), open_link(sys.argv[2]), int(sys.argv[3]) / 1000)
