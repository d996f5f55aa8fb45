/*
 * certgen register: packs of files that make a cloud or a broker know the fleet. All offline; each
 * pack ends with NEXT.txt, the commands to type. Sources: AWS IoT Core developer guide (registering
 * a CA, just-in-time provisioning, bulk registration), Azure DPS (X.509 attestation),
 * mosquitto.conf(5), RainMaker admin CLI.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "base/hex.h"
#include "certgen.h"
#include "host/json.h"
#include "host/report.h"

static const char *out_dir;
static const char *code;
static const char *mode = "default";
static const char *role = "arn:aws:iam::ACCOUNT:role/JITPRole";
static const char *policy = "fctry-device";
static const char *certs_dir = "/etc/mosquitto/certs";

const struct opt register_options[] = {
        { 'o', "out", OPT_STR, &out_dir, "DIR", "folder for the pack (the cloud's name)", 0 },
        { 0, "mode", OPT_STR, &mode, "default|sni-only", "aws: how the CA is registered (default)",
          0 },
        { 0, "code", OPT_STR, &code, "CODE",
          "aws, azure: registration or verification code of the account", 0 },
        { 0, "role-arn", OPT_STR, &role, "ARN", "aws: role that provisioning runs under", 0 },
        { 0, "policy", OPT_STR, &policy, "NAME", "aws: policy of the devices (fctry-device)", 0 },
        { 0, "mosquitto-dir", OPT_STR, &certs_dir, "DIR",
          "mosquitto: where its files will lie (/etc/mosquitto/certs)", 0 },
        { 0 },
};

/* A file of the pack under construction. */
struct piece {
        FILE *f;
        char *text;
        size_t len;
};

static int piece_open(struct piece *p, struct diag *d)
{
        *p = (struct piece){ 0 };
        p->f = open_memstream(&p->text, &p->len);
        return p->f ? 0 : diag_set(d, E_NOMEM, "no memory");
}

static int piece_save(struct piece *p, const char *name, struct diag *d)
{
        char *path = path_join(out_dir, name);
        int rc = fclose(p->f) == 0 && path ? file_save(path, p->text, p->len, FILE_PUBLIC, d)
                                           : diag_set(d, E_NOMEM, "no memory");

        if (rc == 0)
                print_file(path);
        free(p->text);
        free(path);
        return rc;
}

static int save_blob(const struct blob *b, const char *name, struct diag *d)
{
        char *path = path_join(out_dir, name);
        int rc = path ? file_save(path, b->data, b->len, FILE_PUBLIC, d)
                      : diag_set(d, E_NOMEM, "no memory");

        if (rc == 0)
                print_file(path);
        free(path);
        return rc;
}

static int save_ca(struct ca *ca, const char *name, struct diag *d)
{
        struct blob pem = { 0 };
        int rc = cert_pem(ca->cert, &pem, d);

        if (rc == 0)
                rc = save_blob(&pem, name, d);
        blob_free(&pem);
        return rc;
}

/* Proof that we hold the CA's key: a certificate with the account's code as its name; its own key
 * is thrown away. */
static int save_verification(struct ca *ca, struct diag *d)
{
        struct profile profile;
        struct issue_config cfg = { .ca = ca,
                                    .profile = &profile,
                                    .folder = "",
                                    .reissue = true,
                                    .keep_bytes = true,
                                    .no_files = true,
                                    .now = time(NULL) };
        struct issue_device dev = { .cn = code };
        int rc = profile_builtin("server", &profile, d); /* not a client: it is no device */

        profile.days = 30;
        if (rc == 0 && (rc = cn_check(code, d)) == 0 && (rc = issue_group(&cfg, &dev, 1, d)) == 0 &&
            (rc = issue_settle(&cfg, d)) == 0)
                rc = save_blob(&dev.cert, "verification.pem", d);
        issue_device_clear(&dev);
        return rc;
}

