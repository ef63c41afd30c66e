/*
 * SDM: TLS, with good, expired and foreign certificates, and with keys
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "sdm/common.h"
#include "sdm/raw.h"
#include "tests/unit/crypto-tls-x509-helpers.h"
#include "tests/unit/crypto-tls-psk-helpers.h"
#include "crypto/tlscredsx509.h"
#include "crypto/tlscredspsk.h"

static Rig *rig;
static char *base;

/*
 * ------------------------------------------------------------------------
 * Certificates: a directory for each machine
 */

typedef struct Certificate {
    const char *dir;
    const char *cn;
    const char *altname;
    bool is_server;
    bool foreign; /* from an authority that the others do not know */
    bool trusts_foreign;
    int expires;  /* in so many hours, 0: later */
} Certificate;

static const Certificate certificates[] = {
    { .dir = "master", .cn = "master", .altname = "127.0.0.1",
      .is_server = true },
    { .dir = "misnamed", .cn = "elsewhere", .altname = "elsewhere.example",
      .is_server = true },
    { .dir = "old-master", .cn = "master", .altname = "127.0.0.1",
      .is_server = true, .expires = -1 },
    { .dir = "slave", .cn = "slave" },
    { .dir = "other-slave", .cn = "other" },
    { .dir = "old-slave", .cn = "slave", .expires = -1 },
    { .dir = "foreign-slave", .cn = "slave", .foreign = true,
      .trusts_foreign = true },
    { .dir = "forged-slave", .cn = "slave", .foreign = true },
};

/* What signs the certificates. Its file has the name of the authority. */
static QCryptoTLSTestCertReq authorities[] = {
    { .cn = "trusted" }, { .cn = "foreign" },
};

static void make_authority(QCryptoTLSTestCertReq *req)
{
    *req = (QCryptoTLSTestCertReq) {
        .filename = g_strdup_printf("%s/%s.pem", base, req->cn),
        .country = "UK", .cn = req->cn,
        .basicConstraintsEnable = true, .basicConstraintsCritical = true,
        .basicConstraintsIsCA = true,
        .keyUsageEnable = true, .keyUsageCritical = true,
        .keyUsageValue = GNUTLS_KEY_KEY_CERT_SIGN,
        .start_offset = -48, .expire_offset = 48,
    };
    test_tls_generate_cert(req, NULL);
}

static void link_into(const char *dir, const char *name, const char *file)
{
    g_autofree char *path = g_strdup_printf("%s/%s/%s", base, dir, name);

    g_assert_cmpint(link(file, path), ==, 0);
}

/* They all have the same private key: who they are is in the certificate. */
static void make_certificate(const Certificate *c, const char *key)
{
    g_autofree char *dir = g_strdup_printf("%s/%s", base, c->dir);
    g_autofree char *file =
        g_strdup_printf("%s/%s", dir, c->is_server ?
                        QCRYPTO_TLS_CREDS_X509_SERVER_CERT :
                        QCRYPTO_TLS_CREDS_X509_CLIENT_CERT);
    bool is_number = c->altname && g_ascii_isdigit(c->altname[0]);
    QCryptoTLSTestCertReq req = {
        .filename = file,
        .country = "UK", .cn = c->cn,
        .altname1 = c->altname, .ipaddr1 = is_number ? c->altname : NULL,
        .basicConstraintsEnable = true, .basicConstraintsCritical = true,
        .keyUsageEnable = true, .keyUsageCritical = true,
        .keyUsageValue = GNUTLS_KEY_DIGITAL_SIGNATURE |
                         GNUTLS_KEY_KEY_ENCIPHERMENT,
        .keyPurposeEnable = true, .keyPurposeCritical = true,
        .keyPurposeOID1 = c->is_server ? GNUTLS_KP_TLS_WWW_SERVER :
                                         GNUTLS_KP_TLS_WWW_CLIENT,
        .start_offset = -24, .expire_offset = c->expires,
    };

    g_mkdir(dir, 0700);
    test_tls_generate_cert(&req, authorities[c->foreign].crt);
    test_tls_deinit_cert(&req);
    link_into(c->dir, QCRYPTO_TLS_CREDS_X509_CA_CERT,
              authorities[c->trusts_foreign].filename);
    link_into(c->dir, c->is_server ? QCRYPTO_TLS_CREDS_X509_SERVER_KEY :
                                     QCRYPTO_TLS_CREDS_X509_CLIENT_KEY, key);
}

