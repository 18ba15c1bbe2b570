#include "tls_x509.h"

#include <openssl/pem.h>

X509 *tls_x509_cert(const char *pem)
{
    ferry_cleanup(BIO_free) BIO *bio = BIO_new_mem_buf(pem, -1);

    return bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
}

X509_CRL *tls_x509_crl(const char *pem)
{
    ferry_cleanup(BIO_free) BIO *bio = BIO_new_mem_buf(pem, -1);

    return bio != NULL ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
}

static int no_pass_phrase(char *out, int size, int writing, void *asked)
{
    (void)out;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

EVP_PKEY *tls_x509_key(const char *pem, bool *ret_locked)
{
    ferry_cleanup(BIO_free) BIO *bio = BIO_new_mem_buf(pem, -1);
    bool asked = false;
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, &asked) : NULL;

    if (ret_locked != NULL)
        *ret_locked = asked;
    return key;
}
