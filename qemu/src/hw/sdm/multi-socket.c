/*
 * multi-socket-backend: the object, its properties and users
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qom/object_interfaces.h"
#include "crypto/tlscreds.h"
#include "hw/boards.h"
#include "hw/qdev-core.h"
#include "system/runstate.h"
#include "system/runstate-action.h"
#include "system/system.h"
#include "sdm/sdm-regs.h"
#include "multi-socket-internal.h"
#include "trace.h"

/* "poll-us": default and upper limit. */
#define POLL_US 200
#define MAX_POLL_US 10000

/* "keep-alive-ms": default and limits. */
#define KEEP_ALIVE_MS 10000
#define MIN_KEEP_ALIVE_MS 1000
#define MAX_KEEP_ALIVE_MS (3600 * 1000)

/* "reconnect-ms": limits. */
#define MIN_RECONNECT_MS 10
#define MAX_RECONNECT_MS (3600 * 1000)

static bool multi_socket_start(MultiSocketBackend *ms, Error **errp)
{
    unsigned i;

    ms->started = true;
    multi_socket_awake_init(&ms->awake, ms->poll_us * SCALE_US);
    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        const MultiSocketChannelOps *ops = ms->channels[i].ops;

        if (ops && ops->start && !ops->start(ms->channels[i].opaque, errp)) {
            return false;
        }
    }
    if (!ms->listen) {
        return multi_socket_connect_start(ms, errp);
    }
    multi_socket_listen_start(ms);
    return true;
}

/*
 * Only now is there mapped RAM, and -daemonize has forked: threads may start.
 */
static void multi_socket_machine_done(Notifier *notifier, void *data)
{
    MultiSocketBackend *ms =
        container_of(notifier, MultiSocketBackend, machine_done);
    Error *err = NULL;

    /* The machine is only to be described. */
    if (current_machine->dumpdtb) {
        return;
    }
    if (!multi_socket_start(ms, &err)) {
        error_reportf_err(err, "multi-socket-backend '%s': ",
                          object_get_canonical_path_component(OBJECT(ms)));
        exit(EXIT_FAILURE);
    }
}

/* A machine that exits waits no longer to say goodbye, to all together. */
#define BYE_TIMEOUT_NS (100 * 1000 * 1000)

/* Tell the others that this machine leaves and did not crash. */
static void multi_socket_exit(Notifier *notifier, void *data)
{
    MultiSocketBackend *ms = container_of(notifier, MultiSocketBackend, exit);
    int64_t end = get_clock() + BYE_TIMEOUT_NS;
    MultiSocketPeer *peer;

    /* First: whoever is told may try to come back at once. */
    multi_socket_listen_end(ms);
    multi_socket_connect_end(ms);
    QTAILQ_FOREACH(peer, &ms->peers, next) {
        if (peer->established) {
            multi_socket_peer_bye(peer, end);
        }
    }
}

/*
 * QEMU is about to end. It waits for its CPUs, and those of a master may wait
 * for a slave. With -no-shutdown the machine stays, and with it the
 * connections. A slave waits for nobody: it closes its connection last, because
 * whoever sends to a closed one may never read the BYE.
 */
static void multi_socket_shutdown(Notifier *notifier, void *data)
{
    MultiSocketBackend *ms =
        container_of(notifier, MultiSocketBackend, shutdown);
    MultiSocketPeer *peer;

    if (shutdown_action == SHUTDOWN_ACTION_PAUSE || !ms->listen) {
        return;
    }
    multi_socket_exit(&ms->exit, NULL);
    QTAILQ_FOREACH(peer, &ms->peers, next) {
        if (peer->established) {
            multi_socket_peer_fail(peer, "this machine ends");
        }
    }
}

/*
 * ------------------------------------------------------------------------
 * For the users of the channels
 */

bool multi_socket_register_channel(MultiSocketBackend *ms, unsigned channel,
                                   const MultiSocketChannelOps *ops,
                                   void *opaque, Error **errp)
{
    assert(channel < SDM_PROTO_NUM_CHANNELS);

    if (ms->started) {
        error_setg(errp, "multi-socket-backend '%s' is in operation already",
                   object_get_canonical_path_component(OBJECT(ms)));
        return false;
    }
    if (ms->channels[channel].ops) {
        error_setg(errp, "multi-socket-backend '%s' has a user of this kind "
                   "already", object_get_canonical_path_component(OBJECT(ms)));
        return false;
    }
    ms->channels[channel].ops = ops;
    ms->channels[channel].opaque = opaque;
    return true;
}