static void make_credentials(void)
{
    g_autofree char *key = NULL;
    unsigned i;

    base = g_dir_make_tmp("sdm-tls-XXXXXX", NULL);
    key = g_strdup_printf("%s/key.pem", base);
    test_tls_init(key);
    for (i = 0; i < ARRAY_SIZE(authorities); i++) {
        make_authority(&authorities[i]);
    }
    for (i = 0; i < ARRAY_SIZE(certificates); i++) {
        make_certificate(&certificates[i], key);
    }
    for (i = 0; i < 2; i++) {
        g_autofree char *dir = g_strdup_printf("%s/psk%u", base, i);
        g_autofree char *file =
            g_strdup_printf("%s/" QCRYPTO_TLS_CREDS_PSKFILE, dir);

        g_mkdir(dir, 0700);
        (i ? test_tls_psk_init_alt : test_tls_psk_init)(file);
    }
}

static void remove_credentials(void)
{
    g_autofree char *command = g_strdup_printf("rm -r '%s'", base);

    g_assert_cmpint(system(command), ==, 0);
    g_free(base);
}

/*
 * ------------------------------------------------------------------------
 * Machines
 */

/*
 * Arguments before those of a machine. That the own certificate is no good is
 * for the other side to find out.
 */
static char *x509(const char *dir, const char *endpoint)
{
    return g_strdup_printf("-object tls-creds-x509,id=tls,dir=%s/%s,"
                           "endpoint=%s,verify-peer=on,sanity-check=off", base,
                           dir, endpoint);
}

/* Encrypted, with whomever. */
static char *unverified(const char *dir, const char *endpoint)
{
    return g_strdup_printf("-object tls-creds-x509,id=tls,dir=%s/%s,"
                           "endpoint=%s,verify-peer=off", base, dir, endpoint);
}

static char *psk(unsigned number, const char *endpoint)
{
    return g_strdup_printf("-object tls-creds-psk,id=tls,dir=%s/psk%u,"
                           "endpoint=%s%s", base, number, endpoint,
                           g_str_equal(endpoint, "client") ? ",username=qemu" :
                           "");
}

/* @creds is freed. NULL: without TLS. */
static char *tls_master_args(char *creds, const char *more)
{
    g_autofree char *owned = creds;
    g_autofree char *properties =
        g_strdup_printf("%s%s", owned ? ",tls-creds=tls" : "", more);
    g_autofree char *rest =
        master_args(rig, &(MasterOptions) { .socket = properties });

    return g_strdup_printf("%s %s", owned ? owned : "", rest);
}

static Machine *start_tls_master(char *creds, const char *more)
{
    g_autofree char *args = tls_master_args(creds, more);

    return start_machine(rig, args);
}

static char *tls_slave_args(char *creds, const char *more)
{
    g_autofree char *owned = creds;
    g_autofree char *properties =
        g_strdup_printf("%s%s", owned ? ",tls-creds=tls" : "", more);
    g_autofree char *rest =
        slave_args(rig, &(SlaveOptions) { .socket = properties });

    return g_strdup_printf("%s %s", owned ? owned : "", rest);
}

static Machine *start_tls_slave(char *creds, const char *more)
{
    g_autofree char *args = tls_slave_args(creds, more);
    Machine *m = start_machine(rig, args);

    wait_connected(m, 1);
    return m;
}

/* All kinds of frames, in both directions. */
static void check_traffic(Machine *master, Machine *slave)
{
    g_autofree uint8_t *sent = g_malloc(256 * KiB);
    g_autofree uint8_t *got = g_malloc0(256 * KiB);
    unsigned i;

    for (i = 0; i < 256 * KiB; i++) {
        sent[i] = i * 7 + i / 251;
    }
    wait_connected(master, 1);
    qtest_memwrite(master->qts, WINDOW_BASE + 0x1000, sent, 256 * KiB);
    /* A signal is behind what was stored before. */
    g_assert_cmpint(send_signal(master, 1, 5, 1, 2), ==, SDM_TX_OK);
    expect_signal(slave, 0, 5, 1, 2);
    qtest_memread(slave->qts, RAM_BASE + 0x1000, got, 256 * KiB);
    g_assert_cmpmem(sent, 256 * KiB, got, 256 * KiB);
    memset(got, 0, 32 * KiB);
    qtest_memread(master->qts, WINDOW_BASE + 0x1003, got, 32 * KiB);
    g_assert_cmpmem(sent + 3, 32 * KiB, got, 32 * KiB);
    for (i = 0; i < 300; i++) {
        g_assert_cmpint(send_signal(slave, 0, 3, i, 0), ==, SDM_TX_OK);
        expect_signal(master, 1, 3, i, 0);
    }
}

