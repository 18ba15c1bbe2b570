#include "revocations.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { FILE_MAX = 1 << 20 };

FERRY_DEFINE_CLEANUP(BIO *, BIO_free)

static void free_lists(STACK_OF(X509_CRL) *lists)
{
    sk_X509_CRL_pop_free(lists, X509_CRL_free);
}

/* Null: damaged, or no memory. */
static STACK_OF(X509_CRL) *parse(const char *pem, size_t len)
{
    ferry_cleanup(BIO_free) BIO *bio = BIO_new_mem_buf(pem, (int)len);
    STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
    X509_CRL *list = NULL;

    while (bio != NULL && lists != NULL && (list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL)
        if (sk_X509_CRL_push(lists, list) == 0) {
            X509_CRL_free(list);
            break;
        }
    bool whole = bio != NULL && lists != NULL && list == NULL &&
                 ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (whole && sk_X509_CRL_num(lists) > 0)
        return lists;
    free_lists(lists);
    return NULL;
}

ferry_err revocations_read(struct revocations *r, const char *path)
{
    ferry_autobuf text = FERRY_BUF_INIT(FILE_MAX);
    ferry_err err = ferry_file_read(path, &text);

    if (err == FERRY_E_NOT_FOUND)
        revocations_done(r);
    if (err != FERRY_OK)
        return err;
    STACK_OF(X509_CRL) *lists = parse(text.data, text.len);
    if (lists == NULL)
        return FERRY_E_FORMAT;
    revocations_done(r);
    r->lists = lists;
    return FERRY_OK;
}

bool revocations_have(const struct revocations *r, void *x509)
{
    STACK_OF(X509_CRL) *lists = r->lists;
    X509_REVOKED *entry;

    for (int i = 0; i < sk_X509_CRL_num(lists); i++) {
        X509_CRL *list = sk_X509_CRL_value(lists, i);

        if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_issuer_name(x509)) == 0 &&
            X509_CRL_get0_by_cert(list, &entry, x509) == 1)
            return true;
    }
    return false;
}

void revocations_done(struct revocations *r)
{
    free_lists(r->lists);
    r->lists = NULL;
}
