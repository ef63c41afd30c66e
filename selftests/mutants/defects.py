#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Deliberate defects, each of one line or little more, of the kind that is made by mistake; and the part of the tests that
has to notice it.

A part is one of

    unit NAME          a unit test of QEMU
    qtest NAME [PATH]  a qtest, or those of its cases below PATH
    fuzz TARGET        a short run of the fuzzer
    tool               the tests of sdm-test
    guests NAME TESTS  a scenario with some of its test programs
"""

from collections import namedtuple

# name, file, what is there, what is there instead, which part notices
Defect = namedtuple("Defect", "name file old new part")

HW = "qemu/src/hw/sdm/"

DEFECTS = [
    # What comes from the network
    Defect("frame one byte too long", HW + "proto.c",
           "header->length > frame_limits[i].max_length)", "header->length > frame_limits[i].max_length + 1)",
           "unit test-sdm-proto"),
    Defect("section longer than the frame", HW + "proto.c",
           "if (size > length || size % 8) {", "if (size > length + 8 || size % 8) {", "unit test-sdm-proto"),
    Defect("no look at unknown flags", HW + "proto.c",
           "if (header->flags & ~frame_limits[i].flags) {", "if (!frame_limits[i].type) {", "unit test-sdm-proto"),
    Defect("header with the wrong byte order", HW + "proto.c",
           "stl_le_p(buf + 4, header->length);", "stl_be_p(buf + 4, header->length);", "unit test-sdm-proto"),
    Defect("access one byte behind the RAM", HW + "memory-server.c",
           "return length && length <= size && offset <= size - length;",
           "return length && length <= size && offset <= size - length + 1;", "qtest sdm-slave-protocol-test"),
    Defect("read of any length", HW + "memory-server.c",
           "if (!length || length > SDM_PROTO_MAX_DATA) {", "if (!length) {", "qtest sdm-slave-protocol-test"),
    Defect("signal in the name of another slave", HW + "comm-socket.c",
           "if (entry->signal.source != id) {", "if (entry->signal.source >= SDM_MAX_IDS) {",
           "qtest sdm-master-protocol-test"),
    Defect("more signals than credits", HW + "core.c",
           "if (peer->rx.count == SDM_QUEUE_DEPTH) {\n        return \"more signals than credits\";",
           "if (peer->rx.count == SDM_QUEUE_DEPTH) {\n        return NULL;", "qtest sdm-master-protocol-test"),
    Defect("answer of any length", HW + "remote-ram.c",
           "    if (!request || h->length != (h->arg == SDM_MEM_OK ? request->length :\n"
           "                                                         0)) {",
           "    if (!request) {", "qtest sdm-timeout-test"),
    Defect("file of any size as RAM", HW + "hostmem-network.c",
           "        st.st_size < mem->size) {", "        st.st_size < 0) {", "qtest sdm-master-protocol-test"),
    Defect("crowds keep slaves out", HW + "multi-socket-listen.c",
           "    if (num_pending(ms) >= MAX_PENDING) {\n        drop_oldest_pending(ms);\n",
           "    if (num_pending(ms) >= MAX_PENDING) {\n        return;\n        drop_oldest_pending(ms);\n",
           "qtest sdm-master-protocol-test"),
    # TLS
    Defect("any certificate makes a slave", HW + "multi-socket-link.c",
           "if (peer->tls && !multi_socket_tls_authorised(peer, errp)) {",
           "if (peer->tls && !multi_socket_tls_authorised(peer, NULL) && !code) {", "qtest sdm-tls-test"),
    Defect("any certificate makes a master", HW + "multi-socket-tls.c",
           "if (status == QCRYPTO_TLS_HANDSHAKE_COMPLETE && !peer->ms->listen &&",
           "if (status == QCRYPTO_TLS_HANDSHAKE_COMPLETE && peer->dead &&", "qtest sdm-tls-test"),
    # Memory
    Defect("stores with the wrong byte order", HW + "remote-ram.c",
           "stn_le_p(data, size, value);", "stn_be_p(data, size, value);", "qtest sdm-window-test"),
    Defect("stores that never leave", HW + "multi-socket-tx.c",
           "        tx->stream = false;\n        event_notifier_set(&peer->wakeup);",
           "        tx->stream = false;", "qtest sdm-window-test"),
    Defect("store overtakes a frame", HW + "multi-socket-tx.c",
           "    /* A store that comes now is behind this frame. */\n    tx->write_length = 0;\n", "",
           "qtest sdm-dma-test"),
    Defect("failed loads read as zero", HW + "remote-ram.c", "*value = ~0ull;", "*value = 0;",
           "qtest sdm-timeout-test"),
    Defect("failed stores are not told", HW + "remote-ram.c",
           "return ret ? remote_ram_error(ram, addr, true, error_cause(ret)) :\n                 MEMTX_OK;",
           "return MEMTX_OK;", "qtest sdm-timeout-test"),
    Defect("slaves overlap by a byte", HW + "window-map.c",
           "ranges_overlap(offset, size, map->slots[i].offset,",
           "ranges_overlap(offset, size - 1, map->slots[i].offset,",
           "unit test-sdm-window-map"),
    Defect("a slave's place is not kept", HW + "window-map.c",
           "    if (map->slots[id].size == size &&", "    if (map->slots[id].size > size &&",
           "unit test-sdm-window-map"),
    # Signals and states
    Defect("credits do not come back", HW + "core.c",
           "        comm_class(core)->return_credits(core->config.comm, core, id, n, now);\n", "",
           "qtest sdm-signal-test"),
    Defect("a report of another signal", HW + "comm-socket.c",
           "link_send_credits(link, signal + 1);", "link_send_credits(link, signal);", "qtest sdm-signal-test"),
    Defect("signals overtake what was written", HW + "coherent.c",
           "        send_changes(c, announce);\n        send_signals(c, signals);\n",
           "        send_signals(c, signals);\n        send_changes(c, announce);\n", "qtest sdm-coherent-test"),
    Defect("changes are told again and again", HW + "mem-diff.c",
           "        memcpy(twin + at, record + SDM_DIFF_HEADER, n);\n", "", "unit test-sdm-mem-diff"),
    Defect("no credit is kept for the reset", HW + "core.c",
           "peer->reset_signal != SDM_SIGNAL_NONE) {\n        reserve++;",
           "peer->reset_signal != SDM_SIGNAL_NONE) {\n        reserve += 0;", "qtest sdm-signal-test"),
    Defect("no interrupt for a signal", HW + "core.c",
           "        signal_taken(core, signal->source, &message, true);\n    }\n    sdm_core_update_irq(core);\n",
           "        signal_taken(core, signal->source, &message, true);\n    }\n", "qtest sdm-signal-test"),
    Defect("who waits for room is not told of the end", HW + "core.c",
           "    tell_tx_free(core, id, false);\n", "", "qtest sdm-signal-test"),
    Defect("a crash looks like an end in order", HW + "core.c",
           "peer->state = in_order ? SDM_PEER_ABSENT : SDM_PEER_LOST;", "peer->state = SDM_PEER_ABSENT;",
           "qtest sdm-link-test"),
    Defect("a new connection looks like the old one", HW + "core.c", "    peer->generation++;\n", "",
           "qtest sdm-link-test"),
    Defect("a slave insists on a place that is taken", HW + "multi-socket-connect.c",
           "        ms->ask_id = ms->wanted_id;\n    }\n    connect_again(ms);", "    }\n    connect_again(ms);",
           "qtest sdm-reconnect-test"),
    # Bulk transfers
    Defect("transfer into read-only memory", HW + "dma-transfer.c",
           "        if (!memory_access_is_direct(next, is_write,", "        if (!memory_access_is_direct(next, false,",
           "qtest sdm-dma-test"),
    Defect("no interrupt at the end of a transfer", HW + "dma-transfer.c",
           "        dma->status |= SDM_DMA_STATUS_DONE;\n", "", "qtest sdm-dma-test"),
    Defect("an error of one part is forgotten", HW + "dma-transfer.c",
           "    if (t->status == SDM_DMA_OK) {\n        t->status = status;\n    }",
           "    t->status = status;", "qtest sdm-dma-test"),
    # Driver
    Defect("descriptors all go to the beginning", "drivers/ring.c",
           "cpu_to_le64(transfer->offset + transfer->taken)", "cpu_to_le64(transfer->offset)",
           "guests slave kunit,bulk"),
    Defect("a range may end one byte later", "drivers/range.h",
           "return len <= size && offset <= size - len;", "return len <= size && offset <= size - len + 1;",
           "guests slave kunit,window"),
    Defect("an error of the engine is ignored", "drivers/ring.c",
           "	case SDM_DMA_NO_LINK:\n		return -ENOLINK;", "	case SDM_DMA_NO_LINK:\n		return 0;",
           "guests slave kunit,bulk"),
    Defect("nobody wakes who waits for room", "drivers/client.c", "	wake_up_all(&peer->wait);\n", "",
           "guests slave signals"),
    Defect("lost events are not counted", "drivers/chr-events.c", "	events->dropped++;\n	events->seqno++;\n",
           "	events->dropped++;\n", "guests slave kunit,events"),
    Defect("reserved fields are not looked at", "drivers/chr-ioctl.c",
           "if (send->flags || !SDM_CHR_IS_ZERO(send->reserved))", "if (send->flags)", "guests slave ioctl"),
    Defect("a reference is not given back", "drivers/chr-ioctl.c",
           "				       sdm_chr_jiffies(send->timeout_ms));\n	sdm_peer_put(peer);",
           "				       sdm_chr_jiffies(send->timeout_ms));", "guests debug ioctl,signals,unbind"),
    # Tool
    Defect("parts may overlap", "userspace/layout.c",
           "return start < a->start ? size > a->start - start :",
           "return start < a->start ? size > a->start - start + 8 :",
           "tool"),
    Defect("the end of RAM is one too far", "userspace/layout.c",
           "size <= outer->size - (start - outer->start);", "size <= outer->size - (start - outer->start) + 1;",
           "tool"),
    Defect("a table may lie outside of the image", "userspace/image-zimage.c",
           "if (words < 2 || words > (zimage->size - offset) / 4)", "if (words < 2)", "tool"),
    Defect("an image of the other byte order", "userspace/image-zimage.c",
           "zimage.get = get_be32;", "zimage.get = get_le32;", "tool"),
    Defect("verifying finds nothing", "userspace/load.c", "		if (memcmp(buffer, wanted, n)) {",
           "		if (memcmp(buffer, wanted, 0)) {", "tool"),
]

# Those that the fuzzer has to notice as well, and its target.
FUZZED = {
    "access one byte behind the RAM": "sdm-wire-slave",
    "read of any length": "sdm-wire-slave",
    "signal in the name of another slave": "sdm-wire-master",
    "answer of any length": "sdm-wire-master",
}

DEFECTS += [defect._replace(name=f"{defect.name}, by chance", part=f"fuzz {FUZZED[defect.name]}")
            for defect in DEFECTS if defect.name in FUZZED]
