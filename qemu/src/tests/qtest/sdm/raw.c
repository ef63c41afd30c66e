/*
 * SDM tests: a peer that speaks the protocol by hand, well or badly
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/un.h>
#include "elf.h"
#include "raw.h"

const struct sdm_proto_hello raw_hello = {
    .magic = SDM_PROTO_MAGIC,
    .major = SDM_PROTO_MAJOR,
    .minor = SDM_PROTO_MINOR,
    .id = SDM_PROTO_ID_ANY,
    .arch = EM_ARM,
};

const struct sdm_proto_hello_memory raw_memory = {
    .size = 1 * MiB,
    .base = 0x80000000,
};

const struct sdm_proto_signals raw_signals = {
    .num_signals = 4,
    .credits = 8,
    .boot_signal = 0,
    .reset_signal = SDM_PROTO_NO_SIGNAL,
    .state = SDM_PEER_RESET,
};

const struct sdm_proto_welcome raw_welcome = {
    .magic = SDM_PROTO_MAGIC,
    .major = SDM_PROTO_MAJOR,
    .minor = SDM_PROTO_MINOR,
    .id = 1,
    .num_ids = 3,
    .arch = EM_ARM,
};

/*
 * ------------------------------------------------------------------------
 * Sockets
 */

static socklen_t rig_sockaddr(Rig *rig, struct sockaddr_storage *addr)
{
    memset(addr, 0, sizeof(*addr));
    if (rig->path) {
        struct sockaddr_un *un = (struct sockaddr_un *)addr;

        un->sun_family = AF_UNIX;
        g_strlcpy(un->sun_path, rig->path, sizeof(un->sun_path));
        return sizeof(*un);
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *)addr;

        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        in->sin_port = htons(rig->port);
        return sizeof(*in);
    }
}

/* No call on @fd blocks for ever. */
static void limit_time(int fd)
{
    struct timeval limit = { .tv_sec = TIME_LIMIT_S };

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

int raw_connect(Rig *rig)
{
    struct sockaddr_storage addr;
    socklen_t length = rig_sockaddr(rig, &addr);
    int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    limit_time(fd);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, length), ==, 0);
    return fd;
}

int raw_listen(Rig *rig)
{
    struct sockaddr_storage addr;
    socklen_t length = rig_sockaddr(rig, &addr);
    int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    limit_time(fd);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, length), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

int raw_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    limit_time(fd);
    return fd;
}

void raw_send(int fd, const void *data, size_t length)
{
    while (length) {
        ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

        g_assert_cmpint(n, >, 0);
        data = (const char *)data + n;
        length -= n;
    }
}

/* False at the end of the connection. */
static bool receive_bytes(int fd, void *data, size_t length)
{
    while (length) {
        ssize_t n = recv(fd, data, length, 0);

        if (n == 0 || (n < 0 && errno == ECONNRESET)) {
            return false;
        }
        g_assert_cmpint(n, >, 0);
        data = (char *)data + n;
        length -= n;
    }
    return true;
}

/*
 * ------------------------------------------------------------------------
 * Frames
 */

void raw_send_header(int fd, uint16_t type, uint16_t flags, uint32_t length,
                     uint32_t tag, uint32_t arg)
{
    struct sdm_proto_header header = {
        .type = type,
        .flags = flags,
        .length = length,
        .tag = tag,
        .arg = arg,
    };
    uint8_t buf[SDM_PROTO_HEADER_SIZE];

    sdm_proto_put_header(buf, &header);
    raw_send(fd, buf, sizeof(buf));
}

void raw_send_frame(int fd, uint16_t type, uint32_t tag, uint32_t arg,
                    const void *payload, size_t length)
{
    raw_send_header(fd, type, 0, length, tag, arg);
    raw_send(fd, payload, length);
}

void raw_send_signal(int fd, const struct sdm_proto_signal *signal)
{
    uint8_t buf[sizeof(*signal)];

    sdm_proto_put_signal(buf, signal);
    raw_send_frame(fd, SDM_PROTO_SIGNAL, 0, 0, buf, sizeof(buf));
}

void raw_send_mem(int fd, uint16_t type, uint32_t tag, uint32_t arg,
                  uint64_t offset, const void *data, size_t length)
{
    struct sdm_proto_mem mem = { .offset = offset };
    uint8_t buf[sizeof(mem)];

    sdm_proto_put_mem(buf, &mem);
    raw_send_header(fd, type, 0, sizeof(buf) + length, tag, arg);
    raw_send(fd, buf, sizeof(buf));
    raw_send(fd, data, length);
}

