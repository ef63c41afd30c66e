/*
 * multi-socket-backend: object, listening, connecting, handshake
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qom/object_interfaces.h"
#include "io/net-listener.h"
#include "system/runstate.h"
#include "system/system.h"
#include "sdm/sdm-regs.h"
#include "hw/sdm/boot.h"
#include "multi-socket-internal.h"
#include "trace.h"

/* A peer has this long to complete the handshake. */
#define HANDSHAKE_TIMEOUT_MS 10000

/* Connections whose handshake is not complete; more are closed at once. */
#define MAX_PENDING 16

struct MultiSocketBackend {
    Object parent_obj;

    /* Properties. */
    bool listen;
    char *host;
    char *port;
    char *path;

    SocketAddress *addr;
    QIONetListener *listener;
    bool started;

    struct {
        const MultiSocketChannelOps *ops;
        void *opaque;
    } channels[SDM_PROTO_NUM_CHANNELS];

    uint32_t own_id;
    uint32_t num_ids;
    uint32_t wanted_id;

    /* Connections, and those of them that have an ID. */
    QTAILQ_HEAD(, MultiSocketPeer) peers;
    MultiSocketPeer *by_id[SDM_MAX_IDS];
    unsigned num_pending;

    Notifier machine_done;
    Notifier exit;
};

/* ------------------------------------------------------------------------
 * Handshake
 */

static void peer_disconnect_channels(MultiSocketPeer *peer, bool in_order)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned i;

    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        if (peer->accepted_channels & (1u << i)) {
            ms->channels[i].ops->disconnected(ms->channels[i].opaque, peer,
                                              in_order);
        }
    }
    peer->accepted_channels = 0;
}

static bool peer_accept_channels(MultiSocketPeer *peer,
                                 const SDMProtoSections *sections,
                                 uint32_t *code, Error **errp)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned i;

    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        const MultiSocketChannelOps *ops = ms->channels[i].ops;

        if (!ops) {
            continue;
        }
        *code = SDM_REJECT_CHANNEL;
        if (ops->accept &&
            !ops->accept(ms->channels[i].opaque, peer, sections->body[i],
                         sections->length[i], code, errp)) {
            peer_disconnect_channels(peer, true);
            return false;
        }
        peer->accepted_channels |= 1u << i;
    }
    return true;
}

static void peer_describe_channels(MultiSocketPeer *peer, GByteArray *out)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned i;

    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        const MultiSocketChannelOps *ops = ms->channels[i].ops;
        g_autoptr(GByteArray) body = g_byte_array_new();

        if (!ops || !ops->describe) {
            continue;
        }
        ops->describe(ms->channels[i].opaque, peer, body);
        if (body->len) {
            sdm_proto_add_section(out, i, body);
        }
    }
    assert(out->len <= SDM_PROTO_MAX_HANDSHAKE);
}

static void peer_established(MultiSocketPeer *peer)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned i;

    peer->established = true;
    ms->by_id[peer->id] = peer;
    timer_free(peer->deadline);
    peer->deadline = NULL;

    trace_multi_socket_connected(peer->name, peer->id);
    for (i = 0; i < SDM_PROTO_NUM_CHANNELS; i++) {
        const MultiSocketChannelOps *ops = ms->channels[i].ops;

        if (ops && ops->connected) {
            ops->connected(ms->channels[i].opaque, peer);
        }
    }
}

static bool master_assign_id(MultiSocketBackend *ms, uint32_t wanted,
                             uint32_t *id, uint32_t *code, Error **errp)
{
    if (wanted != SDM_PROTO_ID_ANY) {
        *code = SDM_REJECT_ID;
        if (wanted >= ms->num_ids) {
            error_setg(errp, "slave ID %u does not exist: the master has "
                       "IDs 1 to %u (num-slaves=%u)",
                       wanted, ms->num_ids - 1, ms->num_ids - 1);
            return false;
        }
        if (ms->by_id[wanted]) {
            error_setg(errp, "slave ID %u is in use by %s", wanted,
                       ms->by_id[wanted]->name);
            return false;
        }
        *id = wanted;
        return true;
    }
    for (*id = 1; *id < ms->num_ids; ++*id) {
        if (!ms->by_id[*id]) {
            return true;
        }
    }
    *code = SDM_REJECT_FULL;
    error_setg(errp, "all slave IDs are in use (num-slaves=%u)",
               ms->num_ids - 1);
    return false;
}

