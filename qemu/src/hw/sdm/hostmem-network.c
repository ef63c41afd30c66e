/*
 * memory-backend-network: RAM that is shared over a multi-socket-backend
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The backend's own region is the local RAM. On the master it is `size` minus
 * `shared-size` long; the window is a sibling behind it in the container in
 * which the machine has put the local RAM:
 *
 *   container   |<------------------ size ------------------->|
 *               | local RAM (backend->mr) |      window       |
 *                                         | slave 1 | 2 |     |
 *
 * So nothing that takes the backend for plain RAM (migration, dump, vhost)
 * ever meets the window, and no board has to know about it. Or a PCI device
 * shows it, where firmware would take it for RAM: then `size` is all local.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qapi/qapi-types-qom.h"
#include "qemu/memfd.h"
#include "qom/object_interfaces.h"
#include "migration/blocker.h"
#include "hostmem-network-internal.h"

#define DEFAULT_TIMEOUT_MS 5000
#define MAX_TIMEOUT_MS (60 * 60 * 1000)

bool memory_backend_network_is_master(const MemoryBackendNetwork *nm)
{
    return nm->master;
}

unsigned memory_backend_network_timeout(const MemoryBackendNetwork *nm)
{
    return nm->timeout_ms;
}

static bool nm_check(MemoryBackendNetwork *nm, Error **errp)
{
    uint64_t size = hostmem(nm)->size;
    size_t page = qemu_real_host_page_size();

    if (!nm->socket) {
        error_setg(errp, "'socket' must name a multi-socket-backend");
        return false;
    }
    if (!size || size % page) {
        error_setg(errp, "'size' must be a multiple of %zu bytes, not zero",
                   page);
        return false;
    }
    if (!multi_socket_check_role(nm->socket, nm->master, errp)) {
        return false;
    }
    if (!nm->master && nm->shared_size) {
        error_setg(errp, "'shared-size' is for the master: "
                   "all RAM of a slave is shared");
        return false;
    }
    if (!nm->master && nm->where != SDM_WINDOW_RAM) {
        error_setg(errp, "'window' is for the master");
        return false;
    }
    if (nm->where == SDM_WINDOW_PCI &&
        (!is_power_of_2(nm->shared_size) || nm->shared_size % page)) {
        error_setg(errp, "'shared-size' must be a power of two and a multiple "
                   "of %zu bytes with window=pci", page);
        return false;
    }
    if (nm->master && nm->where == SDM_WINDOW_RAM &&
        (!nm->shared_size || nm->shared_size >= size ||
         nm->shared_size % page)) {
        error_setg(errp, "'shared-size' must be a multiple of %zu bytes, "
                   "not zero, and less than 'size'", page);
        return false;
    }
    if (nm->hugetlb && !nm->master && !hostmem(nm)->share) {
        error_setg(errp, "'hugetlb' is for a master, and for the RAM of a "
                   "slave with 'share'");
        return false;
    }
    if (nm->coherent_size && nm->master) {
        error_setg(errp, "'coherent-size' is for slaves");
        return false;
    }
    if (nm->coherent_size % 4096 || nm->coherent_size > size ||
        nm->coherent_size > SDM_PROTO_MAX_COHERENT) {
        error_setg(errp, "'coherent-size' must be a multiple of 4096 bytes, "
                   "at most %u KiB, and no more than 'size'",
                   SDM_PROTO_MAX_COHERENT / 1024);
        return false;
    }
    if (!nm->timeout_ms || nm->timeout_ms > MAX_TIMEOUT_MS) {
        error_setg(errp, "'timeout-ms' must be from 1 to %d", MAX_TIMEOUT_MS);
        return false;
    }
    return true;
}

static bool nm_block_migration(MemoryBackendNetwork *nm, Error **errp)
{
    error_setg(&nm->migration_blocker, TYPE_MEMORY_BACKEND_NETWORK " '%s' "
               "cannot be saved or migrated: %s", hostmem_name(nm),
               nm->master ? "the RAM in its window is in other machines" :
                            "its master may write to it at any time");
    return migrate_add_blocker(&nm->migration_blocker, errp) == 0;
}

/* RAM that is to be shared with the master's process is a file. */
static bool nm_alloc_ram(MemoryBackendNetwork *nm, Error **errp)
{
    HostMemoryBackend *backend = hostmem(nm);
    g_autofree char *name = host_memory_backend_get_name(backend);
    uint64_t size = backend->size -
                    (nm->where == SDM_WINDOW_RAM ? nm->shared_size : 0);
    uint32_t flags = 0;
    bool ok;
    int fd;

    flags |= backend->share ? RAM_SHARED : 0;
    flags |= backend->reserve ? 0 : RAM_NORESERVE;
    flags |= backend->guest_memfd ? RAM_GUEST_MEMFD : 0;
    if (nm->master || !backend->share) {
        return memory_region_init_ram_flags_nomigrate(&backend->mr,
                                                      OBJECT(backend), name,
                                                      size, flags, errp);
    }
    fd = qemu_memfd_create(TYPE_MEMORY_BACKEND_NETWORK, size, nm->hugetlb, 0,
                           F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL, errp);
    if (fd < 0) {
        return false;
    }
    ok = memory_region_init_ram_from_fd(&backend->mr, OBJECT(backend), name,
                                        size, flags, fd, 0, errp);
    if (!ok) {
        close(fd);
    }
    return ok;
}