/* Certificate, policy and thing of one device; ref: how the template names the device. */
static void write_template(FILE *f, const char *ref, bool bulk)
{
        fprintf(f, "{\"Parameters\":{");
        if (bulk)
                fprintf(f, "\"ThingName\":{\"Type\":\"String\"},\"SerialNumber\":{\"Type\":"
                           "\"String\"},"
                           "\"CertificatePem\":{\"Type\":\"String\"},\"CACertificatePem\":{"
                           "\"Type\":\"String\"}");
        else
                fprintf(f,
                        "\"%s\":{\"Type\":\"String\"},\"AWS::IoT::Certificate::Id\":{\"Type\":"
                        "\"String\"}",
                        ref);
        fprintf(f,
                "},\"Resources\":{\"thing\":{\"Type\":\"AWS::IoT::Thing\",\"Properties\":{"
                "\"ThingName\":{\"Ref\":\"%s\"}}},"
                "\"certificate\":{\"Type\":\"AWS::IoT::Certificate\",\"Properties\":{",
                ref);
        if (bulk)
                fprintf(f, "\"CertificatePem\":{\"Ref\":\"CertificatePem\"},\"CACertificatePem\":{"
                           "\"Ref\":\"CACertificatePem\"},");
        else
                fprintf(f, "\"CertificateId\":{\"Ref\":\"AWS::IoT::Certificate::Id\"},");
        fprintf(f,
                "\"Status\":\"ACTIVE\"}},\"policy\":{\"Type\":\"AWS::IoT::Policy\",\"Properties\":{"
                "\"PolicyName\":\"%s\"}}}}",
                policy);
}

static int save_jitp(struct diag *d)
{
        struct piece body, p;
        struct json_writer w = { 0 };
        int rc;

        if ((rc = piece_open(&body, d)) < 0)
                return rc;
        write_template(body.f, "AWS::IoT::Certificate::CommonName", false);
        fclose(body.f);
        if ((rc = piece_open(&p, d)) == 0) {
                w.out = p.f;
                json_open(&w, NULL, '{');
                json_str(&w, "templateBody", body.text); /* a text in the JSON: AWS wants it so */
                json_str(&w, "roleArn", role);
                json_close(&w, '}');
                fputc('\n', p.f);
                rc = piece_save(&p, "jitp.json", d);
        }
        free(body.text);
        return rc;
}

static int save_policy(struct diag *d)
{
        struct piece p;
        int rc = piece_open(&p, d);

        if (rc < 0)
                return rc;
        fputs("{\"Version\":\"2012-10-17\",\"Statement\":["
              "{\"Effect\":\"Allow\",\"Action\":\"iot:Connect\",\"Resource\":\"arn:aws:iot:*:*:"
              "client/${iot:Connection.Thing.ThingName}\"},"
              "{\"Effect\":\"Allow\",\"Action\":[\"iot:Publish\",\"iot:Receive\"],\"Resource\":"
              "\"arn:aws:iot:*:*:topic/$aws/things/"
              "${iot:Connection.Thing.ThingName}/*\"},"
              "{\"Effect\":\"Allow\",\"Action\":\"iot:Subscribe\",\"Resource\":\"arn:aws:iot:*:*:"
              "topicfilter/$aws/things/"
              "${iot:Connection.Thing.ThingName}/*\"}]}\n",
              p.f);
        return piece_save(&p, "policy.json", d);
}

/* One line a device: JSON for AWS, CSV for the others. */
struct lines {
        FILE *f;
        const char *ca_pem;
        void (*line)(const struct lines *l, const struct cert_entry *e, const char *pem);
        uint64_t count;
};

/* The index has servers and verification certificates too; these may not be clients. */
static bool is_device(const struct cert_entry *e)
{
        const uint8_t *p = e->cert.data;
        X509 *cert = d2i_X509(NULL, &p, (long)e->cert.len);
        const bool yes = cert && X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT;

        X509_free(cert);
        return yes;
}

static int each_line(void *ctx, const struct cert_entry *e)
{
        struct lines *l = ctx;
        struct blob pem = { 0 };

        if (e->revoked || !is_device(e))
                return 0;
        if (der_to_pem("CERTIFICATE", &e->cert, &pem, NULL) < 0)
                return -E_NOMEM;
        ((char *)pem.data)[pem.len - 1] = 0; /* its last line end */
        l->line(l, e, (const char *)pem.data);
        l->count++;
        blob_free(&pem);
        return 0;
}

static int save_lines(struct ca *ca, const char *name, const char *header, struct lines *l,
                      struct diag *d)
{
        struct piece p;
        int rc = piece_open(&p, d);

        if (rc < 0)
                return rc;
        l->f = p.f;
        fputs(header, p.f);
        rc = cert_index_each(ca->index, false, each_line, l, d);
        if (rc < 0) {
                fclose(p.f);
                free(p.text);
                return diag_set(d, -rc, "%s", err_text(rc));
        }
        return piece_save(&p, name, d);
}

static void aws_line(const struct lines *l, const struct cert_entry *e, const char *pem)
{
        struct json_writer w = { .out = l->f };

        json_open(&w, NULL, '{');
        json_str(&w, "ThingName", e->cn);
        json_str(&w, "SerialNumber", e->cn);
        json_str(&w, "CertificatePem", pem);
        json_str(&w, "CACertificatePem", l->ca_pem);
        json_close(&w, '}');
        fputc('\n', l->f);
}