void multi_socket_unregister_channel(MultiSocketBackend *ms, unsigned channel)
{
    assert(!ms->started);
    ms->channels[channel].ops = NULL;
    ms->channels[channel].opaque = NULL;
}

bool multi_socket_check_role(MultiSocketBackend *ms, bool master,
                             Error **errp)
{
    if (master && !ms->listen) {
        error_setg(errp, "'master' needs a multi-socket-backend with "
                   "'listen'");
        return false;
    }
    if (!master && ms->listen) {
        error_setg(errp, "the multi-socket-backend has 'listen': 'master' "
                   "must be set here, too");
        return false;
    }
    return true;
}

void *multi_socket_channel_user(MultiSocketBackend *ms, unsigned channel)
{
    assert(channel < SDM_PROTO_NUM_CHANNELS);
    return ms->channels[channel].opaque;
}

bool multi_socket_is_master(const MultiSocketBackend *ms)
{
    return ms->listen;
}

void multi_socket_set_num_ids(MultiSocketBackend *ms, uint32_t num_ids)
{
    assert(num_ids >= 1 && num_ids <= SDM_MAX_IDS);
    ms->num_ids = num_ids;
}

void multi_socket_set_wanted_id(MultiSocketBackend *ms, uint32_t id)
{
    ms->wanted_id = id;
}

uint32_t multi_socket_own_id(const MultiSocketBackend *ms)
{
    return ms->own_id;
}

uint32_t multi_socket_num_ids(const MultiSocketBackend *ms)
{
    return ms->num_ids;
}

MultiSocketPeer *multi_socket_find_peer(MultiSocketBackend *ms, uint32_t id)
{
    return id < SDM_MAX_IDS ? ms->by_id[id] : NULL;
}

const char *multi_socket_latest_end(const MultiSocketBackend *ms, uint32_t id)
{
    return id < SDM_MAX_IDS ? ms->latest_end[id] : NULL;
}

unsigned multi_socket_num_pending(const MultiSocketBackend *ms)
{
    return ms->num_pending;
}

/*
 * ------------------------------------------------------------------------
 * Object
 */

static SocketAddress *multi_socket_address(MultiSocketBackend *ms,
                                           Error **errp)
{
    SocketAddress *addr;

    if (ms->path && (ms->host || ms->port)) {
        error_setg(errp, "'path' excludes 'host' and 'port'");
        return NULL;
    }
    if (ms->path) {
        if (!ms->path[0] ||
            strlen(ms->path) >= sizeof_field(struct sockaddr_un, sun_path)) {
            error_setg(errp, "'path' must have 1 to %zu characters",
                       sizeof_field(struct sockaddr_un, sun_path) - 1);
            return NULL;
        }
        addr = g_new0(SocketAddress, 1);
        addr->type = SOCKET_ADDRESS_TYPE_UNIX;
        addr->u.q_unix.path = g_strdup(ms->path);
        return addr;
    }
    if (!ms->port) {
        error_setg(errp, "either 'port' or 'path' is needed");
        return NULL;
    }
    addr = g_new0(SocketAddress, 1);
    addr->type = SOCKET_ADDRESS_TYPE_INET;
    addr->u.inet.host = g_strdup(ms->host ? ms->host : "localhost");
    addr->u.inet.port = g_strdup(ms->port);
    return addr;
}

static void multi_socket_complete(UserCreatable *uc, Error **errp)
{
    MultiSocketBackend *ms = MULTI_SOCKET_BACKEND(uc);

    if (phase_check(PHASE_MACHINE_READY)) {
        error_setg(errp, "a multi-socket-backend cannot come after the "
                   "machine was built: nothing could use it");
        return;
    }
    if (!multi_socket_tls_check(ms, errp)) {
        return;
    }
    if (ms->listen && ms->reconnect_ms) {
        error_setg(errp, "'reconnect-ms' is for slaves: a master waits for "
                   "them");
        return;
    }
    ms->addr = multi_socket_address(ms, errp);
    if (!ms->addr) {
        return;
    }
    if (ms->listen && !multi_socket_listen(ms, errp)) {
        return;
    }
    ms->exit.notify = multi_socket_exit;
    qemu_add_exit_notifier(&ms->exit);
    ms->shutdown.notify = multi_socket_shutdown;
    qemu_register_shutdown_notifier(&ms->shutdown);
    ms->machine_done.notify = multi_socket_machine_done;
    qemu_add_machine_init_done_notifier(&ms->machine_done);
}

/* Threads and machine refer to a completed socket: it stays. */
static bool multi_socket_can_be_deleted(UserCreatable *uc)
{
    return !MULTI_SOCKET_BACKEND(uc)->addr;
}