/* They find together, and what they say arrives. */
static void check_good(char *master_creds, const char *master_more,
                       char *slave_creds, const char *slave_more)
{
    Machine *master = start_tls_master(master_creds, master_more);
    Machine *slave = start_tls_slave(slave_creds, slave_more);

    check_traffic(master, slave);
    quit_machine(slave);
    wait_peer_state(master, 1, SDM_PEER_ABSENT);
    quit_machine(master);
    rig_free(rig);
}

/* The slave is refused, and a good one is not. */
static void check_bad(Machine *master, char *slave_creds, const char *more,
                      const char *master_says, const char *slave_says)
{
    g_autofree char *args = tls_slave_args(slave_creds, more);
    g_autofree char *output = NULL;
    Machine *slave;

    g_assert_cmpint(run_qemu(rig, args, &output), ==, 1);
    if (!g_pattern_match_simple(slave_says, output)) {
        g_error("printed: %s\nexpected: %s", output, slave_says);
    }
    expect_line(master, master_says);
    g_assert_cmpint(num_connected(master), ==, 0);
    g_assert_cmphex(peer_state(master, 1), ==, SDM_PEER_ABSENT);

    slave = start_tls_slave(x509("slave", "client"), "");
    check_traffic(master, slave);
    quit_machine(slave);
    wait_connected(master, 0);
}

/*
 * ------------------------------------------------------------------------
 * Tests
 */

static void test_x509(void)
{
    rig = rig_new_tcp();
    check_good(x509("master", "server"), "", x509("slave", "client"), "");
}

static void test_x509_unix(void)
{
    rig = rig_new_unix();
    check_good(x509("misnamed", "server"), "", x509("slave", "client"),
               ",tls-hostname=elsewhere.example");
}

static void test_psk(void)
{
    rig = rig_new_tcp();
    check_good(psk(0, "server"), "", psk(0, "client"), "");
}

static void test_bad_slaves(void)
{
    Machine *master;

    rig = rig_new_tcp();
    master = start_tls_master(x509("master", "server"), "");
    check_bad(master, x509("old-slave", "client"), "",
              "*: refused a slave from *: The certificate *",
              "*: permission denied\n");
    check_bad(master, x509("forged-slave", "client"), "",
              "*: refused a slave from *: *", "*: permission denied\n");
    check_bad(master, x509("foreign-slave", "client"), "",
              "*: no connection with *: *",
              "*: The certificate hasn't got a known issuer\n");
    check_bad(master, NULL, "", "*: no connection with *: TLS handshake "
              "failed: *", "*: no connection with *: *");
    quit_machine(master);
    rig_free(rig);
}

static void test_authz(void)
{
    Machine *master;
    char *creds;

    rig = rig_new_tcp();
    creds = x509("master", "server");
    master = start_tls_master(g_strconcat(creds, " -object "
                              "authz-simple,id=who,identity=C=UK,,CN=slave",
                              NULL), ",tls-authz=who");
    g_free(creds);
    check_bad(master, x509("other-slave", "client"), "",
              "*: refused a slave from *: TLS x509 authz check for "
              "*CN=other* is denied", "*: permission denied\n");
    quit_machine(master);
    rig_free(rig);
}

static void test_bad_key(void)
{
    g_autofree char *args = NULL, *output = NULL;
    Machine *master, *slave;

    rig = rig_new_tcp();
    master = start_tls_master(psk(0, "server"), "");
    args = tls_slave_args(psk(1, "client"), "");
    g_assert_cmpint(run_qemu(rig, args, &output), ==, 1);
    expect_line(master, "*: no connection with *: TLS handshake failed: *");
    slave = start_tls_slave(psk(0, "client"), "");
    check_traffic(master, slave);
    quit_machine(slave);
    quit_machine(master);
    rig_free(rig);
}

/* Slaves want to know to whom they give their memory. */
static void check_bad_master(const char *dir, const char *reason)
{
    g_autofree char *args = NULL, *output = NULL;
    Machine *master;

    rig = rig_new_tcp();
    master = start_tls_master(dir ? x509(dir, "server") : NULL, "");
    args = tls_slave_args(x509("slave", "client"), "");
    g_assert_cmpint(run_qemu(rig, args, &output), ==, 1);
    if (!g_pattern_match_simple(reason, output)) {
        g_error("printed: %s\nexpected: %s", output, reason);
    }
    expect_line(master, "*: no connection with *: *");
    quit_machine(master);
    rig_free(rig);
}

static void test_bad_masters(void)
{
    check_bad_master("misnamed", "*: Certificate does not match the hostname "
                     "127.0.0.1\n");
    check_bad_master("old-master", "*: The certificate *\n");
    check_bad_master(NULL, "*: no connection with *: *");
}

