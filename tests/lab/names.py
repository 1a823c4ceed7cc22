"""The name server of a lab: names.py ADDRESS HOSTS. Knows the lab's hosts (lines of `name address role`) and, as the cluster's
own would, where its API server is; of every other name it says that there is none. UDP only."""

import socket
import struct
import sys

API = {"kubernetes.default.svc.cluster.local": "10.96.0.1"}


def known(path):
    with open(path, encoding="ascii") as lines:
        return API | {line.split()[0]: line.split()[1] for line in lines if line.strip()}


def answer(query, names):
    if len(query) < 17 or query[4:6] != b"\0\1":
        return None
    labels, at = [], 12
    while at < len(query) and query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]])
        at += 1 + query[at]
    question = query[12 : at + 5]
    if len(question) < 5:
        return None
    name = b".".join(labels).decode("ascii", "replace").lower()
    address = names.get(name)
    wanted = struct.unpack("!H", query[at + 1 : at + 3])[0] in (1, 255)
    head = query[:2] + struct.pack("!HHHHH", 0x8580 if address else 0x8583, 1, int(bool(address) and wanted), 0, 0)
    if not (address and wanted):
        return head + question
    return head + question + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 30, 4) + socket.inet_aton(address)


def main():
    address, hosts = sys.argv[1:]
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    while True:
        query, client = server.recvfrom(4096)
        said = answer(query, known(hosts))
        if said:
            server.sendto(said, client)


main()