static bool multi_socket_get_listen(Object *obj, Error **errp)
{
    return MULTI_SOCKET_BACKEND(obj)->listen;
}

static void multi_socket_set_listen(Object *obj, bool value, Error **errp)
{
    MultiSocketBackend *ms = MULTI_SOCKET_BACKEND(obj);

    if (ms->addr) {
        error_setg(errp, "'listen' cannot change any more");
        return;
    }
    ms->listen = value;
}

#define MULTI_SOCKET_STRING_PROPERTY(name)                                   \
    static char *multi_socket_get_##name(Object *obj, Error **errp)          \
    {                                                                        \
        return g_strdup(MULTI_SOCKET_BACKEND(obj)->name);                    \
    }                                                                        \
                                                                             \
    static void multi_socket_set_##name(Object *obj, const char *value,      \
                                        Error **errp)                        \
    {                                                                        \
        MultiSocketBackend *ms = MULTI_SOCKET_BACKEND(obj);                  \
                                                                             \
        if (ms->addr) {                                                      \
            error_setg(errp, "properties cannot change any more");           \
            return;                                                          \
        }                                                                    \
        g_free(ms->name);                                                    \
        ms->name = g_strdup(value);                                          \
    }

MULTI_SOCKET_STRING_PROPERTY(host)
MULTI_SOCKET_STRING_PROPERTY(port)
MULTI_SOCKET_STRING_PROPERTY(path)
MULTI_SOCKET_STRING_PROPERTY(tls_authz)
MULTI_SOCKET_STRING_PROPERTY(tls_hostname)

static void multi_socket_check_tls_creds(const Object *obj, const char *name,
                                         Object *val, Error **errp)
{
    if (MULTI_SOCKET_BACKEND((Object *)obj)->addr) {
        error_setg(errp, "'%s' cannot change any more", name);
    }
}

/* A number; 0 is right for those that can be switched off. */
typedef struct NumberProperty {
    size_t offset; /* in MultiSocketBackend */
    uint32_t min;
    uint32_t max;
} NumberProperty;

static const NumberProperty poll_us = {
    .offset = offsetof(MultiSocketBackend, poll_us),
    .max = MAX_POLL_US,
};

static const NumberProperty keep_alive_ms = {
    .offset = offsetof(MultiSocketBackend, keep_alive_ms),
    .min = MIN_KEEP_ALIVE_MS,
    .max = MAX_KEEP_ALIVE_MS,
};

static const NumberProperty reconnect_ms = {
    .offset = offsetof(MultiSocketBackend, reconnect_ms),
    .min = MIN_RECONNECT_MS,
    .max = MAX_RECONNECT_MS,
};

static uint32_t *number_field(Object *obj, const NumberProperty *property)
{
    return (uint32_t *)((char *)MULTI_SOCKET_BACKEND(obj) + property->offset);
}

static void multi_socket_get_uint32(Object *obj, Visitor *v, const char *name,
                                    void *opaque, Error **errp)
{
    visit_type_uint32(v, name, number_field(obj, opaque), errp);
}

static void multi_socket_set_uint32(Object *obj, Visitor *v, const char *name,
                                    void *opaque, Error **errp)
{
    const NumberProperty *property = opaque;
    uint32_t value;

    if (!visit_type_uint32(v, name, &value, errp)) {
        return;
    }
    if (value > property->max || (value && value < property->min)) {
        error_setg(errp, property->min ?
                   "'%s' must be 0, or %u to %u" : "'%s' must be %u to %u",
                   name, property->min, property->max);
        return;
    }
    if (MULTI_SOCKET_BACKEND(obj)->addr) {
        error_setg(errp, "'%s' cannot change any more", name);
        return;
    }
    *number_field(obj, property) = value;
}

static void multi_socket_get_connected(Object *obj, Visitor *v,
                                       const char *name, void *opaque,
                                       Error **errp)
{
    MultiSocketBackend *ms = MULTI_SOCKET_BACKEND(obj);
    MultiSocketPeer *peer;
    uint32_t n = 0;

    QTAILQ_FOREACH(peer, &ms->peers, next) {
        n += peer->established;
    }
    visit_type_uint32(v, name, &n, errp);
}

static void multi_socket_init(Object *obj)
{
    MultiSocketBackend *ms = MULTI_SOCKET_BACKEND(obj);

    ms->own_id = SDM_ID_NONE;
    ms->num_ids = SDM_MAX_IDS;
    ms->poll_us = POLL_US;
    ms->keep_alive_ms = KEEP_ALIVE_MS;
    QTAILQ_INIT(&ms->peers);
}