static bool master_handshake(MultiSocketPeer *peer, uint32_t *code,
                             Error **errp)
{
    MultiSocketBackend *ms = peer->ms;
    g_autoptr(GByteArray) out = g_byte_array_new();
    struct sdm_proto_welcome welcome;
    struct sdm_proto_hello hello;
    SDMProtoSections sections;
    struct iovec iov;
    const char *what;

    *code = SDM_REJECT_MALFORMED;
    if (peer->handshake.type != SDM_PROTO_HELLO) {
        error_setg(errp, "protocol violation: REJECT from a slave");
        return false;
    }
    what = sdm_proto_parse_hello(peer->handshake_payload,
                                 peer->handshake.length, &hello, &sections);
    if (what) {
        error_setg(errp, "protocol violation: %s", what);
        return false;
    }
    if (hello.major != SDM_PROTO_MAJOR) {
        *code = SDM_REJECT_VERSION;
        error_setg(errp, "the slave speaks protocol version %u.%u, "
                   "the master %u.%u", hello.major, hello.minor,
                   SDM_PROTO_MAJOR, SDM_PROTO_MINOR);
        return false;
    }
    if (!master_assign_id(ms, hello.id, &peer->id, code, errp)) {
        return false;
    }
    peer->arch = hello.arch;
    if (!peer_accept_channels(peer, &sections, code, errp)) {
        return false;
    }

    welcome = (struct sdm_proto_welcome) {
        .magic = SDM_PROTO_MAGIC,
        .major = SDM_PROTO_MAJOR,
        .minor = MIN(hello.minor, SDM_PROTO_MINOR),
        .id = peer->id,
        .num_ids = ms->num_ids,
        .arch = sdm_boot_elf_machine(),
    };
    sdm_proto_add_welcome(out, &welcome);
    peer_describe_channels(peer, out);
    iov = (struct iovec) { .iov_base = out->data, .iov_len = out->len };
    multi_socket_peer_send(peer, SDM_PROTO_WELCOME, 0, 0, &iov, 1);
    return true;
}

static void master_reject(MultiSocketPeer *peer, uint32_t code, Error *err)
{
    const char *text = error_get_pretty(err);
    struct iovec iov = {
        .iov_base = (char *)text,
        .iov_len = MIN(strlen(text), SDM_PROTO_MAX_HANDSHAKE),
    };

    multi_socket_peer_send(peer, SDM_PROTO_REJECT, 0, code, &iov, 1);
    error_reportf_err(err, "refused a slave from %s: ", peer->name);
}

static void slave_hello(MultiSocketPeer *peer)
{
    MultiSocketBackend *ms = peer->ms;
    g_autoptr(GByteArray) out = g_byte_array_new();
    struct sdm_proto_hello hello = {
        .magic = SDM_PROTO_MAGIC,
        .major = SDM_PROTO_MAJOR,
        .minor = SDM_PROTO_MINOR,
        .id = ms->wanted_id,
        .arch = sdm_boot_elf_machine(),
    };
    struct iovec iov;

    sdm_proto_add_hello(out, &hello);
    peer_describe_channels(peer, out);
    iov = (struct iovec) { .iov_base = out->data, .iov_len = out->len };
    multi_socket_peer_send(peer, SDM_PROTO_HELLO, 0, 0, &iov, 1);
}

static bool slave_handshake(MultiSocketPeer *peer, Error **errp)
{
    MultiSocketBackend *ms = peer->ms;
    struct sdm_proto_welcome welcome;
    SDMProtoSections sections;
    const char *what;
    uint32_t code;

    if (peer->handshake.type == SDM_PROTO_REJECT) {
        g_autofree char *text =
            g_utf8_make_valid((const char *)peer->handshake_payload,
                              peer->handshake.length);

        error_setg(errp, "the master at %s refused this slave: %s",
                   peer->name, text);
        return false;
    }
    what = sdm_proto_parse_welcome(peer->handshake_payload,
                                   peer->handshake.length, &welcome,
                                   &sections);
    if (what) {
        error_setg(errp, "protocol violation by the master at %s: %s",
                   peer->name, what);
        return false;
    }
    ms->own_id = welcome.id;
    ms->num_ids = welcome.num_ids;
    peer->id = SDM_ID_MASTER;
    peer->arch = welcome.arch;
    return peer_accept_channels(peer, &sections, &code, errp);
}