static void csv_text(FILE *f, const char *text)
{
        fputc('"', f);
        for (; *text; text++) {
                if (*text == '"')
                        fputc('"', f);
                fputc(*text, f);
        }
        fputc('"', f);
}

static void rainmaker_line(const struct lines *l, const struct cert_entry *e, const char *pem)
{
        csv_text(l->f, e->cn);
        fputc(',', l->f);
        csv_text(l->f, pem);
        fputc('\n', l->f);
}

static void azure_line(const struct lines *l, const struct cert_entry *e, const char *pem)
{
        uint8_t digest[EVP_MAX_MD_SIZE];
        char hex[2 * EVP_MAX_MD_SIZE + 1];
        unsigned n = 0;

        if (EVP_Digest(e->cert.data, e->cert.len, digest, &n, EVP_sha256(), NULL) != 1)
                n = 0;
        hex_encode(digest, n, hex);
        csv_text(l->f, e->cn);
        fputc(',', l->f);
        csv_text(l->f, e->cn);
        fprintf(l->f, ",%s,", hex);
        csv_text(l->f, pem);
        fputc('\n', l->f);
}

static int save_text(const char *name, const char *text, struct diag *d)
{
        const struct blob b = { (uint8_t *)(uintptr_t)text, strlen(text) };

        return save_blob(&b, name, d);
}

static int aws_next(bool sni, struct diag *d)
{
        struct piece p;
        int rc = piece_open(&p, d);

        if (rc < 0)
                return rc;
        fprintf(p.f,
                "1. The policy of the devices:\n"
                "   aws iot create-policy --policy-name %s --policy-document file://policy.json\n"
                "2. The CA (the issuing one: AWS wants the CA that signs):\n",
                policy);
        if (!sni && !code)
                fputs("   aws iot get-registration-code --query registrationCode --output text\n"
                      "   certgen register aws --code CODE        (makes verification.pem)\n",
                      p.f);
        if (sni)
                fputs("   aws iot register-ca-certificate --certificate-mode SNI_ONLY "
                      "--ca-certificate file://ca.pem \\\n"
                      "       --set-as-active --allow-auto-registration --registration-config "
                      "file://jitp.json\n"
                      "   Devices must send the server name (SNI), or AWS does not find the "
                      "account.\n",
                      p.f);
        else
                fputs("   aws iot register-ca-certificate --ca-certificate file://ca.pem \\\n"
                      "       --verification-cert file://verification.pem \\\n"
                      "       --set-as-active --allow-auto-registration --registration-config "
                      "file://jitp.json\n",
                      p.f);
        fputs("   (jitp.json names the role of just-in-time provisioning; replace ACCOUNT or give "
              "--role-arn.)\n"
              "3. Just in time: the first connection of a device registers it and is dropped, the "
              "second one works. It must\n"
              "   send its CA behind its certificate: certgen batch --chain.\n"
              "   Or all of them now: copy devices.jsonl to S3, then\n"
              "   aws iot start-thing-registration-task --template-body file://bulk-template.json "
              "\\\n"
              "       --input-file-bucket BUCKET --input-file-key devices.jsonl --role-arn ROLE\n",
              p.f);
        return piece_save(&p, "NEXT.txt", d);
}

static int register_aws(struct ca *ca, struct diag *d)
{
        const bool sni = strcmp(mode, "sni-only") == 0;
        struct blob pem = { 0 };
        struct lines l = { .line = aws_line };
        struct piece p;
        int rc;

        if ((rc = save_ca(ca, "ca.pem", d)) < 0 ||
            (!sni && code && (rc = save_verification(ca, d)) < 0) || (rc = save_jitp(d)) < 0 ||
            (rc = save_policy(d)) < 0 || (rc = cert_pem(ca->cert, &pem, d)) < 0)
                return rc;
        l.ca_pem = (const char *)pem.data;
        if ((rc = piece_open(&p, d)) == 0) {
                write_template(p.f, "ThingName", true);
                fputc('\n', p.f);
                if ((rc = piece_save(&p, "bulk-template.json", d)) == 0)
                        rc = save_lines(ca, "devices.jsonl", "", &l, d);
        }
        blob_free(&pem);
        return rc < 0 ? rc : aws_next(sni, d);
}