static void multi_socket_finalize(Object *obj)
{
    MultiSocketBackend *ms = MULTI_SOCKET_BACKEND(obj);
    unsigned i;

    for (i = 0; i < SDM_MAX_IDS; i++) {
        g_free(ms->latest_end[i]);
    }
    if (ms->exit.notify) {
        qemu_remove_exit_notifier(&ms->exit);
        notifier_remove(&ms->shutdown);
        qemu_remove_machine_init_done_notifier(&ms->machine_done);
    }
    if (ms->listener) {
        qio_net_listener_disconnect(ms->listener);
        object_unref(OBJECT(ms->listener));
    }
    qapi_free_SocketAddress(ms->addr);
    g_free(ms->host);
    g_free(ms->port);
    g_free(ms->path);
    g_free(ms->tls_authz);
    g_free(ms->tls_hostname);
    g_free(ms->problem);
    timer_free(ms->reconnect);
}

static void multi_socket_class_init(ObjectClass *oc, void *data)
{
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(oc);

    ucc->complete = multi_socket_complete;
    ucc->can_be_deleted = multi_socket_can_be_deleted;

    object_class_property_add_bool(oc, "listen", multi_socket_get_listen,
                                   multi_socket_set_listen);
    object_class_property_set_description(oc, "listen",
        "wait for slaves: this is the master");
    object_class_property_add_str(oc, "host", multi_socket_get_host,
                                  multi_socket_set_host);
    object_class_property_set_description(oc, "host",
        "name or address to listen on or to connect to (localhost)");
    object_class_property_add_str(oc, "port", multi_socket_get_port,
                                  multi_socket_set_port);
    object_class_property_set_description(oc, "port", "TCP port");
    object_class_property_add_str(oc, "path", multi_socket_get_path,
                                  multi_socket_set_path);
    object_class_property_set_description(oc, "path",
        "UNIX socket instead of host and port");
    object_class_property_add(oc, "poll-us", "uint32",
                              multi_socket_get_uint32,
                              multi_socket_set_uint32, NULL,
                              (void *)&poll_us);
    object_class_property_set_description(oc, "poll-us",
        "longest time to look for input before sleeping "
        "(200 microseconds)");
    object_class_property_add(oc, "keep-alive-ms", "uint32",
                              multi_socket_get_uint32,
                              multi_socket_set_uint32, NULL,
                              (void *)&keep_alive_ms);
    object_class_property_set_description(oc, "keep-alive-ms",
        "TCP: time after which a host that is out of reach is given up "
        "(10000 milliseconds; 0: never)");
    object_class_property_add(oc, "reconnect-ms", "uint32",
                              multi_socket_get_uint32,
                              multi_socket_set_uint32, NULL,
                              (void *)&reconnect_ms);
    object_class_property_set_description(oc, "reconnect-ms",
        "slave: time after which to try again when there is no master or "
        "it is lost (0 milliseconds: never)");
    object_class_property_add_link(oc, "tls-creds", TYPE_QCRYPTO_TLS_CREDS,
                                   offsetof(MultiSocketBackend, tls_creds),
                                   multi_socket_check_tls_creds,
                                   OBJ_PROP_LINK_STRONG);
    object_class_property_set_description(oc, "tls-creds",
        "use TLS, with these credentials (tls-creds-x509 or tls-creds-psk)");
    object_class_property_add_str(oc, "tls-authz", multi_socket_get_tls_authz,
                                  multi_socket_set_tls_authz);
    object_class_property_set_description(oc, "tls-authz",
        "master: ID of the authz object that decides on the names in the "
        "certificates of slaves");
    object_class_property_add_str(oc, "tls-hostname",
                                  multi_socket_get_tls_hostname,
                                  multi_socket_set_tls_hostname);
    object_class_property_set_description(oc, "tls-hostname",
        "slave: name in the certificate of the master, if it is not 'host'");
    object_class_property_add(oc, "connected", "uint32",
                              multi_socket_get_connected, NULL, NULL, NULL);
    object_class_property_set_description(oc, "connected",
        "number of machines connected (read only)");
}

static const TypeInfo multi_socket_types[] = {
    {
        .name = TYPE_MULTI_SOCKET_BACKEND,
        .parent = TYPE_OBJECT,
        .instance_size = sizeof(MultiSocketBackend),
        .instance_init = multi_socket_init,
        .instance_finalize = multi_socket_finalize,
        .class_init = multi_socket_class_init,
        .interfaces = (InterfaceInfo[]) {
            { TYPE_USER_CREATABLE },
            { }
        },
    },
};

DEFINE_TYPES(multi_socket_types)