void multi_socket_handshake(MultiSocketPeer *peer)
{
    MultiSocketBackend *ms = peer->ms;
    Error *err = NULL;
    uint32_t code;
    bool ok;

    ms->num_pending--;
    if (ms->listen) {
        ok = master_handshake(peer, &code, &err);
        if (!ok) {
            master_reject(peer, code, err);
        }
    } else {
        ok = slave_handshake(peer, &err);
        if (!ok) {
            error_report_err(err);
        }
    }
    if (ok) {
        peer_established(peer);
    }
    multi_socket_peer_decide(peer, ok);
}

/* ------------------------------------------------------------------------
 * Life of a connection
 */

const char *multi_socket_receive(MultiSocketPeer *peer,
                                 const struct sdm_proto_header *header,
                                 const uint8_t *payload)
{
    MultiSocketBackend *ms = peer->ms;
    unsigned channel = SDM_PROTO_CHANNEL(header->type);

    if (channel == SDM_PROTO_CHANNEL_LINK) {
        if (header->type != SDM_PROTO_BYE) {
            return "handshake frame after the handshake";
        }
        peer->in_order = true;
        return NULL;
    }
    if (!ms->channels[channel].ops) {
        return "frame for a channel that is not in use";
    }
    return ms->channels[channel].ops->receive(ms->channels[channel].opaque,
                                              peer, header, payload);
}

static void peer_deadline(void *opaque)
{
    MultiSocketPeer *peer = opaque;

    multi_socket_peer_fail(peer, "no handshake within %d ms",
                           HANDSHAKE_TIMEOUT_MS);
}

static void peer_begin(MultiSocketBackend *ms, MultiSocketPeer *peer)
{
    QTAILQ_INSERT_TAIL(&ms->peers, peer, next);
    ms->num_pending++;
    peer->deadline = timer_new_ms(QEMU_CLOCK_REALTIME, peer_deadline, peer);
    timer_mod(peer->deadline, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
              HANDSHAKE_TIMEOUT_MS);
    multi_socket_peer_start(peer);
}

void multi_socket_closed(MultiSocketPeer *peer)
{
    MultiSocketBackend *ms = peer->ms;
    bool refused = !peer->established && peer->handshake_payload;

    trace_multi_socket_closed(peer->name, peer->id, peer->reason);
    QTAILQ_REMOVE(&ms->peers, peer, next);

    if (peer->established) {
        ms->by_id[peer->id] = NULL;
        if (!peer->in_order) {
            warn_report("link to %s %s lost: %s",
                        ms->listen ? "slave" : "master", peer->name,
                        peer->reason);
        }
        peer_disconnect_channels(peer, peer->in_order);
    } else {
        timer_free(peer->deadline);
        peer->deadline = NULL;
        if (!refused) {
            ms->num_pending--;
            error_report("no connection with %s: %s", peer->name,
                         peer->reason);
        }
        if (!ms->listen) {
            /* A slave without a master is of no use. */
            qemu_system_shutdown_request_with_code(
                SHUTDOWN_CAUSE_HOST_ERROR, EXIT_FAILURE);
        }
    }
    multi_socket_peer_unref(peer);
}

static void multi_socket_accept(QIONetListener *listener,
                                QIOChannelSocket *sioc, gpointer opaque)
{
    MultiSocketBackend *ms = opaque;

    if (ms->num_pending >= MAX_PENDING) {
        /* Closed when the caller drops its reference. */
        warn_report_once("%s: too many connections without handshake",
                         object_get_canonical_path_component(OBJECT(ms)));
        return;
    }
    qio_channel_set_name(QIO_CHANNEL(sioc), "sdm-slave");
    peer_begin(ms, multi_socket_peer_new(ms, sioc, SDM_PROTO_HELLO));
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
    peer = multi_socket_peer_new(ms, sioc, SDM_PROTO_WELCOME);
    slave_hello(peer);
    peer_begin(ms, peer);
    return true;
}

static bool multi_socket_start(MultiSocketBackend *ms, Error **errp)
{
    unsigned i;

    ms->started = true;
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
            multi_socket_peer_send(peer, SDM_PROTO_BYE, 0, 0, NULL, 0);
        }
    }
    if (ms->listener) {
        qio_net_listener_disconnect(ms->listener);
    }
}

/* ------------------------------------------------------------------------
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

/* ------------------------------------------------------------------------
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
    MULTI_SOCKET_BACKEND(obj)->listen = value;
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