static bool nm_alloc(HostMemoryBackend *backend, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(backend);

    if (!nm_check(nm, errp) || !nm_block_migration(nm, errp)) {
        return false;
    }
    nm->map.size = nm->shared_size;

    if (!nm_alloc_ram(nm, errp)) {
        return false;
    }
    if (nm->master) {
        memory_backend_network_init_window(nm);
    }
    nm->registered =
        multi_socket_register_channel(nm->socket, SDM_PROTO_CHANNEL_MEMORY,
                                      &memory_backend_network_channel_ops, nm,
                                      errp);
    return nm->registered;
}

/* The socket's threads and the machine refer to a completed backend. */
static bool nm_can_be_deleted(UserCreatable *uc)
{
    return !memory_region_size(&MEMORY_BACKEND(uc)->mr);
}

static void nm_get_shared_size(Object *obj, Visitor *v, const char *name,
                               void *opaque, Error **errp)
{
    visit_type_size(v, name, &MEMORY_BACKEND_NETWORK(obj)->shared_size, errp);
}

static bool nm_settable(MemoryBackendNetwork *nm, const char *name,
                        Error **errp)
{
    if (host_memory_backend_mr_inited(hostmem(nm))) {
        error_setg(errp, "'%s' cannot change any more", name);
        return false;
    }
    return true;
}

static void nm_set_shared_size(Object *obj, Visitor *v, const char *name,
                               void *opaque, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);
    uint64_t value;

    if (nm_settable(nm, name, errp) && visit_type_size(v, name, &value, errp)) {
        nm->shared_size = value;
    }
}

static void nm_get_coherent_size(Object *obj, Visitor *v, const char *name,
                                 void *opaque, Error **errp)
{
    uint64_t value = MEMORY_BACKEND_NETWORK(obj)->coherent_size;

    visit_type_size(v, name, &value, errp);
}

static void nm_set_coherent_size(Object *obj, Visitor *v, const char *name,
                                 void *opaque, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);
    uint64_t value;

    if (nm_settable(nm, name, errp) && visit_type_size(v, name, &value, errp)) {
        /* What is too much stays so: nm_check() tells. */
        nm->coherent_size = MIN(value, UINT32_MAX);
    }
}

static bool nm_get_master(Object *obj, Error **errp)
{
    return MEMORY_BACKEND_NETWORK(obj)->master;
}

static void nm_set_master(Object *obj, bool value, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);

    if (nm_settable(nm, "master", errp)) {
        nm->master = value;
    }
}

static bool nm_get_hugetlb(Object *obj, Error **errp)
{
    return MEMORY_BACKEND_NETWORK(obj)->hugetlb;
}

static void nm_set_hugetlb(Object *obj, bool value, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);

    if (nm_settable(nm, "hugetlb", errp)) {
        nm->hugetlb = value;
    }
}

static int nm_get_on_error(Object *obj, Error **errp)
{
    return MEMORY_BACKEND_NETWORK(obj)->on_error;
}

static void nm_set_on_error(Object *obj, int value, Error **errp)
{
    MEMORY_BACKEND_NETWORK(obj)->on_error = value;
}

static int nm_get_window(Object *obj, Error **errp)
{
    return MEMORY_BACKEND_NETWORK(obj)->where;
}

static void nm_set_window(Object *obj, int value, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);

    if (nm_settable(nm, "window", errp)) {
        nm->where = value;
    }
}

