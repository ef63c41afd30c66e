/*
 * SDM: query-sdm
 *
 * Runs in the main loop. It looks at what this process knows and asks nobody,
 * so it has an answer whatever the other machines do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/qapi-commands-sdm-query.h"
#include "qapi/util.h"
#include "hw/sdm/core.h"
#include "hw/sdm/hostmem-network.h"
#include "hw/sdm/multi-socket.h"

QEMU_BUILD_BUG_ON((int)SDM_LINK_STATE_ABSENT != SDM_PEER_ABSENT);
QEMU_BUILD_BUG_ON((int)SDM_LINK_STATE_CONNECTING != SDM_PEER_CONNECTING);
QEMU_BUILD_BUG_ON((int)SDM_LINK_STATE_RESET != SDM_PEER_RESET);
QEMU_BUILD_BUG_ON((int)SDM_LINK_STATE_RUNNING != SDM_PEER_RUNNING);
QEMU_BUILD_BUG_ON((int)SDM_LINK_STATE_LOST != SDM_PEER_LOST);

static char *object_id(Object *obj)
{
    return g_strdup(object_get_canonical_path_component(obj));
}

static SdmRole role(bool master)
{
    return master ? SDM_ROLE_MASTER : SDM_ROLE_SLAVE;
}

static SdmPeerInfo *query_peer(const SDMCore *core, uint32_t id)
{
    const SDMPeer *peer = &core->peers[id];
    SdmPeerInfo *info = g_new0(SdmPeerInfo, 1);

    info->id = id;
    info->self = id == core->id;
    info->state = peer->state & SDM_PEER_STATE_MASK;
    info->driver = peer->state & SDM_PEER_STATE_DRIVER;
    info->arch = peer->cpus.arch;
    info->cpus = peer->cpus.number;
    info->generation = peer->generation;
    info->credits = sdm_core_plain_credits(peer);
    info->sent = peer->sent;
    info->received = peer->received;
    info->queued = peer->rx.count;
    return info;
}

static SdmDeviceInfo *query_device(const SDMCore *core)
{
    SdmDeviceInfo *info = g_new0(SdmDeviceInfo, 1);
    SdmPeerInfoList **tail = &info->peers;
    uint32_t id;

    info->path =
        object_get_canonical_path(memory_region_owner(
            (MemoryRegion *)&core->registers));
    info->communication = object_id(OBJECT(core->config.comm));
    info->role = role(core->config.master);
    info->has_own_id = core->id != SDM_ID_NONE;
    info->own_id = info->has_own_id ? core->id : 0;
    info->num_ids = core->num_ids;
    for (id = 0; id < core->num_ids; id++) {
        QAPI_LIST_APPEND(tail, query_peer(core, id));
    }
    return info;
}

static SdmWindowError *query_error(const SDMWindowErrors *errors)
{
    SdmWindowError *info;
    uint32_t id = SDM_ERR_PEER(errors->status);

    if (!errors->status) {
        return NULL;
    }
    info = g_new0(SdmWindowError, 1);
    info->has_id = id != SDM_ERR_PEER_NONE;
    info->id = info->has_id ? id : 0;
    info->offset = errors->offset;
    info->write = errors->status & SDM_ERR_WRITE;
    switch (SDM_ERR_CAUSE(errors->status)) {
    case SDM_ERR_ABSENT:
        info->cause = SDM_WINDOW_ERROR_CAUSE_ABSENT;
        break;
    case SDM_ERR_LOST:
        info->cause = SDM_WINDOW_ERROR_CAUSE_LOST;
        break;
    case SDM_ERR_TIMEOUT:
        info->cause = SDM_WINDOW_ERROR_CAUSE_TIMEOUT;
        break;
    case SDM_ERR_REFUSED:
        info->cause = SDM_WINDOW_ERROR_CAUSE_REFUSED;
        break;
    default:
        g_assert_not_reached();
    }
    return info;
}

static SdmWindowInfo *query_window(MemoryBackendNetwork *nm)
{
    SDMWindowErrors errors = memory_backend_network_errors(nm);
    SdmWindowInfo *info;
    uint64_t base, size;

    if (!memory_backend_network_window(nm, &base, &size)) {
        return NULL;
    }
    info = g_new0(SdmWindowInfo, 1);
    info->memory = object_id(OBJECT(nm));
    info->base = base;
    info->size = size;
    info->errors = errors.count;
    info->first_error = query_error(&errors);
    return info;
}

static SdmLinkMemory *query_memory(MemoryBackendNetwork *nm, uint32_t id)
{
    SdmLinkMemory *info;
    SDMSlaveMemory memory;

    if (!memory_backend_network_slave(nm, id, &memory)) {
        return NULL;
    }
    info = g_new0(SdmLinkMemory, 1);
    info->offset = memory.offset;
    info->size = memory.size;
    info->base = memory.base;
    info->mapped = memory.mapped;
    return info;
}

static SdmLinkInfo *query_link(MultiSocketBackend *ms, uint32_t id)
{
    MemoryBackendNetwork *nm =
        multi_socket_channel_user(ms, SDM_PROTO_CHANNEL_MEMORY);
    MultiSocketPeer *peer = multi_socket_find_peer(ms, id);
    const char *end = multi_socket_latest_end(ms, id);
    SdmLinkInfo *info;

    if (!peer && !end) {
        return NULL;
    }
    info = g_new0(SdmLinkInfo, 1);
    info->id = id;
    if (peer) {
        info->address = g_strdup(multi_socket_peer_name(peer));
        info->has_arch = true;
        info->arch = multi_socket_peer_cpus(peer).arch;
    }
    if (nm) {
        info->memory = query_memory(nm, id);
    }
    info->latest_end = g_strdup(end);
    return info;
}

static SdmSocketInfo *query_socket(MultiSocketBackend *ms)
{
    MemoryBackendNetwork *nm =
        multi_socket_channel_user(ms, SDM_PROTO_CHANNEL_MEMORY);
    SdmSocketInfo *info = g_new0(SdmSocketInfo, 1);
    SdmLinkInfoList **tail = &info->links;
    uint32_t id;

    info->id = object_id(OBJECT(ms));
    info->role = role(multi_socket_is_master(ms));
    info->has_own_id = multi_socket_own_id(ms) != SDM_ID_NONE;
    info->own_id = info->has_own_id ? multi_socket_own_id(ms) : 0;
    info->handshakes = multi_socket_num_pending(ms);
    for (id = 0; id < SDM_MAX_IDS; id++) {
        SdmLinkInfo *link = query_link(ms, id);

        if (link) {
            QAPI_LIST_APPEND(tail, link);
        }
    }
    if (nm) {
        info->window = query_window(nm);
    }
    return info;
}

static int add_socket(Object *obj, void *opaque)
{
    MultiSocketBackend *ms =
        (MultiSocketBackend *)object_dynamic_cast(obj,
                                                  TYPE_MULTI_SOCKET_BACKEND);

    if (ms) {
        SdmSocketInfoList ***tail = opaque;

        QAPI_LIST_APPEND(*tail, query_socket(ms));
    }
    return 0;
}

SdmInfo *qmp_query_sdm(Error **errp)
{
    SdmInfo *info = g_new0(SdmInfo, 1);
    SdmDeviceInfoList **devices = &info->devices;
    SdmSocketInfoList **sockets = &info->sockets;
    SDMCore *core;

    QTAILQ_FOREACH(core, &sdm_cores, next) {
        QAPI_LIST_APPEND(devices, query_device(core));
    }
    object_child_foreach(object_get_objects_root(), add_socket, &sockets);
    return info;
}
