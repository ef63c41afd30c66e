/*
 * multi-socket-backend: the object, listening, connecting
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qom/object_interfaces.h"
#include "io/net-listener.h"
#include "hw/boards.h"
#include "hw/qdev-core.h"
#include "system/system.h"
#include "sdm/sdm-regs.h"
#include "multi-socket-internal.h"
#include "trace.h"

/* Connections whose handshake is not complete; more are closed at once. */
#define MAX_PENDING 16

/* "poll-us": default and upper limit. */
#define POLL_US 200
#define MAX_POLL_US 10000

static void multi_socket_accept(QIONetListener *listener,
                                QIOChannelSocket *sioc, gpointer opaque)
{
    MultiSocketBackend *ms = opaque;
    MultiSocketPeer *peer;
    Error *err = NULL;

    if (ms->num_pending >= MAX_PENDING) {
        /* Closed when the caller drops its reference. */
        warn_report_once("%s: too many connections without handshake",
                         object_get_canonical_path_component(OBJECT(ms)));
        return;
    }
    qio_channel_set_name(QIO_CHANNEL(sioc), "sdm-slave");
    peer = multi_socket_peer_new(ms, sioc, SDM_PROTO_HELLO, &err);
    if (!peer) {
        multi_socket_report(ms, err);
        return;
    }
    multi_socket_begin(peer);
}

static bool multi_socket_connect(MultiSocketBackend *ms, Error **errp)
{
    g_autoptr(QIOChannelSocket) sioc = qio_channel_socket_new();
    MultiSocketPeer *peer;

    qio_channel_set_name(QIO_CHANNEL(sioc), "sdm-master");
    if (qio_channel_socket_connect_sync(sioc, ms->addr, errp) < 0) {
        error_prepend(errp, "no master: ");
        error_append_hint(errp, "Start the master first.\n");
        return false;
    }
    peer = multi_socket_peer_new(ms, sioc, SDM_PROTO_WELCOME, errp);
    if (!peer) {
        return false;
    }
    multi_socket_hello(peer);
    multi_socket_begin(peer);
    return true;
}

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
        return multi_socket_connect(ms, errp);
    }
    qio_net_listener_set_client_func(ms->listener, multi_socket_accept, ms,
                                     NULL);
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

/* Tell the others that this machine leaves and did not crash. */
static void multi_socket_exit(Notifier *notifier, void *data)
{
    MultiSocketBackend *ms = container_of(notifier, MultiSocketBackend, exit);
    MultiSocketPeer *peer;

    QTAILQ_FOREACH(peer, &ms->peers, next) {
        if (peer->established) {
            multi_socket_peer_bye(peer);
        }
    }
    if (ms->listener) {
        qio_net_listener_disconnect(ms->listener);
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
    ms->addr = multi_socket_address(ms, errp);
    if (!ms->addr) {
        return;
    }
    if (ms->listen) {
        ms->own_id = SDM_ID_MASTER;
        ms->listener = qio_net_listener_new();
        qio_net_listener_set_name(ms->listener, "sdm-listener");
        if (qio_net_listener_open_sync(ms->listener, ms->addr, MAX_PENDING,
                                       errp) < 0) {
            return;
        }
    }
    ms->exit.notify = multi_socket_exit;
    qemu_add_exit_notifier(&ms->exit);
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
            error_setg(errp, "'" #name "' cannot change any more");          \
            return;                                                          \
        }                                                                    \
        g_free(ms->name);                                                    \
        ms->name = g_strdup(value);                                          \
    }

MULTI_SOCKET_STRING_PROPERTY(host)
MULTI_SOCKET_STRING_PROPERTY(port)
MULTI_SOCKET_STRING_PROPERTY(path)

static void multi_socket_get_poll_us(Object *obj, Visitor *v,
                                     const char *name, void *opaque,
                                     Error **errp)
{
    visit_type_uint32(v, name, &MULTI_SOCKET_BACKEND(obj)->poll_us, errp);
}

static void multi_socket_set_poll_us(Object *obj, Visitor *v,
                                     const char *name, void *opaque,
                                     Error **errp)
{
    MultiSocketBackend *ms = MULTI_SOCKET_BACKEND(obj);
    uint32_t value;

    if (!visit_type_uint32(v, name, &value, errp)) {
        return;
    }
    if (value > MAX_POLL_US) {
        error_setg(errp, "'%s' must be at most %u", name,
                   MAX_POLL_US);
        return;
    }
    if (ms->addr) {
        error_setg(errp, "'%s' cannot change any more", name);
        return;
    }
    ms->poll_us = value;
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
    QTAILQ_INIT(&ms->peers);
}

static void multi_socket_finalize(Object *obj)
{
    MultiSocketBackend *ms = MULTI_SOCKET_BACKEND(obj);

    if (ms->exit.notify) {
        qemu_remove_exit_notifier(&ms->exit);
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
                              multi_socket_get_poll_us,
                              multi_socket_set_poll_us, NULL, NULL);
    object_class_property_set_description(oc, "poll-us",
        "longest time to look for input before sleeping "
        "(200 microseconds)");
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