static void nm_get_timeout(Object *obj, Visitor *v, const char *name,
                           void *opaque, Error **errp)
{
    visit_type_uint32(v, name, &MEMORY_BACKEND_NETWORK(obj)->timeout_ms, errp);
}

static void nm_set_timeout(Object *obj, Visitor *v, const char *name,
                           void *opaque, Error **errp)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);
    uint32_t value;

    if (nm_settable(nm, name, errp) &&
        visit_type_uint32(v, name, &value, errp)) {
        nm->timeout_ms = value;
    }
}

static void nm_check_socket(const Object *obj, const char *name, Object *val,
                            Error **errp)
{
    nm_settable(MEMORY_BACKEND_NETWORK((Object *)obj), name, errp);
}

static void nm_init(Object *obj)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);

    nm->timeout_ms = DEFAULT_TIMEOUT_MS;
    nm->on_error = SDM_ON_ERROR_ONES;
    notifier_list_init(&nm->error_notifiers);
    qemu_mutex_init(&nm->error_lock);
    qemu_mutex_init(&nm->ram_lock);
}

static void nm_finalize(Object *obj)
{
    MemoryBackendNetwork *nm = MEMORY_BACKEND_NETWORK(obj);

    /* Only possible if the backend failed later and was never used. */
    if (nm->registered) {
        multi_socket_unregister_channel(nm->socket, SDM_PROTO_CHANNEL_MEMORY);
    }
    migrate_del_blocker(&nm->migration_blocker);
    qemu_mutex_destroy(&nm->ram_lock);
    qemu_mutex_destroy(&nm->error_lock);
}

static void nm_class_init(ObjectClass *oc, void *data)
{
    HostMemoryBackendClass *bc = MEMORY_BACKEND_CLASS(oc);
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(oc);

    bc->alloc = nm_alloc;
    ucc->can_be_deleted = nm_can_be_deleted;

    object_class_property_add(oc, "shared-size", "size", nm_get_shared_size,
                              nm_set_shared_size, NULL, NULL);
    object_class_property_set_description(oc, "shared-size",
        "master: size of the window at the end, for the RAM of the slaves");
    object_class_property_add(oc, "coherent-size", "size",
                              nm_get_coherent_size, nm_set_coherent_size,
                              NULL, NULL);
    object_class_property_set_description(oc, "coherent-size",
        "slave: size of the region at the end of its RAM of which master and "
        "slave have a copy each");
    object_class_property_add_bool(oc, "master", nm_get_master, nm_set_master);
    object_class_property_set_description(oc, "master",
        "this is the master's memory, with a window");
    object_class_property_add_bool(oc, "hugetlb", nm_get_hugetlb,
                                   nm_set_hugetlb);
    object_class_property_set_description(oc, "hugetlb",
        "slave with 'share': take the RAM from huge pages; "
        "master: accept slaves that do so, which have to be trusted");
    object_class_property_add_link(oc, "socket", TYPE_MULTI_SOCKET_BACKEND,
                                   offsetof(MemoryBackendNetwork, socket),
                                   nm_check_socket, OBJ_PROP_LINK_STRONG);
    object_class_property_set_description(oc, "socket",
        "the multi-socket-backend to use");
    object_class_property_add_enum(oc, "on-error", "SdmOnError",
                                   &SdmOnError_lookup, nm_get_on_error,
                                   nm_set_on_error);
    object_class_property_set_description(oc, "on-error",
        "master: failed accesses read as all ones, or abort in the guest");
    object_class_property_add_enum(oc, "window", "SdmWindow",
                                   &SdmWindow_lookup, nm_get_window,
                                   nm_set_window);
    object_class_property_set_description(oc, "window",
        "master: the window is the end of the RAM, or in a BAR of sdm-pci");
    object_class_property_add(oc, "timeout-ms", "uint32", nm_get_timeout,
                              nm_set_timeout, NULL, NULL);
    object_class_property_set_description(oc, "timeout-ms",
        "master: a slave that does not answer for so long is dropped");
}

static const TypeInfo nm_types[] = {
    {
        .name = TYPE_MEMORY_BACKEND_NETWORK,
        .parent = TYPE_MEMORY_BACKEND,
        .instance_size = sizeof(MemoryBackendNetwork),
        .instance_init = nm_init,
        .instance_finalize = nm_finalize,
        .class_init = nm_class_init,
    },
};

DEFINE_TYPES(nm_types)
