/*
 * SDM: info sdm
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-sdm-query.h"

static void print_own_id(Monitor *mon, bool has_id, uint32_t id)
{
    if (has_id) {
        monitor_printf(mon, ", ID %" PRIu32, id);
    } else {
        monitor_printf(mon, ", without an ID so far");
    }
}

static void print_device(Monitor *mon, const SdmDeviceInfo *device)
{
    const SdmPeerInfoList *entry;

    monitor_printf(mon, "device %s: %s", device->path,
                   SdmRole_str(device->role));
    print_own_id(mon, device->has_own_id, device->own_id);
    monitor_printf(mon, " of %" PRIu32 ", joined by %s\n", device->num_ids,
                   device->communication);
    monitor_printf(mon, "   id state      driver generation credits "
                   "      sent   received queued\n");
    for (entry = device->peers; entry; entry = entry->next) {
        const SdmPeerInfo *peer = entry->value;

        monitor_printf(mon, "%c%4" PRIu32 " %-10s %-6s %10" PRIu32
                       " %7" PRIu32 " %10" PRIu64 " %10" PRIu64
                       " %6" PRIu32 "\n", peer->self ? '*' : ' ', peer->id,
                       SdmLinkState_str(peer->state),
                       peer->driver ? "yes" : "no", peer->generation,
                       peer->credits, peer->sent, peer->received,
                       peer->queued);
    }
}

static void print_window(Monitor *mon, const SdmWindowInfo *window)
{
    const SdmWindowError *error = window->first_error;

    monitor_printf(mon, "  window of %s: 0x%" PRIx64 " bytes at 0x%" PRIx64
                   ", %" PRIu32 " failed accesses\n", window->memory,
                   window->size, window->base, window->errors);
    if (!error) {
        return;
    }
    monitor_printf(mon, "  first of them: %s at offset 0x%" PRIx64,
                   error->write ? "store" : "load", error->offset);
    if (error->has_id) {
        monitor_printf(mon, ", slave %" PRIu32, error->id);
    }
    monitor_printf(mon, ": %s\n", SdmWindowErrorCause_str(error->cause));
}

static void print_link(Monitor *mon, const SdmLinkInfo *link)
{
    monitor_printf(mon, "  %4" PRIu32 " %s", link->id,
                   link->address ? link->address : "not connected");
    if (link->memory) {
        monitor_printf(mon, ", 0x%" PRIx64 " bytes of its 0x%" PRIx64
                       " at offset 0x%" PRIx64 " of the window, %s",
                       link->memory->size, link->memory->base,
                       link->memory->offset,
                       link->memory->mapped ? "mapped" : "forwarded");
    }
    if (link->latest_end) {
        monitor_printf(mon, "%s%s", link->address ? "; before: " : ": ",
                       link->latest_end);
    }
    monitor_printf(mon, "\n");
}

static void print_socket(Monitor *mon, const SdmSocketInfo *socket)
{
    const SdmLinkInfoList *link;

    monitor_printf(mon, "socket %s: %s", socket->id,
                   SdmRole_str(socket->role));
    print_own_id(mon, socket->has_own_id, socket->own_id);
    monitor_printf(mon, ", %" PRIu32 " handshakes under way\n",
                   socket->handshakes);
    if (socket->window) {
        print_window(mon, socket->window);
    }
    for (link = socket->links; link; link = link->next) {
        print_link(mon, link->value);
    }
}

static void hmp_info_sdm(Monitor *mon, const QDict *qdict)
{
    g_autoptr(SdmInfo) info = qmp_query_sdm(&error_abort);
    const SdmDeviceInfoList *device;
    const SdmSocketInfoList *socket;

    for (device = info->devices; device; device = device->next) {
        print_device(mon, device->value);
    }
    for (socket = info->sockets; socket; socket = socket->next) {
        print_socket(mon, socket->value);
    }
}

static void register_hmp_cmds(void)
{
    monitor_register_hmp("sdm", true, hmp_info_sdm);
}

type_init(register_hmp_cmds)