static bool receive_frame(int fd, struct sdm_proto_header *header,
                          uint8_t *payload)
{
    g_autofree uint8_t *own = payload ? NULL : g_malloc(SDM_PROTO_MAX_FRAME);
    uint8_t buf[SDM_PROTO_HEADER_SIZE];

    if (!receive_bytes(fd, buf, sizeof(buf))) {
        return false;
    }
    g_assert_null(sdm_proto_parse_header(buf, header));
    return receive_bytes(fd, payload ? payload : own, header->length);
}

void raw_receive(int fd, struct sdm_proto_header *header, uint8_t *payload)
{
    g_assert_true(receive_frame(fd, header, payload));
}

void raw_expect(int fd, uint16_t type, struct sdm_proto_header *header,
                uint8_t *payload)
{
    struct sdm_proto_header own;

    header = header ? header : &own;
    do {
        raw_receive(fd, header, payload);
    } while (header->type != type && (header->type == SDM_PROTO_STATE ||
                                      header->type == SDM_PROTO_CREDIT));
    g_assert_cmphex(header->type, ==, type);
}

void raw_expect_end(int fd)
{
    struct sdm_proto_header header;

    while (receive_frame(fd, &header, NULL)) {
        /* skip */
    }
    close(fd);
}

/*
 * ------------------------------------------------------------------------
 * Handshake
 */

/* One byte that takes a file along. */
static void send_byte_with_file(int fd, const void *byte, int file)
{
    struct iovec iov = { .iov_base = (void *)byte, .iov_len = 1 };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };

    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &file, sizeof(int));
    g_assert_cmpint(sendmsg(fd, &msg, MSG_NOSIGNAL), ==, 1);
}

void raw_send_hello_file(int fd, const RawHello *hello, int file)
{
    struct sdm_proto_header header = { .type = SDM_PROTO_HELLO };
    uint8_t head[SDM_PROTO_HEADER_SIZE];
    g_autoptr(GByteArray) out = g_byte_array_new();

    sdm_proto_add_hello(out, &hello->hello);
    if (hello->memory) {
        g_autoptr(GByteArray) body = g_byte_array_new();

        sdm_proto_add_hello_memory(body, hello->memory);
        sdm_proto_add_section(out, SDM_PROTO_CHANNEL_MEMORY, body);
    }
    if (hello->signals) {
        g_autoptr(GByteArray) body = g_byte_array_new();

        sdm_proto_add_signals(body, hello->signals);
        sdm_proto_add_section(out, SDM_PROTO_CHANNEL_SIGNAL, body);
    }
    if (hello->rest_length) {
        g_byte_array_append(out, hello->rest, hello->rest_length);
    }
    header.length = out->len;
    sdm_proto_put_header(head, &header);
    if (file >= 0) {
        send_byte_with_file(fd, head, file);
        raw_send(fd, head + 1, sizeof(head) - 1);
    } else {
        raw_send(fd, head, sizeof(head));
    }
    raw_send(fd, out->data, out->len);
}

void raw_send_hello(int fd, const RawHello *hello)
{
    raw_send_hello_file(fd, hello, -1);
}

int raw_join(Rig *rig)
{
    const RawHello hello = {
        .hello = raw_hello,
        .memory = &raw_memory,
        .signals = &raw_signals,
    };
    int fd = raw_connect(rig);

    raw_send_hello(fd, &hello);
    raw_expect(fd, SDM_PROTO_WELCOME, NULL, NULL);
    /* The first STATE comes when the connection is complete. */
    raw_expect(fd, SDM_PROTO_STATE, NULL, NULL);
    return fd;
}

void raw_leave(int fd)
{
    raw_send_header(fd, SDM_PROTO_BYE, 0, 0, 0, 0);
    shutdown(fd, SHUT_WR);
    raw_expect_end(fd);
}

void raw_send_welcome(int fd, const struct sdm_proto_welcome *welcome,
                      const struct sdm_proto_signals *signals)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    sdm_proto_add_welcome(out, welcome);
    if (signals) {
        g_autoptr(GByteArray) body = g_byte_array_new();

        sdm_proto_add_signals(body, signals);
        sdm_proto_add_section(out, SDM_PROTO_CHANNEL_SIGNAL, body);
    }
    raw_send_frame(fd, SDM_PROTO_WELCOME, 0, 0, out->data, out->len);
}