/* Who begins a TLS handshake and does not end it, or talks nonsense. */
static void test_strangers(void)
{
    static const uint8_t begin[] = { 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 };
    Machine *master, *slave;
    unsigned i;
    int fds[3];

    rig = rig_new_tcp();
    master = start_tls_master(x509("master", "server"), "");
    fds[0] = raw_connect(rig);
    raw_send(fds[0], begin, sizeof(begin));
    fds[1] = raw_connect(rig);
    fds[2] = raw_connect(rig);
    raw_send(fds[2], "GET / HTTP/1.1\r\n", 16);
    expect_line(master, "*: no connection with *: TLS handshake failed: *");
    slave = start_tls_slave(x509("slave", "client"), "");
    check_traffic(master, slave);
    for (i = 0; i < 2; i++) {
        shutdown(fds[i], SHUT_RDWR);
        expect_line(master, "*: no connection with *: TLS handshake failed: "
                    "*");
    }
    for (i = 0; i < ARRAY_SIZE(fds); i++) {
        close(fds[i]);
    }
    quit_machine(slave);
    quit_machine(master);
    rig_free(rig);
}

static void check_refused_options(const char *args, const char *reason)
{
    g_autofree char *output = NULL;

    g_assert_cmpint(run_qemu(rig, args, &output), ==, 1);
    if (!g_pattern_match_simple(reason, output)) {
        g_error("printed: %s\nexpected: %s", output, reason);
    }
}

static void check_refused_master(char *creds, const char *more,
                                 const char *reason)
{
    g_autofree char *args = tls_master_args(creds, more);

    check_refused_options(args, reason);
}

static void test_options(void)
{
    g_autofree char *server = NULL, *client = NULL, *authz = NULL;

    rig = rig_new_tcp();
    server = tls_slave_args(x509("master", "server"), "");
    check_refused_options(server, "*Expected TLS credentials for a client "
                          "endpoint*");
    client = tls_slave_args(x509("slave", "client"), ",tls-authz=who");
    check_refused_options(client, "*'tls-authz' is for a master with "
                          "'tls-creds'*");
    authz = tls_slave_args(NULL, ",tls-hostname=who");
    check_refused_options(authz, "*'tls-hostname' is for a slave with "
                          "'tls-creds'*");
    check_refused_master(psk(0, "server"), ",tls-authz=who",
                         "*'tls-authz' needs tls-creds-x509 with "
                         "verify-peer=on*");
    check_refused_master(unverified("master", "server"), ",tls-authz=who",
                         "*'tls-authz' needs tls-creds-x509 with "
                         "verify-peer=on*");
    check_refused_master(g_strdup("-object tls-creds-anon,id=tls,"
                                  "endpoint=server"), "",
                         "*'tls-creds' must be tls-creds-x509 or "
                         "tls-creds-psk*");
    rig_free(rig);
}

/* A master that everybody can reach says so, unless it knows its slaves. */
static void test_warning(void)
{
    Machine *master;

    rig = rig_new_tcp();
    g_free(rig->address);
    rig->address = g_strdup_printf("host=0.0.0.0,port=%u", rig->port);
    master = start_master(rig, NULL);
    expect_line(master, "*: warning: multi-socket-backend 'sock' listens on "
                "0.0.0.0 without 'tls-creds': *");
    quit_machine(master);
    master = start_tls_master(unverified("master", "server"), "");
    expect_line(master, "*: warning: multi-socket-backend 'sock' listens on "
                "0.0.0.0 without verify-peer=on: *");
    quit_machine(master);
    master = start_tls_master(x509("master", "server"), "");
    quit_machine(master);
    master = start_tls_master(psk(0, "server"), "");
    quit_machine(master);
    rig_free(rig);
}

int main(int argc, char **argv)
{
    int ret;

    g_test_init(&argc, &argv, NULL);
    make_credentials();

    qtest_add_func("/sdm/tls/x509/tcp", test_x509);
    qtest_add_func("/sdm/tls/x509/unix", test_x509_unix);
    qtest_add_func("/sdm/tls/psk", test_psk);
    qtest_add_func("/sdm/tls/bad-slaves", test_bad_slaves);
    qtest_add_func("/sdm/tls/authz", test_authz);
    qtest_add_func("/sdm/tls/bad-key", test_bad_key);
    qtest_add_func("/sdm/tls/bad-masters", test_bad_masters);
    qtest_add_func("/sdm/tls/strangers", test_strangers);
    qtest_add_func("/sdm/tls/options", test_options);
    qtest_add_func("/sdm/tls/warning", test_warning);

    ret = g_test_run();
    remove_credentials();
    return ret;
}