static int register_azure(struct ca *ca, struct diag *d)
{
        struct lines l = { .line = azure_line };
        int rc;

        if ((rc = save_ca(ca, "ca.pem", d)) < 0 || (code && (rc = save_verification(ca, d)) < 0) ||
            (rc = save_lines(ca, "enrollments.csv",
                             "registrationId,deviceId,sha256Thumbprint,certificate\n", &l, d)) < 0)
                return rc;
        return save_text("NEXT.txt",
                         "1. The CA, for an enrollment group (every device at once):\n"
                         "   az iot dps certificate create --dps-name DPS -g GROUP --name fleet-ca "
                         "--path ca.pem\n"
                         "   az iot dps certificate generate-verification-code --dps-name DPS -g "
                         "GROUP -n fleet-ca --etag ETAG\n"
                         "   certgen register azure --code CODE     (makes verification.pem)\n"
                         "   az iot dps certificate verify --dps-name DPS -g GROUP -n fleet-ca "
                         "--path verification.pem --etag ETAG\n"
                         "   az iot dps enrollment-group create --dps-name DPS -g GROUP "
                         "--enrollment-id fleet --ca-name fleet-ca\n"
                         "2. Or one enrollment a device, from enrollments.csv, with the device's "
                         "own certificate file:\n"
                         "   az iot dps enrollment create --dps-name DPS -g GROUP "
                         "--attestation-type x509 \\\n"
                         "       --enrollment-id REGISTRATION_ID --device-id DEVICE_ID "
                         "--certificate-path DEVICE.crt\n",
                         d);
}

static int register_rainmaker(struct ca *ca, struct diag *d)
{
        struct lines l = { .line = rainmaker_line };
        int rc = save_lines(ca, "node_certs.csv", "node_id,certs\n", &l, d);

        if (rc < 0)
                return rc;
        if (l.count > 50000)
                tool_error("note: RainMaker takes at most 50000 nodes a request; split "
                           "node_certs.csv");
        return save_text(
                "NEXT.txt",
                "rainmaker_admin_cli.py account login --email YOU@EXAMPLE\n"
                "rainmaker_admin_cli.py certs devicecert register --inputfile node_certs.csv\n",
                d);
}

static int register_mosquitto(struct ca *ca, struct diag *d)
{
        char *chain = path_join(common.ca, "ca.crt");
        char *crl = path_join(out_dir, "crl.pem");
        char *conf = path_join(out_dir, "secure.conf");
        struct blob b = { 0 };
        size_t count;
        int rc = chain && crl && conf ? 0 : diag_set(d, E_NOMEM, "no memory");

        if (rc == 0 && (rc = file_load(chain, FILE_LIMIT_KEY, &b, d)) == 0 &&
            (rc = save_blob(&b, "ca.crt", d)) == 0 &&
            (rc = make_crl(ca, crl, 30, &count, d)) == 0 &&
            (rc = write_mosquitto_conf(conf, certs_dir, true, d)) == 0) {
                print_file(crl);
                print_file(conf);
                rc = save_text("NEXT.txt",
                               "1. The broker's own certificate, if it has none:\n"
                               "   certgen server --dns BROKER --name server --out .\n"
                               "2. ca.crt, crl.pem, server.crt and server.key go to the folder "
                               "that secure.conf names; server.key\n"
                               "   belongs to the user mosquitto (chown mosquitto, chmod 400). "
                               "secure.conf goes to /etc/mosquitto/conf.d.\n"
                               "3. systemctl restart mosquitto\n"
                               "   A new list (certgen crl) every 30 days at the latest, then: "
                               "systemctl reload mosquitto\n",
                               d);
        }
        blob_free(&b);
        free(chain);
        free(crl);
        free(conf);
        return rc;
}

int cmd_register(int argc, char **argv)
{
        static const struct {
                const char *name;
                int (*make)(struct ca *ca, struct diag *d);
        } clouds[] = { { "aws", register_aws },
                       { "azure", register_azure },
                       { "mosquitto", register_mosquitto },
                       { "rainmaker", register_rainmaker } };
        struct ca_source from;
        struct diag d = { 0 };
        struct ca ca;
        size_t i = 0;
        int rc;

        (void)argc;
        while (i < 4 && strcmp(clouds[i].name, argv[0]) != 0)
                i++;
        if (i == 4)
                return usage_error("'%s': aws, azure, mosquitto or rainmaker", argv[0]);
        if (strcmp(mode, "default") != 0 && strcmp(mode, "sni-only") != 0)
                return usage_error("--mode: default or sni-only");
        if (code && !*code)
                return usage_error("--code is empty: which code did the account give?");
        out_dir = out_dir ? out_dir : argv[0];
        from = common_ca();
        rc = ca_open(&from, time(NULL), &ca, &d);
        if (rc == 0 && (rc = file_mkdirs(out_dir, 0700, &d)) == 0)
                rc = clouds[i].make(&ca, &d);
        ca_close(&ca);
        return rc < 0 ? fail_diag(&d) : STATUS_DONE;
}
